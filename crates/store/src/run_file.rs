//! `RUN/run.toml`: the resolved settings of a run.

use crate::{AtomicFile, StoreError};
use mlip_disk as fs;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// First line of a file that ends with its checksum.
const HEAD: &str = "# The last line is the checksum of all others.\n";
const SUM: &str = "# crc32c ";

fn with_checksum(settings: &str) -> String {
    let text = format!("{HEAD}{settings}");
    let sum = crc32c::crc32c(text.as_bytes());
    format!("{text}{SUM}{sum:08x}\n")
}

/// Whether a file is as it was written. Those of versions before have no checksum.
fn is_whole(text: &str) -> bool {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    let (before, last) = lines.rsplit_once('\n').map_or(("", lines), |(before, last)| (before, last));
    if !text.starts_with(HEAD) && !last.starts_with(SUM) {
        return true;
    }
    text == with_checksum(format!("{before}\n").strip_prefix(HEAD).unwrap_or_default())
}

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
    AtomicFile::write(&path, with_checksum(&text).as_bytes())
}

/// Reads the settings of a run.
///
/// # Errors
/// When there is no such file or it does not hold these settings.
pub fn read_run_file<T: DeserializeOwned>(run_dir: &Path) -> Result<T, StoreError> {
    let path = run_file(run_dir);
    let text = fs::read_to_string(&path).map_err(StoreError::io("read", &path))?;
    if !is_whole(&text) {
        return Err(StoreError::RunFileChanged { path });
    }
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
    fn a_flipped_bit_and_a_missing_end_are_noticed() {
        let run = tempfile::tempdir().unwrap();
        let settings = Settings { model: "lj".into(), cutoff: 12.5 };
        write_run_file(run.path(), &settings).unwrap();
        let path = run.path().join("run.toml");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                fs::write(&path, damaged).unwrap();
                let read = read_run_file::<Settings>(run.path());
                assert!(read.is_err(), "bit {bit} of byte {at}: {read:?}");
            }
            // Behind the settings there is nothing to lose but the line end.
            fs::write(&path, &whole[..at]).unwrap();
            let read = read_run_file::<Settings>(run.path());
            assert!(read.is_err(), "{at} bytes: {read:?}");
        }
        // As versions before wrote it.
        fs::write(&path, "model = \"lj\"\ncutoff = 12.5\n").unwrap();
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
