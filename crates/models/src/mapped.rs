//! Files mapped into memory: pages that the kernel shares among all processes that read them.
//!
//! A mapped file can be changed by anybody at any time, and its digest was taken once. So whoever reads it asks before
//! and after whether it is still the file that was loaded: the same file at the same path, with the same length and
//! times. Where the times differ, or cannot tell (a file that was written within [`YOUNG`] of being loaded could have
//! been written once more within one tick of the clock that stamps it), what is read is compared with the checksums
//! that were taken when it was loaded. Checksums of all that is read would make each mixture of experts take a good
//! deal longer, so they are left out where times can tell.

use memmap2::Mmap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// Times of a file younger than this do not prove that it is unchanged: clocks of file systems tick every few
/// milliseconds to every second, and those of servers differ from ours.
const YOUNG: Duration = Duration::from_secs(60);

/// What ends a run whose weights are not what they were. Each is a sentence for the user.
#[derive(Debug, Error)]
pub(crate) enum Changed {
    /// Another length.
    #[error(
        "`{}` was changed while its weights are in use: it has {found} bytes and had {expected} when it was loaded; put the same file back and resume, or start a new run with the new one", path.display()
    )]
    Length { path: PathBuf, expected: u64, found: u64 },
    /// Other numbers.
    #[error(
        "`{}` was overwritten while its weights are in use: its numbers are not those that were loaded; put the same file back and resume, or start a new run with the new one", path.display()
    )]
    Numbers { path: PathBuf },
    /// Another file of the same name.
    #[error(
        "`{}` was replaced while its weights are in use: another file stands in its place; put the same file back and resume, or start a new run with the new one", path.display()
    )]
    Replaced { path: PathBuf },
    /// No such file any more.
    #[error("`{}` cannot be found any more while its weights are in use ({cause}); put it back and resume", path.display())]
    Gone { path: PathBuf, cause: io::Error },
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds of the last write.
    modified: (i64, i64),
    /// Seconds and nanoseconds of the last write or change of attributes, which nobody can set back.
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

impl Stamp {
    /// Whether a later write would have to show in the times.
    fn is_older_than(&self, age: Duration) -> bool {
        let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else { return false };
        let last = self.modified.0.max(self.changed.0);
        i64::try_from(now.saturating_sub(age).as_secs()).is_ok_and(|limit| last < limit)
    }
}

/// A range of a mapped file, with the checksum of what was there when it was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    start: usize,
    length: usize,
    /// CRC-32, as in zip files.
    pub(crate) crc: u32,
}

impl Part {
    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.length
    }
}

/// A file whose bytes are read where the kernel keeps them; nothing of it is copied into this process.
#[derive(Debug)]
pub(crate) struct Mapped {
    map: Mmap,
    file: File,
    path: PathBuf,
    young: Duration,
    /// When it was mapped.
    first: Stamp,
    /// The state of the file that is known to hold the numbers that were loaded, where its times can tell.
    known: Mutex<Option<Stamp>>,
    /// Parts that were handed out.
    n_parts: AtomicUsize,
}

impl Mapped {
    /// Maps a whole file, for reading. `path` is where it was opened.
    pub(crate) fn new(file: &File, path: &Path) -> io::Result<Self> {
        Self::with_young(file, path, YOUNG)
    }

    /// As [`new`](Self::new); files younger than `young` are compared by their numbers.
    fn with_young(file: &File, path: &Path, young: Duration) -> io::Result<Self> {
        let file = file.try_clone()?;
        let first = Stamp::from(&file.metadata()?);
        #[expect(unsafe_code, reason = "the operating system cannot promise that nobody writes to a file")]
        // SAFETY: the map is only read, and only as bytes that are turned into floating-point numbers, for which every
        // bit pattern is valid: whoever overwrites the file while it is mapped changes numbers, and no invariant of
        // any type, length or index rests on them. The map has the length of the file when it was opened; where the
        // file is cut afterwards, the kernel ends the process (SIGBUS) rather than let it read beyond.
        let map = unsafe { Mmap::map(&file)? };
        let known = Mutex::new(first.is_older_than(young).then_some(first));
        let path = std::path::absolute(path)?;
        Ok(Self { map, file, path, young, first, known, n_parts: AtomicUsize::new(0) })
    }

    /// A range, with its checksum and its bytes as they are now; `None` where the file is shorter.
    pub(crate) fn part(&self, start: u64, length: u64) -> Option<(Part, &[u8])> {
        let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
        let bytes = self.map.get(start..start.checked_add(length)?)?;
        self.n_parts.fetch_add(1, Ordering::Relaxed);
        Some((Part { start, length, crc: crc32fast::hash(bytes) }, bytes))
    }

    /// That nothing has happened to the file since it was mapped.
    pub(crate) fn unchanged(&self) -> Result<(), Changed> {
        match self.stamp()? == self.first {
            true => Ok(()),
            false => Err(Changed::Numbers { path: self.path.clone() }),
        }
    }

    /// Runs `work`, which reads parts. Where the times of the file do not prove that it holds what was loaded, parts
    /// are compared by their checksums; where somebody writes meanwhile, `work` runs again.
    pub(crate) fn read<R, E: From<Changed>>(&self, mut work: impl FnMut(&Reading<'_>) -> Result<R, E>) -> Result<R, E> {
        loop {
            let before = self.stamp()?;
            let reading =
                Reading { mapped: self, compare: *self.known() != Some(before), compared: AtomicUsize::new(0) };
            let result = work(&reading)?;
            let after = self.stamp()?;
            if reading.compare {
                let all = reading.compared.into_inner() == self.n_parts.load(Ordering::Relaxed);
                if all && before == after && after.is_older_than(self.young) {
                    *self.known() = Some(after);
                }
                return Ok(result);
            }
            if before == after {
                return Ok(result);
            }
        }
    }

    /// The state of the file, which must be the one that was mapped and as long.
    fn stamp(&self) -> Result<Stamp, Changed> {
        let gone = |cause| Changed::Gone { path: self.path.clone(), cause };
        let stamp = Stamp::from(&self.file.metadata().map_err(gone)?);
        let named = Stamp::from(&std::fs::metadata(&self.path).map_err(gone)?);
        if (named.device, named.inode) != (stamp.device, stamp.inode) {
            return Err(Changed::Replaced { path: self.path.clone() });
        }
        self.check_length(&stamp)?;
        Ok(stamp)
    }

    fn check_length(&self, stamp: &Stamp) -> Result<(), Changed> {
        let (expected, found) = (self.first.length, stamp.length);
        match expected == found {
            true => Ok(()),
            false => Err(Changed::Length { path: self.path.clone(), expected, found }),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Stamp>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file while it is read.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    mapped: &'a Mapped,
    compare: bool,
    compared: AtomicUsize,
}

impl Reading<'_> {
    /// Calls `work` with the bytes of a part. Its length is asked for first, since reading beyond the end of a file
    /// ends the process.
    pub(crate) fn with<R>(&self, part: &Part, work: impl FnOnce(&[u8]) -> R) -> Result<R, Changed> {
        let mapped = self.mapped;
        let found = mapped.file.metadata().map_err(|cause| Changed::Gone { path: mapped.path.clone(), cause })?;
        mapped.check_length(&Stamp::from(&found))?;
        let end = part.start.saturating_add(part.length);
        let Some(bytes) = mapped.map.get(part.start..end) else {
            let (expected, found) = (end as u64, mapped.map.len() as u64);
            return Err(Changed::Length { path: mapped.path.clone(), expected, found });
        };
        let result = work(bytes);
        if self.compare {
            // Behind the work: what is written between the two is noticed.
            if crc32fast::hash(bytes) != part.crc {
                return Err(Changed::Numbers { path: mapped.path.clone() });
            }
            self.compared.fetch_add(1, Ordering::Relaxed);
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};
    use std::os::unix::fs::FileExt;

    const NUMBERS: [u8; 64] = [7; 64];

    /// A file of two parts; times of files older than `young` are believed.
    fn mapped(young: Duration) -> (tempfile::NamedTempFile, Mapped, [Part; 2]) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&NUMBERS).unwrap();
        let mapped = Mapped::with_young(&File::open(file.path()).unwrap(), file.path(), young).unwrap();
        let parts = [0, 32].map(|start| mapped.part(start, 32).unwrap().0);
        (file, mapped, parts)
    }

    fn sum(mapped: &Mapped, parts: &[Part]) -> Result<u32, Changed> {
        mapped.read(|reading| {
            let sums =
                parts.iter().map(|part| reading.with(part, |bytes| bytes.iter().map(|x| u32::from(*x)).sum::<u32>()));
            sums.sum::<Result<u32, Changed>>()
        })
    }

    fn touch(file: &File) {
        file.set_modified(SystemTime::now() - Duration::from_secs(5)).unwrap();
    }

    #[test]
    fn a_file_that_was_overwritten_is_noticed_even_within_a_tick_of_the_clock() {
        let (file, mapped, parts) = mapped(YOUNG);
        assert_eq!(sum(&mapped, &parts).unwrap(), 7 * 64);
        let stamp = mapped.stamp().unwrap();
        file.as_file().write_all_at(&[8], 40).unwrap();
        // As a clock without ticks would show it.
        *mapped.known() = None;
        let error = sum(&mapped, &parts).unwrap_err();
        assert!(matches!(error, Changed::Numbers { .. }), "{error}");
        assert_eq!(stamp.length, mapped.stamp().unwrap().length);
        assert!(error.to_string().contains("overwritten") && error.to_string().contains("resume"), "{error}");
    }

    #[test]
    fn other_times_alone_are_no_change() {
        let (file, mapped, parts) = mapped(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(1100));
        for _ in 0..2 {
            touch(file.as_file());
            assert_eq!(sum(&mapped, &parts).unwrap(), 7 * 64);
        }
    }

    #[test]
    fn numbers_are_compared_until_the_times_can_tell() {
        let (file, mapped, parts) = mapped(Duration::ZERO);
        *mapped.known() = None;
        std::thread::sleep(Duration::from_millis(1100));
        sum(&mapped, &parts[..1]).unwrap();
        assert!(mapped.known().is_none(), "one part was not compared");
        sum(&mapped, &parts).unwrap();
        assert_eq!(*mapped.known(), Some(mapped.first));
        assert!(!mapped.read::<_, Changed>(|reading| Ok(reading.compare)).unwrap());
        file.as_file().write_all_at(&[8], 3).unwrap();
        assert!(matches!(sum(&mapped, &parts).unwrap_err(), Changed::Numbers { .. }));
        assert!(mapped.unchanged().is_err());
    }

    #[test]
    fn what_is_written_while_it_is_read_is_read_again_and_noticed() {
        let (file, mapped, parts) = mapped(Duration::ZERO);
        *mapped.known() = Some(mapped.first);
        let mut runs = 0;
        let result = mapped.read(|reading| {
            runs += 1;
            let result = reading.with(&parts[0], |bytes| bytes[0]);
            std::thread::sleep(Duration::from_millis(20));
            file.as_file().write_all_at(&[8], 0).unwrap();
            result
        });
        assert!(matches!(result, Err(Changed::Numbers { .. })), "{result:?}");
        assert_eq!(runs, 2);
    }

    #[test]
    fn a_cut_file_is_an_error_before_its_pages_are_touched() {
        let (mut file, mapped, parts) = mapped(YOUNG);
        let error = mapped.read(|reading| {
            reading.with(&parts[0], |_| ())?;
            file.as_file().set_len(8).unwrap();
            reading.with(&parts[1], |_| ())
        });
        assert!(matches!(error, Err(Changed::Length { expected: 64, found: 8, .. })), "{error:?}");
        assert!(matches!(sum(&mapped, &parts), Err(Changed::Length { .. })));
        // Written anew with the same numbers it is the same file again.
        file.rewind().unwrap();
        file.write_all(&NUMBERS).unwrap();
        assert_eq!(sum(&mapped, &parts).unwrap(), 7 * 64);
    }

    #[test]
    fn another_file_in_its_place_is_an_error_and_so_is_none() {
        let (file, mapped, parts) = mapped(YOUNG);
        let other = tempfile::NamedTempFile::new_in(file.path().parent().unwrap()).unwrap();
        other.as_file().write_all_at(&NUMBERS, 0).unwrap();
        let path = file.path().to_path_buf();
        std::fs::rename(other.path(), &path).unwrap();
        assert!(matches!(sum(&mapped, &parts), Err(Changed::Replaced { .. })));
        std::fs::remove_file(&path).unwrap();
        let error = sum(&mapped, &parts).unwrap_err();
        assert!(error.to_string().contains("cannot be found any more"), "{error}");
    }
}
