//! A folder in memory, one a thread.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// Hands on a file with these bytes, which is the same place each time.
pub(crate) fn with_file<T>(name: &str, bytes: &[u8], look: impl FnOnce(&Path) -> T) -> T {
    FOLDER.with(|folder| {
        let memory = Path::new("/dev/shm");
        let new = || if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let folder = folder.get_or_init(|| new().expect("a folder for temporary files"));
        let path: PathBuf = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder.path())).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        let found = look(&path);
        std::fs::remove_file(&path).expect("the file");
        found
    })
}
