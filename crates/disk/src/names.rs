//! Names of files, and whole files.

use crate::faults::{Action, ask, note_rename, note_write};
use crate::file::File;
use std::fs::{self, Metadata, ReadDir};
use std::io::{self, Read, Write};
use std::path::Path;

/// Makes a folder and those around it.
///
/// # Errors
/// What the system, or a test, says; so for all below.
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    ask(Action::Folder, path.as_ref())?;
    fs::create_dir_all(path)
}

/// Gives a file a second name.
///
/// # Errors
/// See [`create_dir_all`].
pub fn hard_link(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    ask(Action::Link, to.as_ref())?;
    fs::hard_link(from, to)
}

/// What is known of a file.
///
/// # Errors
/// See [`create_dir_all`].
pub fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    ask(Action::Look, path.as_ref())?;
    fs::metadata(path)
}

/// All bytes of a file.
///
/// # Errors
/// See [`create_dir_all`].
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file.
///
/// # Errors
/// See [`create_dir_all`].
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Lists a folder.
///
/// # Errors
/// See [`create_dir_all`].
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    ask(Action::List, path.as_ref())?;
    fs::read_dir(path)
}

/// Removes a file.
///
/// # Errors
/// See [`create_dir_all`].
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    ask(Action::Remove, path.as_ref())?;
    fs::remove_file(path)
}

/// Gives a file another name; one that stood there is gone.
///
/// # Errors
/// See [`create_dir_all`].
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    ask(Action::Rename, to.as_ref())?;
    fs::rename(&from, &to)?;
    note_rename(from.as_ref(), to.as_ref());
    Ok(())
}

/// Writes a whole file.
///
/// # Errors
/// See [`create_dir_all`].
pub fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let mut file = File::create(&path)?;
    note_write(path.as_ref(), || 0);
    file.write_all(bytes.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Faults, Operation, Verdict, inject};
    use std::sync::Mutex;

    struct Script(Mutex<Vec<(Action, Verdict)>>);

    impl Faults for &'static Script {
        fn verdict(&self, operation: &Operation<'_>) -> Verdict {
            let mut script = self.0.lock().unwrap();
            match script.first().copied() {
                Some((action, verdict)) if action == operation.action => {
                    script.remove(0);
                    verdict
                }
                _ => Verdict::Go,
            }
        }
    }

    /// One test: faults hold for the whole process.
    #[test]
    fn calls_fail_and_write_less_as_a_test_decides() {
        static SCRIPT: Script = Script(Mutex::new(Vec::new()));
        inject(Box::new(&SCRIPT));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let then = |script: &[(Action, Verdict)]| *SCRIPT.0.lock().unwrap() = script.to_vec();
        const ENOSPC: i32 = 28;
        const EINTR: i32 = 4;
        then(&[(Action::Write(6), Verdict::Short(2)), (Action::Write(4), Verdict::Fail(EINTR))]);
        write(&path, "abcdef").unwrap();
        assert_eq!(read(&path).unwrap(), b"abcdef");
        then(&[(Action::Write(6), Verdict::Short(4)), (Action::Write(2), Verdict::Fail(ENOSPC))]);
        let error = write(&path, "ABCDEF").unwrap_err();
        assert_eq!((error.raw_os_error(), fs::read(&path).unwrap().as_slice()), (Some(ENOSPC), b"ABCD".as_slice()));
        then(&[(Action::Rename, Verdict::Fail(5)), (Action::Open, Verdict::Fail(24))]);
        assert_eq!(rename(&path, folder.path().join("y")).unwrap_err().raw_os_error(), Some(5));
        assert_eq!(read_to_string(&path).unwrap_err().raw_os_error(), Some(24));
        assert_eq!(read_to_string(&path).unwrap(), "ABCD");
        then(&[(Action::Write(3), Verdict::Short(1))]);
        File::create(&path).unwrap().write_all_at(b"xyz", 1).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"\0xyz");
    }
}
