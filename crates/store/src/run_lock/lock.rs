//! The file that exists while somebody works in a run.

use super::holder::{Holder, STALE_AFTER, host_name};
use crate::StoreError;
use mlip_disk::{self as fs, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

/// How often the holder should call [`RunLock::refresh`].
pub const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// How to acquire a lock.
#[derive(Debug, Clone, Copy, Default)]
pub struct LockOptions {
    /// Take it from whoever holds it.
    pub force: bool,
    /// How long to wait for a holder that is about to end.
    pub wait: Duration,
}

/// The right to work in a run; given back when dropped.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    file: File,
    content: String,
}

impl RunLock {
    /// Takes the lock of a run folder, which must exist.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process holds it; when the folder cannot be written.
    pub fn acquire(run_dir: &Path, options: LockOptions) -> Result<Self, StoreError> {
        let path = lock_path(run_dir);
        let until = Instant::now() + options.wait;
        loop {
            match Self::try_acquire(&path, options.force)? {
                Ok(lock) => return Ok(lock),
                Err(holder) if Instant::now() >= until => {
                    return Err(StoreError::Locked {
                        path,
                        host: holder.host,
                        pid: holder.pid,
                        since: holder.since_unix_s,
                        stale_after_s: STALE_AFTER.as_secs(),
                    });
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Who works in a run at the moment; `None` when nobody does (a stale lock is nobody's).
    ///
    /// # Errors
    /// When the lock cannot be read.
    pub fn holder(run_dir: &Path) -> Result<Option<Holder>, StoreError> {
        let path = lock_path(run_dir);
        let Some(content) = read(&path)? else {
            return Ok(None);
        };
        let holder = Holder::parse(&content);
        let gone = holder.is_gone(|| silence_by(mlip_disk::now(), &path))?;
        Ok((!gone).then_some(holder))
    }

    fn try_acquire(path: &Path, force: bool) -> Result<Result<Self, Holder>, StoreError> {
        let content = Holder::this_process().to_text();
        if let Some(file) = create_new(path, &content)? {
            return Ok(Ok(Self { path: path.to_owned(), file, content }));
        }
        let Some(found) = read(path)? else {
            // Given back in this moment: try again.
            return Self::try_acquire(path, force);
        };
        let holder = Holder::parse(&found);
        if !force && !holder.is_gone(|| silence(path))? {
            return Ok(Err(holder));
        }
        let takeover = path.with_extension("lock.takeover");
        let Some(file) = create_new(&takeover, &content)? else {
            // Another process is at it, or died at it.
            if let Some(rival) = read(&takeover)?.map(|content| Holder::parse(&content)) {
                if !force && !rival.is_gone(|| silence(&takeover))? {
                    return Ok(Err(rival));
                }
                remove(&takeover)?;
            }
            return Ok(Err(holder));
        };
        if read(path)?.as_deref() != Some(found.as_str()) {
            remove(&takeover)?;
            return Ok(Err(holder));
        }
        // One step: the lock is never absent, so nobody can create it in between.
        match fs::rename(&takeover, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(holder)),
            renamed => renamed.map_err(StoreError::io("take over the lock", path))?,
        }
        Ok(Ok(Self { path: path.to_owned(), file, content }))
    }

    /// Shows a sign of life. Call it every [`REFRESH_EVERY`].
    ///
    /// # Errors
    /// [`StoreError::LockLost`] when another process took the lock by force: stop.
    pub fn refresh(&self) -> Result<(), StoreError> {
        if read(&self.path)?.as_deref() != Some(self.content.as_str()) {
            return Err(StoreError::LockLost { path: self.path.clone() });
        }
        // Written through the handle: if the lock is taken in this moment, its new holder's file stays as it is.
        self.file
            .write_all_at(self.content.as_bytes(), 0)
            .and_then(|()| self.file.sync_all())
            .map_err(StoreError::io("refresh", &self.path))
    }

    /// Shows signs of life while something is done that shows none itself: at once, then in these intervals, and once it is
    /// done. `work` is given what says whether one of them failed, so that it can end before its time.
    ///
    /// # Errors
    /// As [`RunLock::refresh`]; `work` has come to its end by then.
    pub fn refresh_during<T>(&self, every: Duration, work: impl FnOnce(&AtomicBool) -> T) -> Result<T, StoreError> {
        let has_failed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (done, is_done) = mpsc::channel::<()>();
            let has_failed = &has_failed;
            let signs = scope.spawn(move || -> Result<(), StoreError> {
                loop {
                    self.refresh().inspect_err(|_| has_failed.store(true, Ordering::Relaxed))?;
                    if is_done.recv_timeout(every) != Err(mpsc::RecvTimeoutError::Timeout) {
                        return self.refresh();
                    }
                }
            });
            let result = work(has_failed);
            drop(done);
            signs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map(|()| result)
        })
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        if read(&self.path).ok().flatten().as_deref() == Some(self.content.as_str()) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub(super) fn lock_path(run_dir: &Path) -> PathBuf {
    run_dir.join("run.lock")
}

/// `None` when the file exists already. It is written under another name first, and given its own when it says who holds
/// it: whenever this process dies, nobody finds a lock without a holder.
fn create_new(path: &Path, content: &str) -> Result<Option<File>, StoreError> {
    let draft = path.with_extension(format!("draft.{}", own_name()));
    let written = File::create(&draft).and_then(|file| write_whole(file, content));
    let linked = written.map(|file| fs::hard_link(&draft, path).map(|()| file));
    // Over a network a link may be made, and its answer lost.
    let has_two_names = || fs::metadata(&draft).is_ok_and(|metadata| metadata.nlink() == 2);
    let created = match linked {
        Ok(Ok(file)) => Ok(Some(file)),
        Ok(Err(_)) if has_two_names() => {
            OpenOptions::new().write(true).open(path).map(Some).map_err(StoreError::io("open", path))
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        // A file system without second names.
        Ok(Err(_)) => match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => write_whole(file, content).map(Some).map_err(|error| {
                let _ = fs::remove_file(path);
                StoreError::io("write", path)(error)
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(StoreError::io("create", path)(error)),
        },
        Err(error) => Err(StoreError::io("write", &draft)(error)),
    };
    let _ = fs::remove_file(&draft);
    created
}

fn write_whole(mut file: File, content: &str) -> io::Result<File> {
    file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map(|()| file)
}

/// Names a file that this process alone writes.
fn own_name() -> String {
    static FILES: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}-{}", host_name(), std::process::id(), FILES.fetch_add(1, Ordering::Relaxed))
}

fn read(path: &Path) -> Result<Option<String>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Time since the file was last written, by the clock that the file system gives a file written now:
/// the clocks of two hosts need not agree.
fn silence(path: &Path) -> Result<Duration, StoreError> {
    let probe = path.with_extension(format!("clock.{}", own_name()));
    let now = File::create(&probe)
        .and_then(|mut file| file.write_all(b"clock").and_then(|()| file.sync_all()))
        .and_then(|()| fs::metadata(&probe)?.modified());
    let _ = fs::remove_file(&probe);
    silence_by(now.map_err(StoreError::io("write", &probe))?, path)
}

/// Zero when the file is gone.
fn silence_by(now: SystemTime, path: &Path) -> Result<Duration, StoreError> {
    match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(written) => Ok(now.duration_since(written).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Duration::ZERO),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}
