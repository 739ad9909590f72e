//! Files mapped into memory: pages that the kernel shares among all processes that read them.

use memmap2::Mmap;
use std::fs::File;
use std::io;
use std::path::Path;

/// A file whose bytes are read where the kernel keeps them; nothing of it is copied into this process.
#[derive(Debug)]
pub(crate) struct Mapped {
    map: Mmap,
}

impl Mapped {
    /// Maps a whole file, for reading.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        #[expect(unsafe_code, reason = "the operating system cannot promise that nobody writes to a file")]
        // SAFETY: the map is only read, and only as bytes that are turned into floating-point numbers, for which every
        // bit pattern is valid: whoever overwrites the file while it is mapped changes numbers, and no invariant of
        // any type, length or index rests on them. The map has the length of the file when it was opened; where the
        // file is cut afterwards, the kernel ends the process (SIGBUS) rather than let it read beyond.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self { map })
    }

    /// Bytes from `start`; `None` where the file is shorter.
    pub(crate) fn bytes(&self, start: usize, length: usize) -> Option<&[u8]> {
        self.map.get(start..start.checked_add(length)?)
    }
}
