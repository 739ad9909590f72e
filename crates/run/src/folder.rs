//! The folder of a run, and what lies where in it.

use crate::Error;
use mlip_driver::{MANIFEST, RunConfig};
use mlip_inputs::Manifest;
use mlip_store::run_lock::LockOptions;
use mlip_store::{RunId, RunLock, StoreError, read_run_file};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where compressed archives are unpacked to: beside the input list.
const SPOOL: &str = "inputs.spool";

/// Whether there is a run in a folder: the last file that a beginning writes is there.
pub(crate) fn is_run(folder: &Path) -> bool {
    folder.join("run.toml").is_file()
}

/// The settings of a run.
///
/// # Errors
/// When there is no run in the folder, or its settings cannot be read.
pub fn read_config(folder: &Path) -> Result<RunConfig, Error> {
    if !is_run(folder) {
        return Err(Error::NoRun { folder: folder.into() });
    }
    Ok(read_run_file(folder)?)
}

pub(crate) fn manifest_path(folder: &Path) -> PathBuf {
    folder.join(MANIFEST)
}

pub(crate) fn spool_path(folder: &Path) -> PathBuf {
    folder.join(SPOOL)
}

pub(crate) fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    Ok(Manifest::read(&manifest_path(folder))?)
}

pub(crate) fn run_id(config: &RunConfig) -> Result<RunId, Error> {
    let unknown = || format!("`{}` in run.toml is not the identity of a run", config.run);
    RunId::parse(&config.run).ok_or_else(|| mlip_driver::RunError::Broken(unknown()).into())
}

/// The right to work in a folder; the processes of a run that was killed may need a moment to end.
pub(crate) fn lock(folder: &Path, force: bool) -> Result<RunLock, StoreError> {
    RunLock::acquire(folder, LockOptions { force, wait: Duration::from_secs(3) })
}

/// The folder from which relative paths of a run start: that in which it was begun, or if that is gone the current one.
pub(crate) fn start_of_paths(config: &RunConfig) -> PathBuf {
    if config.folder.is_dir() { config.folder.clone() } else { PathBuf::new() }
}

/// A path from the current folder, where it is no whole one.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    if path.as_os_str().is_empty() {
        return std::env::current_dir().map_err(Error::io("find the current folder", "."));
    }
    std::path::absolute(path).map_err(Error::io("find the current folder for", path))
}
