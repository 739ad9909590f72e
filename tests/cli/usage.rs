//! Mistakes are named, with what to do about them.

use crate::support::{crystals, program, run, said};

#[test]
fn without_a_command_and_a_job_file_there_is_help() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&[], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("mpirun -n 64 mlip-batch run"));
}

#[test]
fn help_documents_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let text = String::from_utf8(run(&["--help"], folder.path()).stdout).unwrap();
    for code in ["\n   0  ", "\n   1  ", "\n   2  ", "\n   3  ", "\n   4  ", "\n   5  ", "\n  75  "] {
        assert!(text.contains(code), "{text}");
    }
}

#[test]
fn an_unknown_potential_is_named() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let output = run(&["run", "--cifs", "cifs", "--model", "nonsense"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    let text = said(&output);
    assert!(text.starts_with("error: ") && text.contains("`nonsense`") && text.contains("\n  hint: "), "{text}");
    assert!(!folder.path().join("RUN").exists());
}

#[test]
fn a_missing_input_is_an_error_with_a_cause() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["run", "--cifs", "nowhere", "--model", "lennard-jones"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("nowhere") && said(&output).contains("\n  cause: "), "{}", said(&output));
    let output = run(&["run", "--model", "lennard-jones"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("--cifs"), "{}", said(&output));
}

#[test]
fn a_run_is_not_begun_twice_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    let arguments = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "RUN"];
    assert_eq!(run(&arguments, folder.path()).status.code(), Some(0));
    let again = run(&arguments, folder.path());
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).contains("mlip-batch resume RUN"), "{}", said(&again));
    let resumed = run(&[&arguments[..], &["--resume"]].concat(), folder.path());
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
}

#[test]
fn changed_physics_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    let arguments = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "RUN"];
    assert_eq!(run(&arguments, folder.path()).status.code(), Some(0));
    let changed = run(&[&arguments[..], &["--resume", "--frame", "ase"]].concat(), folder.path());
    assert_eq!(changed.status.code(), Some(2));
    assert!(said(&changed).contains("frame was Pymatgen and would become Ase"), "{}", said(&changed));
}

#[test]
fn a_folder_without_a_run_cannot_be_resumed_or_reported() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["resume", "status", "report"] {
        let output = run(&[command, "nowhere"], folder.path());
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains("run.toml"), "{}", said(&output));
    }
}

#[test]
fn the_potentials_that_are_known_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["models"], folder.path());
    assert!(String::from_utf8_lossy(&output.stdout).contains("lennard-jones"));
}

#[cfg(not(feature = "mpi"))]
#[test]
fn a_build_without_mpi_refuses_to_be_one_of_many() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let mut command = program();
    command.args(["run", "--cifs", "cifs", "--model", "lennard-jones"]).current_dir(folder.path());
    let output = command.env("OMPI_COMM_WORLD_SIZE", "4").env("OMPI_COMM_WORLD_RANK", "0").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("--features mpi"), "{}", said(&output));
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    let arguments = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "RUN"];
    assert_eq!(run(&arguments, folder.path()).status.code(), Some(0));
    let run_dir = folder.path().join("RUN");
    let lock = mlip_store::RunLock::acquire(&run_dir, mlip_store::run_lock::LockOptions::default()).unwrap();
    let refused = run(&["resume", "RUN"], folder.path());
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("in use by process"), "{}", said(&refused));
    let status = run(&["status", "RUN"], folder.path());
    assert!(String::from_utf8_lossy(&status.stdout).contains("going on"));
    drop(lock);
    assert_eq!(run(&["resume", "RUN"], folder.path()).status.code(), Some(0));
    let _ = program;
}

#[test]
fn each_process_says_what_is_wrong_with_the_arguments_the_first_at_once() {
    let said_by = |rank: &str| {
        let mut command = program();
        command.args(["run", "--no-such-flag"]).env("OMPI_COMM_WORLD_SIZE", "2").env("OMPI_COMM_WORLD_RANK", rank);
        let begin = std::time::Instant::now();
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains("--no-such-flag"), "{}", said(&output));
        begin.elapsed()
    };
    // A launcher ends the others meanwhile; where there is none, these variables are left over from elsewhere.
    let (first, second) = (said_by("0"), said_by("1"));
    assert!(second.as_secs_f64() >= 5.0 && second > first, "{first:?} {second:?}");
}

#[cfg(feature = "mpi")]
#[test]
fn variables_left_over_from_another_launcher_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for left_over in [["PMI_SIZE", "PMI_RANK"], ["SLURM_STEP_NUM_TASKS", "SLURM_PROCID"]] {
        let mut command = program();
        command.args(["run", "--cifs", "nowhere", "--model", "lennard-jones"]).current_dir(folder.path());
        let output = command.env(left_over[0], "4").env(left_over[1], "2").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = said(&output);
        assert!(said.contains(&format!("`{}` is left over", left_over[0])), "{said}");
    }
}

#[test]
fn numbers_that_mean_nothing_are_refused_with_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let refusal = |command: &str, flag: &str, value: &str| {
        let output = run(&[command, "--cifs", "cifs", "--model", "lennard-jones", flag, value], folder.path());
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        said(&output)
    };
    let text = refusal("run", "--limit", "0");
    assert!(text.contains("'0' for '--limit <N>': expected a whole number, 1 or more"), "{text}");
    let text = refusal("plan", "--ranks", "0");
    assert!(text.contains("'0' for '--ranks <N>': expected a whole number, 1 or more"), "{text}");
    let text = refusal("run", "--memory-limit", "4X");
    assert!(text.contains("expected a size such as 500M, 4G, 1.5GB or 4GiB; a bare number is MB"), "{text}");
    assert!(refusal("run", "--timeout", "inf").contains("expected seconds"));
}

#[test]
fn structures_without_their_flag_are_answered_with_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["run", "x.cif"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        said(&output),
        "error: `x.cif` is not a job file: structures are named with --cifs\n  hint: mlip-batch run --cifs x.cif\n"
    );
}

#[test]
fn structures_without_a_command_are_answered_with_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.cif"), "").unwrap();
    let output = run(&["x.cif"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).ends_with("\n  hint: mlip-batch run --cifs x.cif\n"), "{}", said(&output));
    assert!(!said(&run(&["y.cif"], folder.path())).contains("hint"));
}

#[test]
fn what_is_no_list_is_refused_before_a_run_begins() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.parquet"), b"PAR1\x15\x04\0\n").unwrap();
    let output = run(&["run", "--cifs", "t.parquet", "--model", "lennard-jones"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("`t.parquet` is no list") && said(&output).contains("a Parquet table"),
        "{}",
        said(&output)
    );
    assert!(!folder.path().join("RUN/run.toml").exists());
}

#[test]
fn a_run_in_which_too_much_fails_is_stopped_early_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let cifs = crystals(folder.path(), 5, 1);
    for number in 0..400 {
        std::fs::write(cifs.join(format!("bad-{number:03}.cif")), "no CIF\n").unwrap();
    }
    let run_it =
        |more: &[&str]| run(&[&["run", "--cifs", "cifs", "--model", "lennard-jones"], more].concat(), folder.path());
    let output = run_it(&["--max-failure-rate", "0.5", "--out", "A"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("entries could not be read, more than --max-failure-rate 0.5 allows"), "{text}");
    assert!(text.contains("`mlip-batch resume ") && text.contains("failures: "), "{text}");
    assert!(folder.path().join("A/report/failures.csv").is_file());
    // All of them may fail: nothing is stopped; nothing may fail: also a list that is too short to judge by chance.
    assert_eq!(run_it(&["--max-failure-rate", "1", "--out", "B"]).status.code(), Some(0));
    let few = run(
        &[
            "run",
            "--cifs",
            "cifs/salt-0001.cif",
            "cifs/bad-000.cif",
            "--model",
            "lennard-jones",
            "--max-failure-rate",
            "0",
            "--out",
            "C",
        ],
        folder.path(),
    );
    assert_eq!(few.status.code(), Some(5), "{}", said(&few));
    let refused = run_it(&["--max-failure-rate", "10"]);
    assert!(said(&refused).contains("expected a part, 0 to 1"), "{}", said(&refused));
}

#[test]
fn messages_have_the_time_of_day_and_relaxations_are_counted_as_such() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    let output =
        run(&["run", "--cifs", "cifs", "--model", "lennard-jones", "--relax", "--max-steps", "2"], folder.path());
    let text = said(&output);
    let is_time = |word: &str| {
        word.len() == 8
            && word.bytes().enumerate().all(|(at, b)| if at % 3 == 2 { b == b':' } else { b.is_ascii_digit() })
    };
    assert!(text.lines().all(|line| line.split(' ').next().is_some_and(is_time)), "{text}");
    assert!(text.contains("3 relaxations done, 0 failed, 0 pending"), "{text}");
    let off =
        run(&["run", "--cifs", "cifs", "--model", "lennard-jones", "--progress", "off", "--out", "OFF"], folder.path());
    assert_eq!(off.status.code(), Some(0), "{}", said(&off));
}

#[test]
fn a_switch_of_a_job_file_is_turned_off_by_a_flag() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    std::fs::write(folder.path().join("job.toml"), "cifs = [\"cifs\"]\nmodels = [\"lennard-jones\"]\nstrict = true\n")
        .unwrap();
    assert_eq!(run(&["run", "job.toml", "--out", "A"], folder.path()).status.code(), Some(3));
    assert_eq!(run(&["run", "job.toml", "--strict=false", "--out", "B"], folder.path()).status.code(), Some(0));
}
