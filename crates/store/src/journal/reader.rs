//! Reads journals: front to back, or one frame at a time.

use super::format::{self, FRAME_HEAD_BYTES, JournalHeader, MAGIC, PREAMBLE_BYTES, ScannedFrame, checksum};
use super::{FORMAT_MAJOR, MAX_PAYLOAD};
use crate::{Frame, Record, StoreError};
use mlip_disk::File;
use serde::{Deserialize, Serialize};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// Place of a frame in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FrameRef {
    /// First byte of the frame (of its length field).
    pub offset: u64,
    /// Bytes of the frame, length and checksum included.
    pub len: u32,
}

/// How a journal ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tail {
    /// With a whole frame.
    Clean,
    /// Within a frame: the writer was killed or the machine failed. What comes before is good.
    Torn {
        /// First byte that is no part of a whole frame.
        at: u64,
        /// Bytes from there to the end.
        bytes: u64,
    },
    /// A frame in the middle does not verify. What comes before is good, the rest is skipped.
    Corrupt {
        /// First byte of the bad frame.
        at: u64,
        /// Bytes from there to the end.
        bytes: u64,
    },
}

/// Reads one journal front to back in bounded memory (the longest frame).
///
/// It sees the file as long as it was when opened, so a journal that is still written reads as
/// one that was killed at that moment.
#[derive(Debug)]
pub struct JournalReader {
    input: BufReader<File>,
    path: PathBuf,
    header: Option<JournalHeader>,
    offset: u64,
    length: u64,
    payload: Vec<u8>,
    tail: Option<Tail>,
    closed: bool,
}

impl JournalReader {
    /// Opens a journal and reads its header.
    ///
    /// # Errors
    /// When the file cannot be read, is no journal, or has a format of another major version.
    /// A torn or corrupt header is no error: such a journal has no header and no frames.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io("open", path))?;
        let length = file.metadata().map_err(StoreError::io("open", path))?.len();
        let mut reader = Self {
            input: BufReader::with_capacity(1 << 18, file),
            path: path.to_owned(),
            header: None,
            offset: 0,
            length,
            payload: Vec::new(),
            tail: None,
            closed: false,
        };
        let mut preamble = [0; PREAMBLE_BYTES];
        let known = length.min(PREAMBLE_BYTES as u64) as usize;
        reader.input.read_exact(&mut preamble[..known]).map_err(StoreError::io("read", path))?;
        let magic = known.min(MAGIC.len());
        if preamble[..magic] != MAGIC[..magic] {
            return Err(StoreError::NotAJournal { path: path.to_owned() });
        }
        if known < PREAMBLE_BYTES {
            reader.tail = Some(if length == 0 { Tail::Clean } else { Tail::Torn { at: 0, bytes: length } });
            return Ok(reader);
        }
        let major = u16::from_le_bytes([preamble[8], preamble[9]]);
        let minor = u16::from_le_bytes([preamble[10], preamble[11]]);
        if major != FORMAT_MAJOR {
            return Err(StoreError::JournalVersion { path: path.to_owned(), major, minor, supported: FORMAT_MAJOR });
        }
        reader.offset = PREAMBLE_BYTES as u64;
        if let Some(place) = reader.advance()? {
            reader.header = format::decode_header(&reader.payload);
            if reader.header.is_none() {
                reader.give_up(place);
            }
        }
        Ok(reader)
    }

    /// Who wrote it; `None` when the header is torn or corrupt.
    pub fn header(&self) -> Option<&JournalHeader> {
        self.header.as_ref()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How the file ends; `None` before the end was reached.
    pub fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    /// Whether a `Closed` frame was met so far.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The next frame and its place; `None` at the end, of which [`JournalReader::tail`] tells more.
    ///
    /// # Errors
    /// When the disk fails. Damaged frames are no error but the end.
    pub fn next_frame(&mut self) -> Result<Option<(Frame, FrameRef)>, StoreError> {
        while let Some(place) = self.advance()? {
            match format::decode(&self.payload) {
                Ok(Some(frame)) => {
                    self.closed |= frame == Frame::Closed;
                    return Ok(Some((frame, place)));
                }
                Ok(None) => {}
                Err(_) => self.give_up(place),
            }
        }
        Ok(None)
    }

    /// As [`JournalReader::next_frame`], without decoding the numbers of a record.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn next_scanned(&mut self) -> Result<Option<(ScannedFrame, FrameRef)>, StoreError> {
        let Some(place) = self.advance()? else {
            return Ok(None);
        };
        match format::decode_lean(&self.payload) {
            Ok(frame) => {
                self.closed |= frame == ScannedFrame::Closed;
                Ok(Some((frame, place)))
            }
            Err(_) => {
                self.give_up(place);
                Ok(None)
            }
        }
    }

    /// Reads the next verified payload into the buffer.
    fn advance(&mut self) -> Result<Option<FrameRef>, StoreError> {
        if self.tail.is_some() {
            return Ok(None);
        }
        let left = self.length - self.offset;
        if left == 0 {
            self.tail = Some(Tail::Clean);
            return Ok(None);
        }
        if left < FRAME_HEAD_BYTES as u64 {
            return Ok(self.end(Tail::Torn { at: self.offset, bytes: left }));
        }
        let mut head = [0; FRAME_HEAD_BYTES];
        if !self.fill_head(&mut head)? {
            return Ok(self.end(Tail::Torn { at: self.offset, bytes: left }));
        }
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let sum = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let whole = FRAME_HEAD_BYTES as u64 + u64::from(length);
        if whole > left && length <= MAX_PAYLOAD {
            return Ok(self.end(Tail::Torn { at: self.offset, bytes: left }));
        }
        if length == 0 || length > MAX_PAYLOAD {
            // A machine that fails may leave a tail of zeros; either way nothing can be read from here.
            return Ok(self.end(Tail::Corrupt { at: self.offset, bytes: left }));
        }
        self.payload.resize(length as usize, 0);
        match self.input.read_exact(&mut self.payload) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(self.end(Tail::Torn { at: self.offset, bytes: left }));
            }
            Err(error) => return Err(StoreError::io("read", &self.path)(error)),
        }
        if checksum(length, &self.payload) != sum {
            let (at, bytes) = (self.offset, left);
            return Ok(self.end(if whole == left { Tail::Torn { at, bytes } } else { Tail::Corrupt { at, bytes } }));
        }
        let place = FrameRef { offset: self.offset, len: length + FRAME_HEAD_BYTES as u32 };
        self.offset += whole;
        Ok(Some(place))
    }

    fn fill_head(&mut self, head: &mut [u8]) -> Result<bool, StoreError> {
        match self.input.read_exact(head) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(StoreError::io("read", &self.path)(error)),
        }
    }

    fn end(&mut self, tail: Tail) -> Option<FrameRef> {
        self.tail = Some(tail);
        None
    }

    /// The checksum holds but the content cannot be decoded.
    fn give_up(&mut self, place: FrameRef) {
        self.tail = Some(Tail::Corrupt { at: place.offset, bytes: self.length - place.offset });
    }
}

/// Reads one frame of an open journal; verified like a scan.
///
/// # Errors
/// When the disk fails or there is no valid frame at this place.
pub fn read_frame(file: &File, path: &Path, place: FrameRef) -> Result<Frame, StoreError> {
    let payload = read_payload(file, path, place)?;
    let damaged = || StoreError::Damaged { path: path.to_owned(), offset: place.offset, what: "frame" };
    format::decode(&payload).ok().flatten().ok_or_else(damaged)
}

/// Reads one record of an open journal; verified like a scan.
///
/// # Errors
/// When the disk fails or there is no valid record at this place.
pub fn read_record(file: &File, path: &Path, place: FrameRef) -> Result<Record, StoreError> {
    let payload = read_payload(file, path, place)?;
    let damaged = || StoreError::Damaged { path: path.to_owned(), offset: place.offset, what: "record" };
    format::decode_record(&payload).ok_or_else(damaged)
}

fn read_payload(file: &File, path: &Path, place: FrameRef) -> Result<Vec<u8>, StoreError> {
    let damaged = || StoreError::Damaged { path: path.to_owned(), offset: place.offset, what: "frame" };
    if (place.len as usize) <= FRAME_HEAD_BYTES || u64::from(place.len) > u64::from(MAX_PAYLOAD) + 8 {
        return Err(damaged());
    }
    let mut bytes = vec![0; place.len as usize];
    match file.read_exact_at(&mut bytes, place.offset) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(damaged()),
        Err(error) => return Err(StoreError::io("read", path)(error)),
    }
    let payload = bytes.split_off(FRAME_HEAD_BYTES);
    let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let sum = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    if length as usize != payload.len() || checksum(length, &payload) != sum {
        return Err(damaged());
    }
    Ok(payload)
}
