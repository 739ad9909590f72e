//! From files to tables.

use crate::support::{crystals, history, run, said, tables};

#[test]
fn a_folder_of_cifs_becomes_tables() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 12, 2);
    let output = run(&["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "RUN"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let files = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(files.lines().all(|line| std::path::Path::new(line).is_file()), "{files}");
    let run_dir = folder.path().join("RUN");
    let found = tables(&run_dir);
    let energies: Vec<&str> = found[0].1.lines().collect();
    assert_eq!(energies.len(), 1 + 14);
    assert!(energies[0].starts_with("structure_id,path,formula,n_atoms,potential,checkpoint,status,energy_ev,"));
    assert!(energies[1].starts_with("broken,cifs/broken.cif,,,lennard-jones,"), "{}", energies[1]);
    assert!(energies[2].starts_with("salt-0000,cifs/salt-0000.cif,Cl4Na4,8,lennard-jones,"), "{}", energies[2]);
    let (first, twin) = (energies[2].split_once(".cif,").unwrap().1, energies[14].split_once(".cif,").unwrap().1);
    assert_eq!(first, twin, "equal structures have equal results");
    assert_eq!(found[3].1.lines().count(), 2, "{}", found[3].1);
    let status = String::from_utf8(run(&["status", "RUN"], folder.path()).stdout).unwrap();
    for line in ["complete", "14, 14 read, 1 of them unreadable", "13 done, 0 failed, 0 pending", "1 ranks (1 ended"] {
        assert!(status.contains(line), "{line} is missing in\n{status}");
    }
    let json = std::fs::read_to_string(run_dir.join("report/run.json")).unwrap();
    assert!(json.contains("\"n_closed\": 1"), "{json}");
    // The twin was not computed again.
    assert_eq!(history(&run_dir).tasks.len(), 12);
    history(&run_dir).check();
}

#[test]
fn report_rebuilds_the_same_bytes_from_the_journals() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 9, 2);
    run(&["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "RUN"], folder.path());
    let run_dir = folder.path().join("RUN");
    let before = tables(&run_dir);
    std::fs::remove_dir_all(run_dir.join("report")).unwrap();
    let output = run(&["report", "RUN"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(tables(&run_dir), before);
}

#[test]
fn forces_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    let output =
        run(&["run", "--cifs", "cifs", "--model", "lennard-jones", "--no-forces", "--out", "RUN"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(tables(&folder.path().join("RUN"))[1].1.lines().count(), 1);
}

#[test]
fn a_job_file_is_run_without_being_named_and_its_paths_start_from_it() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 3, 1);
    let job =
        "cifs = [\"cifs/salt-0001.cif\", \"cifs/salt-0002.cif\"]\nmodels = [\"lennard-jones\"]\nout = \"there\"\n";
    std::fs::write(folder.path().join("job.toml"), job).unwrap();
    assert_eq!(run(&[], folder.path()).status.code(), Some(0));
    assert_eq!(tables(&folder.path().join("there"))[0].1.lines().count(), 3);
    let elsewhere = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.toml");
    let output = run(&["run", path.to_str().unwrap(), "--out", "here"], elsewhere.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(tables(&elsewhere.path().join("here"))[0].1.lines().count(), 3);
}

#[test]
fn the_environment_stands_between_job_file_and_flags() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    let started = |flags: &[&str]| {
        let mut command = crate::support::program();
        command.args(["run", "--cifs", "cifs", "--model", "lennard-jones"]).args(flags);
        command.env("MLIP_OUT", "from-environment").current_dir(folder.path());
        assert!(command.output().unwrap().status.success());
    };
    started(&[]);
    started(&["--out", "from-flag"]);
    assert!(folder.path().join("from-environment/run.toml").is_file());
    assert!(folder.path().join("from-flag/run.toml").is_file());
}

#[test]
fn a_dry_run_says_what_would_be_done_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 10, 2);
    let output = run(&["plan", "--cifs", "cifs", "--model", "lennard-jones", "--ranks", "4"], folder.path());
    let text = String::from_utf8(output.stdout).unwrap();
    for line in ["entries     12", "structures  11 (10 distinct)", "ranks       4", "atoms       8 to 64"] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    // A relaxation costs as many evaluations as it is expected to take.
    let cost = |flags: &[&str]| {
        let output = run(&[&["plan", "--cifs", "cifs", "--model", "chgnet"], flags].concat(), folder.path());
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with("cost ")).unwrap_or_else(|| panic!("{text}")).to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
    };
    assert!(cost(&["--relax"]) > 5.0 * cost(&[]));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn failures_are_results_unless_strictness_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    let model = ["--model", "lennard-jones"];
    let strict = run(&[&["run", "--cifs", "cifs", "--strict", "--out", "A"][..], &model].concat(), folder.path());
    assert_eq!(strict.status.code(), Some(3), "{}", said(&strict));
    std::fs::write(folder.path().join("all.list"), "cifs/salt-0000.cif\ncifs/nowhere.cif\n").unwrap();
    let strict = run(&[&["run", "--cifs", "all.list", "--strict", "--out", "B"][..], &model].concat(), folder.path());
    assert_eq!(strict.status.code(), Some(1), "{}", said(&strict));
    assert!(said(&strict).contains("nowhere.cif"), "{}", said(&strict));
    assert!(!folder.path().join("B").exists());
    let lenient = run(&[&["run", "--cifs", "all.list", "--out", "B"][..], &model].concat(), folder.path());
    assert_eq!(lenient.status.code(), Some(0));
    assert!(tables(&folder.path().join("B"))[3].1.contains("unreadable"));
}

#[test]
fn a_run_in_which_nothing_could_be_read_does_not_look_like_success() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("cifs")).unwrap();
    for name in ["a", "b"] {
        std::fs::write(folder.path().join(format!("cifs/{name}.cif")), "this is not a CIF\n").unwrap();
    }
    let output = run(&["run", "--cifs", "cifs", "--model", "lennard-jones"], folder.path());
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("none of the 2 entries could be read; the first is cifs/a.cif"), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.contains("failures: 2 ") && last.ends_with("failures.csv"), "{text}");
    // Bad files among good ones are failures like others.
    std::fs::write(folder.path().join("cifs/c.cif"), crate::support::rock_salt(1, 1)).unwrap();
    let output = run(&["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "B"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).lines().last().unwrap().contains("failures: 2 "), "{}", said(&output));
}

#[test]
fn a_run_is_not_resumed_with_other_structures() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    let model = ["--model", "lennard-jones"];
    let again = |cifs: &str| run(&[&["run", "--cifs", cifs, "--resume"][..], &model].concat(), folder.path());
    assert_eq!(again("cifs").status.code(), Some(0));
    assert_eq!(again("cifs").status.code(), Some(0), "the same structures");
    let other = again("cifs/salt-0001.cif");
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));
    let text = said(&other);
    assert!(text.contains("it had 4 entries and would have 1") && text.contains("salt-0001"), "{text}");
    // One more in the same folder is another list too.
    std::fs::write(folder.path().join("cifs/zinc.cif"), crate::support::rock_salt(3, 1)).unwrap();
    let more = again("cifs");
    assert_eq!(more.status.code(), Some(2), "{}", said(&more));
    assert!(said(&more).contains("entry 5 was nothing and would be zinc"), "{}", said(&more));
    assert!(
        !std::fs::read_dir(folder.path().join("RUN"))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().contains("compared") })
    );
}
