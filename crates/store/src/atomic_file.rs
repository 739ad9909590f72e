//! Files that appear whole or not at all.

use crate::StoreError;
use crate::journal::sync_folder;
use mlip_disk::{self as fs, File};
use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A partial file this old was left behind by a process that died.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Tells files apart that one process writes at once.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A file that is written beside its place, synced, and renamed into it by [`AtomicFile::commit`].
///
/// Dropped before that, it leaves nothing behind. The partial file is named
/// `.NAME.PROCESS.partial`, so that no two writers share one.
#[derive(Debug)]
pub struct AtomicFile {
    /// `None` once committed.
    output: Option<BufWriter<File>>,
    partial: PathBuf,
    target: PathBuf,
}

impl AtomicFile {
    /// Begins a file that will appear at `target`; its folder must exist.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(target: &Path) -> Result<Self, StoreError> {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        remove_abandoned(target.parent().unwrap_or(Path::new(".")), &name);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        name.push(format!(".{}-{}-{number}.partial", crate::run_lock::host_name(), std::process::id()));
        let partial = target.with_file_name(name);
        let file = File::create(&partial).map_err(StoreError::io("create", &partial))?;
        let output = Some(BufWriter::with_capacity(1 << 16, file));
        Ok(Self { output, partial, target: target.to_owned() })
    }

    /// Writes a whole file at once.
    ///
    /// # Errors
    /// When the disk is full or fails; what was at `target` before is still there.
    pub fn write(target: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = Self::create(target)?;
        file.write_all(bytes).map_err(StoreError::io("write", target))?;
        file.commit()
    }

    /// Writes a whole file where there is none yet; false where there is one, which stays as it is. Of several who do this
    /// at once one writes.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn write_once(target: &Path, bytes: &[u8]) -> Result<bool, StoreError> {
        let mut file = Self::create(target)?;
        file.write_all(bytes).map_err(StoreError::io("write", target))?;
        file.flush().map_err(StoreError::io("write", target))?;
        // A second name is given whole or not at all, and never to what has one.
        match fs::hard_link(&file.partial, target) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(_) if target.exists() => Ok(false),
            // A file system without second names.
            Err(_) => file.commit().map(|()| true),
        }
    }

    /// Where the file will appear.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Where it is written until then: for writers that open files themselves.
    pub(crate) fn partial(&self) -> &Path {
        &self.partial
    }

    /// Replaces as many bytes at the start of the file, which must have been written already.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn write_start(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(output) = &mut self.output else { return Ok(()) };
        let written = output.flush().and_then(|()| output.get_ref().write_all_at(bytes, 0));
        written.map_err(StoreError::io("write", &self.target))
    }

    /// Syncs the content, renames the file into its place and syncs the folder.
    ///
    /// # Errors
    /// When the disk is full or fails; what was at the place before is still there.
    pub fn commit(mut self) -> Result<(), StoreError> {
        if let Some(mut output) = self.output.take() {
            let synced = output.flush().and_then(|()| output.get_ref().sync_all());
            drop(output);
            let renamed = synced.and_then(|()| fs::rename(&self.partial, &self.target));
            if let Err(source) = renamed {
                let _ = fs::remove_file(&self.partial);
                return Err(StoreError::Io { action: "write", path: self.target.clone(), source });
            }
        }
        self.target
            .parent()
            .map_or(Ok(()), |folder| sync_folder(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.as_mut().map_or(Err(io::ErrorKind::NotConnected.into()), |output| output.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if self.output.take().is_some() {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Best effort: partial files of processes that died long ago.
fn remove_abandoned(folder: &Path, prefix: &OsString) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Some(prefix) = prefix.to_str() else {
        return;
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let partial = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(".partial"));
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = age.and_then(|modified| mlip_disk::now().duration_since(modified).ok());
        if partial && age.is_some_and(|age| age > ABANDONED_AFTER) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes a file that need not be there.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::SystemTime;

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_appears_only_when_committed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("energies.csv");
        fs::write(&target, "old").unwrap();
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        file.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["energies.csv"]);
    }

    #[test]
    fn an_abandoned_file_leaves_the_old_one_and_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("energies.csv");
        fs::write(&target, "old").unwrap();
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["energies.csv"]);
    }

    #[test]
    fn partial_files_of_processes_long_dead_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join(".energies.csv.node7-1234.partial");
        let young = folder.path().join(".energies.csv.node7-1235.partial");
        fs::File::create(&old).unwrap().set_modified(SystemTime::now() - 2 * ABANDONED_AFTER).unwrap();
        File::create(&young).unwrap();
        AtomicFile::write(&folder.path().join("energies.csv"), b"new").unwrap();
        assert!(!old.exists() && young.exists());
    }
}
