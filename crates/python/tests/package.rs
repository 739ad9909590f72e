//! The package as Python sees it: the extension of this build, and the tests in `tests/python`.
//!
//! A test that lacks a package of Python says which; `MLIP_PYTHON` names a Python that has them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python that has these modules; without one a line says that the test was skipped.
fn python(modules: &[&str]) -> Option<PathBuf> {
    let python = std::env::var_os("MLIP_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    let import = format!("import sys; assert sys.version_info >= (3, 9); import sys, {}", modules.join(", "));
    let found = Command::new(&python).args(["-c", &import]).output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: no Python with {} (MLIP_PYTHON names one)", modules.join(", "));
    }
    found.then_some(python)
}

/// A folder with the package: the Python files of the source, and the extension that was built for this test.
fn package() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("mlip_batch");
    std::fs::create_dir(&package).unwrap();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/mlip_batch");
    for entry in std::fs::read_dir(&sources).unwrap() {
        let path = entry.unwrap().path();
        // Not an extension of another build.
        if path.is_file() && path.extension().is_none_or(|ending| ending != "so") {
            std::fs::copy(&path, package.join(path.file_name().unwrap())).unwrap();
        }
    }
    let extension = std::env::current_exe().unwrap().with_file_name("lib_native.so");
    std::os::unix::fs::symlink(&extension, package.join("_native.abi3.so")).unwrap();
    folder
}

/// Runs a file of tests with the package.
fn run(file: &str, modules: &[&str]) {
    let Some(python) = python(modules) else { return };
    let package = package();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let mut command = Command::new(python);
    for (name, _) in std::env::vars() {
        let of_ranks = ["OMPI_", "PMIX_", "PMI_", "SLURM_"].iter().any(|prefix| name.starts_with(prefix));
        let is_setting = name.starts_with("MLIP_") && !["MLIP_CIF_DIR", "MLIP_REFERENCE_DIR"].contains(&name.as_str());
        if of_ranks || is_setting {
            command.env_remove(name);
        }
    }
    let output = command
        .args(["-m", "unittest", "-v", file])
        .current_dir(&tests)
        .env("PYTHONPATH", package.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    eprintln!("{said}");
}

#[test]
fn the_program_and_runs_over_files_need_nothing_but_python() {
    run("test_program", &["json"]);
}

#[test]
fn calculators_behave_as_ase_expects() {
    run("test_calculator", &["ase", "numpy"]);
}

#[test]
fn runs_are_read_by_pandas_polars_ase_and_pymatgen() {
    run("test_read", &["ase", "pandas", "polars", "pyarrow", "pymatgen.core"]);
}

#[test]
fn structures_in_memory_are_computed_and_relaxed() {
    run("test_run", &["ase", "pandas", "pymatgen.core"]);
}

#[test]
fn examples_of_the_documents_run_as_they_stand() {
    run("test_documents", &["ase", "pandas", "polars", "pyarrow", "pymatgen.core"]);
}

#[test]
fn phonons_are_those_of_upstream() {
    run("test_phonons", &["ase", "phonopy"]);
}
