//! The bytes of a journal; `docs/formats.md` describes them one by one.

use crate::frame::Answers;
use crate::prediction::StoredPrediction;
use crate::{
    Frame, MemoryKills, MemorySample, Record, RecordHead, StoreError, SurveyedEntry, SurveyedStructures, TaskKey,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// First bytes of every journal.
pub(crate) const MAGIC: [u8; 8] = *b"MLIPJRNL";

/// Readers refuse another major version.
pub const FORMAT_MAJOR: u16 = 1;

/// Readers accept any minor version: it only adds kinds of frames, which older readers skip.
pub const FORMAT_MINOR: u16 = 7;

/// Magic, major and minor version.
pub(crate) const PREAMBLE_BYTES: usize = 12;

/// Length and checksum before every payload.
pub(crate) const FRAME_HEAD_BYTES: usize = 8;

/// Largest payload, bytes. A length beyond it can only be damage.
pub const MAX_PAYLOAD: u32 = 1 << 30;

const TAG_HEADER: u8 = 0;
const TAG_SURVEYED: u8 = 1;
const TAG_STARTED: u8 = 2;
const TAG_FINISHED: u8 = 3;
const TAG_MEMORY: u8 = 4;
const TAG_CLOSED: u8 = 5;
/// Since minor version 1, instead of [`TAG_MEMORY`].
const TAG_SAMPLE: u8 = 6;
/// Since minor version 2.
const TAG_ANSWERED: u8 = 7;
/// Since minor version 2.
const TAG_DRAINING: u8 = 8;
/// Since minor version 2.
const TAG_FATAL: u8 = 9;
/// Since minor version 4.
const TAG_STRUCTURES: u8 = 10;
/// Since minor version 7.
const TAG_MEMORY_KILLS: u8 = 11;
/// Since minor version 7.
const TAG_PRESSED: u8 = 12;

/// Identity of a run: drawn once when it begins, repeated in each of its journals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub [u8; 16]);

impl RunId {
    /// A new one, different from all others: digest of time, process, host and the hasher seed of the process.
    pub fn draw() -> Self {
        use std::hash::{BuildHasher, RandomState};
        let now = mlip_disk::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"mlip-batch run 1");
        hasher.update(&now.as_nanos().to_le_bytes());
        hasher.update(&std::process::id().to_le_bytes());
        hasher.update(crate::run_lock::host_name().as_bytes());
        hasher.update(&RandomState::new().hash_one(now).to_le_bytes());
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }

    /// From its text form, 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, position) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(text.get(position..position + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who writes a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// The run.
    pub run: RunId,
    /// Launch of the run, from 1.
    pub attempt: u32,
    /// Rank in that launch, from 0.
    pub rank: u32,
    /// Ranks of that launch.
    pub n_ranks: u32,
    /// Host of the rank.
    pub host: String,
    /// When the attempt began, seconds since 1970.
    pub started_unix_s: u64,
}

/// A frame as the planner sees it: everything but the numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum ScannedFrame {
    /// Entries from `first` to `last` (both included), perhaps with gaps.
    Surveyed {
        /// Smallest position in the input list.
        first: u64,
        /// Largest.
        last: u64,
    },
    /// Structures of entries from `first` to `last` (both included), but for those that could not be read.
    Structures {
        /// Smallest position in the input list.
        first: u64,
        /// Largest.
        last: u64,
    },
    /// An evaluation began.
    Started {
        /// Which.
        key: TaskKey,
        /// See [`Frame::Started`].
        alone: bool,
    },
    /// Answers to a calculation that is not at its end.
    Answered {
        /// To which task.
        key: TaskKey,
    },
    /// The process died of a signal: see [`Frame::Fatal`].
    Fatal {
        /// The evaluation that it died of, where known.
        key: Option<TaskKey>,
    },
    /// The rank was asked to end.
    Draining,
    /// An evaluation ended.
    Finished(RecordHead),
    /// Memory of the rank at a moment.
    Memory(MemorySample),
    /// See [`Frame::MemoryKills`].
    MemoryKills(MemoryKills),
    /// See [`Frame::Pressed`].
    Pressed,
    /// The rank left in good order.
    Closed,
    /// A kind of frame that a newer version added, or one without content.
    Unknown,
}

impl ScannedFrame {
    /// The lean form of a frame.
    pub fn of(frame: &Frame) -> Self {
        match frame {
            Frame::Surveyed(entries) => Self::surveyed(entries),
            Frame::Structures(SurveyedStructures { first, last, .. }) => {
                Self::Structures { first: *first, last: *last }
            }
            Frame::Started { key, alone } => Self::Started { key: *key, alone: *alone },
            Frame::Answered(answers) => Self::Answered { key: answers.key },
            Frame::Fatal { key, .. } => Self::Fatal { key: *key },
            Frame::Draining => Self::Draining,
            Frame::Finished(record) => Self::Finished(record.head()),
            Frame::Memory(sample) => Self::Memory(sample.clone()),
            Frame::MemoryKills(kills) => Self::MemoryKills(kills.clone()),
            Frame::Pressed { .. } => Self::Pressed,
            Frame::Closed => Self::Closed,
        }
    }

    fn surveyed(entries: &[SurveyedEntry]) -> Self {
        let numbers = || entries.iter().map(|entry| entry.entry);
        match (numbers().min(), numbers().max()) {
            (Some(first), Some(last)) => Self::Surveyed { first, last },
            _ => Self::Unknown,
        }
    }
}

/// A frame ready to be written; lets threads encode outside the lock around a writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame(Vec<u8>);

impl EncodedFrame {
    /// Encodes a frame. `journal` is named if it is too long.
    ///
    /// # Errors
    /// When the frame is longer than [`MAX_PAYLOAD`].
    pub fn new(frame: &Frame, journal: &Path) -> Result<Self, StoreError> {
        match frame {
            Frame::Surveyed(entries) => encode(TAG_SURVEYED, entries, journal),
            Frame::Structures(structures) => encode(TAG_STRUCTURES, structures, journal),
            Frame::Started { key, alone } => encode(TAG_STARTED, &(key, alone), journal),
            Frame::Answered(Answers { key, spent_s, answers }) => {
                let stored: Vec<_> = answers.iter().map(|(ask, answer)| (*ask, StoredPrediction::of(answer))).collect();
                encode(TAG_ANSWERED, &(key, spent_s, stored), journal)
            }
            Frame::Fatal { key, signal } => encode(TAG_FATAL, &(key, signal), journal),
            Frame::Draining => encode(TAG_DRAINING, &(), journal),
            Frame::Finished(record) => encode(TAG_FINISHED, record, journal),
            Frame::Memory(sample) => encode(TAG_SAMPLE, sample, journal),
            Frame::MemoryKills(kills) => encode(TAG_MEMORY_KILLS, kills, journal),
            Frame::Pressed { resident_bytes, limit_bytes } => {
                encode(TAG_PRESSED, &(resident_bytes, limit_bytes), journal)
            }
            Frame::Closed => encode(TAG_CLOSED, &(), journal),
        }
    }

    /// Preamble and header frame.
    pub(crate) fn header(header: &JournalHeader, journal: &Path) -> Result<Self, StoreError> {
        let mut bytes = Vec::from(MAGIC);
        bytes.extend(FORMAT_MAJOR.to_le_bytes());
        bytes.extend(FORMAT_MINOR.to_le_bytes());
        bytes.extend(encode(TAG_HEADER, header, journal)?.0);
        Ok(Self(bytes))
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn encode<T: Serialize>(tag: u8, value: &T, journal: &Path) -> Result<EncodedFrame, StoreError> {
    let mut bytes = vec![0; FRAME_HEAD_BYTES];
    bytes.push(tag);
    let mut bytes = postcard::to_extend(value, bytes).map_err(|source| StoreError::Codec {
        action: "encode",
        what: "a journal frame",
        source,
    })?;
    let payload = bytes.len() - FRAME_HEAD_BYTES;
    let length = u32::try_from(payload).ok().filter(|length| *length <= MAX_PAYLOAD);
    let Some(length) = length else {
        return Err(StoreError::FrameTooLong {
            path: journal.to_owned(),
            bytes: payload as u64,
            limit: MAX_PAYLOAD.into(),
        });
    };
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(length, &bytes[FRAME_HEAD_BYTES..]);
    bytes[4..FRAME_HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
    Ok(EncodedFrame(bytes))
}

/// [`Frame::Fatal`] with a key is so long.
const FATAL_BYTES: usize = FRAME_HEAD_BYTES + 19;

/// The bytes of [`Frame::Fatal`], and how many of them count. Takes no memory and calls nothing: for the handler of a signal.
pub(crate) fn fatal_frame(key: Option<TaskKey>, signal: u8) -> ([u8; FATAL_BYTES], usize) {
    let mut bytes = [0; FATAL_BYTES];
    bytes[FRAME_HEAD_BYTES] = TAG_FATAL;
    let mut end = FRAME_HEAD_BYTES + 2;
    if let Some(TaskKey(key)) = key {
        bytes[end - 1] = 1;
        bytes[end..end + key.len()].copy_from_slice(&key);
        end += key.len();
    }
    bytes[end] = signal;
    end += 1;
    let length = (end - FRAME_HEAD_BYTES) as u32;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    let sum = slow_crc32c(bytes[..4].iter().chain(&bytes[FRAME_HEAD_BYTES..end]));
    bytes[4..FRAME_HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
    (bytes, end)
}

/// CRC-32C bit by bit: without tables, and without a look at what the processor can do.
fn slow_crc32c<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    const REVERSED_CASTAGNOLI: u32 = 0x82f6_3b78;
    !bytes.fold(!0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (REVERSED_CASTAGNOLI & (sum & 1).wrapping_neg()))
    })
}

/// CRC-32C over the four bytes of the length and the payload.
pub(crate) fn checksum(length: u32, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), payload)
}

/// The header frame's payload; `None` when it is something else.
pub(crate) fn decode_header(payload: &[u8]) -> Option<JournalHeader> {
    match payload.split_first()? {
        (&TAG_HEADER, body) => postcard::from_bytes(body).ok(),
        _ => None,
    }
}

/// A whole frame; `Ok(None)` for a kind that a newer version added.
pub(crate) fn decode(payload: &[u8]) -> Result<Option<Frame>, postcard::Error> {
    let Some((tag, body)) = payload.split_first() else {
        return Err(postcard::Error::DeserializeUnexpectedEnd);
    };
    Ok(Some(match *tag {
        TAG_SURVEYED => Frame::Surveyed(postcard::from_bytes(body)?),
        TAG_STRUCTURES => Frame::Structures(postcard::from_bytes(body)?),
        TAG_STARTED => {
            let (key, alone) = postcard::from_bytes(body)?;
            Frame::Started { key, alone }
        }
        TAG_ANSWERED => Frame::Answered(decode_answers(body)?),
        TAG_FATAL => {
            let (key, signal) = postcard::from_bytes(body)?;
            Frame::Fatal { key, signal }
        }
        TAG_DRAINING => Frame::Draining,
        TAG_FINISHED => Frame::Finished(postcard::from_bytes(body)?),
        TAG_MEMORY => Frame::Memory(postcard::from_bytes::<OldSample>(body)?.into()),
        TAG_SAMPLE => Frame::Memory(postcard::from_bytes(body)?),
        TAG_MEMORY_KILLS => Frame::MemoryKills(postcard::from_bytes(body)?),
        TAG_PRESSED => {
            let (resident_bytes, limit_bytes) = postcard::from_bytes(body)?;
            Frame::Pressed { resident_bytes, limit_bytes }
        }
        TAG_CLOSED => Frame::Closed,
        _ => return Ok(None),
    }))
}

/// The lean form of a frame: a record's numbers are not decoded.
pub(crate) fn decode_lean(payload: &[u8]) -> Result<ScannedFrame, postcard::Error> {
    let Some((tag, body)) = payload.split_first() else {
        return Err(postcard::Error::DeserializeUnexpectedEnd);
    };
    Ok(match *tag {
        TAG_FINISHED => ScannedFrame::Finished(postcard::take_from_bytes(body)?.0),
        TAG_ANSWERED => ScannedFrame::Answered { key: postcard::take_from_bytes(body)?.0 },
        TAG_STRUCTURES => {
            let (first, last) = postcard::take_from_bytes(body)?.0;
            ScannedFrame::Structures { first, last }
        }
        _ => decode(payload)?.as_ref().map_or(ScannedFrame::Unknown, ScannedFrame::of),
    })
}

fn decode_answers(body: &[u8]) -> Result<Answers, postcard::Error> {
    let (key, spent_s, stored): (TaskKey, f32, Vec<(u32, StoredPrediction<'_>)>) = postcard::from_bytes(body)?;
    let answers = stored.into_iter().map(|(ask, answer)| Ok((ask, answer.into_prediction()?)));
    Ok(Answers { key, spent_s, answers: answers.collect::<Result<_, postcard::Error>>()? })
}

/// A memory sample of minor version 0.
#[derive(Deserialize)]
struct OldSample {
    time_s: f64,
    resident_bytes: u64,
    peak_bytes: u64,
    weight_bytes: u64,
    in_flight: u32,
    finished: u64,
    busy_s: f64,
}

impl From<OldSample> for MemorySample {
    fn from(old: OldSample) -> Self {
        let OldSample { time_s, resident_bytes, peak_bytes, weight_bytes, in_flight, finished, busy_s } = old;
        Self {
            time_s,
            resident_bytes,
            peak_bytes,
            weight_bytes,
            sharing: None,
            held_bytes: 0,
            promised_bytes: 0,
            in_flight,
            finished,
            busy_s,
        }
    }
}

/// A record out of a `Finished` frame's payload.
pub(crate) fn decode_record(payload: &[u8]) -> Option<Record> {
    match payload.split_first()? {
        (&TAG_FINISHED, body) => postcard::from_bytes(body).ok(),
        _ => None,
    }
}
