//! What other programs read of this one: JSON, completions, manual pages, bibliographies.

use crate::support::{crystals, run, said};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[track_caller]
fn text(arguments: &[&str], folder: &Path) -> String {
    let output = run(arguments, folder);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn json(arguments: &[&str], folder: &Path) -> Value {
    serde_json::from_str(&text(arguments, folder)).unwrap()
}

#[test]
fn a_status_is_read_by_programs_and_watched_until_nobody_works() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    crystals(folder, 3, 1);
    text(&["run", "--cifs", "cifs", "--model", "lennard-jones"], folder);
    let status = json(&["status", "RUN", "--json"], folder);
    assert_eq!(
        (&status["state"], &status["entries"], &status["unreadable"]),
        (&"complete".into(), &5.into(), &1.into())
    );
    assert_eq!((&status["done"], &status["pending"], &status["percent"]), (&4.into(), &0.into(), &100.0.into()));
    assert!(status["silent_s"].as_f64().is_some_and(|silent| (0.0..600.0).contains(&silent)), "{status}");
    assert_eq!(status["attempts"][0]["n_closed"], 1);
    assert_eq!(status["left_s"], Value::Null);
    let watched = text(&["status", "RUN", "--watch=1"], folder);
    assert!(watched.contains("(100.0 %)") && watched.contains("last sign  "), "{watched}");
}

#[test]
fn plans_and_models_are_read_by_programs() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 3, 1);
    let plan = json(&["plan", "--cifs", "cifs", "--model", "lennard-jones", "--ranks", "2", "--json"], folder.path());
    assert_eq!((&plan["structures"], &plan["distinct"], &plan["ranks"]), (&4.into(), &3.into(), &2.into()));
    assert_eq!(plan["potentials"][0]["label"], "lennard-jones");
    let models = json(&["models", "--json"], folder.path());
    let chgnet = models["models"].as_array().unwrap().iter().find(|model| model["name"] == "chgnet").unwrap();
    assert!(chgnet["digest"].as_str().is_some_and(|digest| digest.len() > 16), "{chgnet}");
    assert!(models["published"].as_array().unwrap().iter().any(|file| file["name"] == "medium-mpa-0"));
}

#[test]
fn shells_complete_commands_and_flags() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&["completions", shell], folder.path());
        assert!(script.contains("max-failure-rate") && script.contains("resume"), "{shell}");
        let file = folder.path().join(shell);
        std::fs::write(&file, script).unwrap();
        // A shell that is there reads its own.
        if let Ok(read) = Command::new(shell).arg("-n").arg(&file).status() {
            assert!(read.success(), "{shell}");
        }
    }
    assert_eq!(run(&["completions", "cmd"], folder.path()).status.code(), Some(2));
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    text(&["man", "--out", "man1"], folder.path());
    for page in ["mlip-batch.1", "mlip-batch-run.1", "mlip-batch-report.1"] {
        let page = std::fs::read_to_string(folder.path().join("man1").join(page)).unwrap();
        assert!(page.contains(".TH mlip-batch"), "{page}");
    }
}

#[test]
fn a_run_says_whom_to_cite() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let models = ["--model", "chgnet", "a:chgnet-r2scan", "lennard-jones"];
    text(&[&["run", "--cifs", "cifs", "--relax", "--max-steps", "1"][..], &models].concat(), folder.path());
    let works = text(&["cite", "RUN"], folder.path());
    for (key, n) in
        [("@article{chgnet,", 1), ("@article{lennard-jones,", 1), ("@article{fire,", 1), ("@software{mlip-batch,", 1)]
    {
        assert_eq!(works.matches(key).count(), n, "{key}: {works}");
    }
    assert!(!works.contains("mace"));
}

#[test]
fn the_version_says_what_was_built() {
    let folder = tempfile::tempdir().unwrap();
    let long = text(&["--version"], folder.path());
    let begin = format!("mlip-batch {}\ncommit  ", env!("CARGO_PKG_VERSION"));
    assert!(long.starts_with(&begin), "{long}");
    assert!(["\nMPI     ", "\nSIMD    ", "\nCUDA    "].iter().all(|line| long.contains(line)), "{long}");
    assert_eq!(text(&["-V"], folder.path()), format!("mlip-batch {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_installation_has_program_pages_and_licences() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    // The script installs what `make build` made: here a folder that looks like the repository, with this program.
    for name in [
        "scripts",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "NOTICE",
        "README.md",
        "CHANGELOG.md",
        "CITATION.cff",
        "docs",
        "slurm",
    ] {
        std::os::unix::fs::symlink(root.join(name), folder.path().join(name)).unwrap();
    }
    std::fs::create_dir_all(folder.path().join("target/release")).unwrap();
    std::fs::create_dir_all(folder.path().join("crates/models")).unwrap();
    std::os::unix::fs::symlink(root.join("crates/models/weights"), folder.path().join("crates/models/weights"))
        .unwrap();
    // Nothing is run that this process wrote: a process that another test starts meanwhile may hold it open for writing.
    std::os::unix::fs::symlink(crate::support::PROGRAM, folder.path().join("target/release/mlip-batch")).unwrap();
    std::fs::remove_file(folder.path().join("scripts")).unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    std::fs::copy(root.join("scripts/install.sh"), folder.path().join("scripts/install.sh")).unwrap();
    let installed = Command::new("bash")
        .arg(folder.path().join("scripts/install.sh"))
        .env("PREFIX", "/usr")
        .env("DESTDIR", folder.path().join("to"))
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .unwrap();
    assert!(installed.status.success(), "{}", said(&installed));
    for file in [
        "bin/mlip-batch",
        "share/man/man1/mlip-batch-run.1",
        "share/bash-completion/completions/mlip-batch",
        "share/doc/mlip-batch/LICENSE.chgnet",
    ] {
        assert!(folder.path().join("to/usr").join(file).is_file(), "{file}");
    }
}
