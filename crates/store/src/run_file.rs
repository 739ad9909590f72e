//! `RUN/run.toml`: the resolved settings of a run.

use crate::{AtomicFile, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};

fn run_file(run_dir: &Path) -> PathBuf {
    run_dir.join("run.toml")
}

/// Writes the settings of a run; the file appears whole.
///
/// # Errors
/// When the settings cannot be expressed in TOML or the disk fails.
pub fn write_run_file<T: Serialize>(run_dir: &Path, settings: &T) -> Result<(), StoreError> {
    let path = run_file(run_dir);
    let text = toml::to_string_pretty(settings)
        .map_err(|source| StoreError::RunFileEncoding { path: path.clone(), source })?;
    AtomicFile::write(&path, text.as_bytes())
}

/// Reads the settings of a run.
///
/// # Errors
/// When there is no such file or it does not hold these settings.
pub fn read_run_file<T: DeserializeOwned>(run_dir: &Path) -> Result<T, StoreError> {
    let path = run_file(run_dir);
    let text = fs::read_to_string(&path).map_err(StoreError::io("read", &path))?;
    toml::from_str(&text).map_err(|source| StoreError::RunFile { path, source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        model: String,
        cutoff: f64,
    }

    #[test]
    fn settings_read_back_as_they_were_written() {
        let run = tempfile::tempdir().unwrap();
        let settings = Settings { model: "lj \"quoted\"".into(), cutoff: 0.1 + 0.2 };
        write_run_file(run.path(), &settings).unwrap();
        assert_eq!(read_run_file::<Settings>(run.path()).unwrap(), settings);
    }

    #[test]
    fn a_bad_file_is_named_with_the_line_of_the_fault() {
        let run = tempfile::tempdir().unwrap();
        fs::write(run.path().join("run.toml"), "model = \"lj\"\ncutoff = \"far\"\n").unwrap();
        let error = read_run_file::<Settings>(run.path()).unwrap_err();
        assert!(error.to_string().contains("run.toml"));
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("line 2"));
    }
}
