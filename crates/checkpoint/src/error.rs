//! Why a file cannot be used.

use crate::dtype::DType;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// A checkpoint that cannot be used, and why.
#[derive(Debug, Error)]
#[error("cannot use the checkpoint `{}`: {problem}", path.display())]
pub struct CheckpointError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a checkpoint.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The operating system refused.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    /// Not a zip archive, or a damaged one.
    #[error(
        "it is not a whole zip archive ({0}); download it again, or if it was saved by a PyTorch before 1.6, load it there and save it again"
    )]
    Archive(#[from] zip::result::ZipError),
    /// An archive, but not one that `torch.save` wrote.
    #[error("the archive holds no `data.pkl`, so `torch.save` did not write it")]
    NoPickle,
    /// A compiled program.
    #[error(
        "it is a TorchScript archive, which holds a program rather than weights; use the checkpoint that it was compiled from"
    )]
    TorchScript,
    /// Two archives in one.
    #[error("the archive holds two pickles, `{first}` and `{second}`")]
    TwoPickles {
        /// A member.
        first: String,
        /// Another.
        second: String,
    },
    /// Written on a machine of the other byte order.
    #[error("its numbers are in byte order `{0}`; only `little` is supported, load and save it on a common machine")]
    ByteOrder(String),
    /// The pickle cannot be read.
    #[error("its pickle cannot be read at byte {at}: {fault}")]
    Pickle {
        /// Position in `data.pkl`.
        at: usize,
        /// What is wrong there.
        fault: Fault,
    },
    /// Larger than allowed.
    #[error("its {what} has {found} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Part of the file.
        what: String,
        /// Its size.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A part that should be there is not.
    #[error("there is no `{name}` in {place}")]
    Missing {
        /// What was looked for.
        name: String,
        /// Where.
        place: String,
    },
    /// A part is of another kind than expected.
    #[error("{expected} was expected, {found} was found")]
    Unexpected {
        /// What was looked for.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A tensor that does not lie within its storage.
    #[error("a tensor of {layout} does not fit its storage `{storage}` of {elements} numbers")]
    OutOfBounds {
        /// The storage.
        storage: String,
        /// Shape, stride and offset of the tensor.
        layout: String,
        /// Numbers in the storage.
        elements: u64,
    },
    /// A storage is shorter or longer than the pickle says.
    #[error("the storage `{storage}` has {found} bytes instead of {expected}; the file is damaged")]
    StorageLength {
        /// The storage.
        storage: String,
        /// As the archive has it.
        found: u64,
        /// As the pickle says.
        expected: u64,
    },
    /// Numbers that are not those that were saved.
    #[error(
        "the storage `{storage}` has the checksum {found:08x} instead of {expected:08x}: its numbers were changed after they were saved; download or copy the file again"
    )]
    Checksum {
        /// The storage.
        storage: String,
        /// CRC-32 of what is there.
        found: u32,
        /// CRC-32 of what was saved.
        expected: u32,
    },
    /// Compressed numbers, which `torch.save` never writes.
    #[error("the storage `{storage}` is compressed, which `torch.save` never does")]
    Compressed {
        /// The storage.
        storage: String,
    },
    /// A tensor of another kind of numbers.
    #[error("a tensor of {found} cannot be read as {wanted}")]
    WrongNumbers {
        /// Numbers that it has.
        found: DType,
        /// Numbers that were asked for.
        wanted: &'static str,
    },
}

/// What is wrong in a pickle.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// It ends too early.
    #[error("it ends too early")]
    Truncated,
    /// An unknown instruction.
    #[error("the instruction 0x{0:02x} is unknown")]
    UnknownOpcode(u8),
    /// An instruction that no torch file needs.
    #[error("the instruction {0} is not supported")]
    Unsupported(&'static str),
    /// A newer protocol.
    #[error("protocol {0} is not supported (2 to 5 are)")]
    Protocol(u8),
    /// An instruction finds nothing to work on.
    #[error("an instruction finds its operands missing")]
    StackUnderflow,
    /// An operand of the wrong kind.
    #[error("an instruction needs {0}")]
    Operand(&'static str),
    /// A back reference to nothing.
    #[error("entry {0} is referred to before it is defined")]
    UnknownMemo(u64),
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    NotText,
    /// A class that nobody allowed.
    #[error(
        "it refers to the class or function `{0}`, which is unknown to the reader of this model and therefore refused"
    )]
    UnknownClass(String),
    /// More objects than allowed.
    #[error("it holds more than {0} objects")]
    TooManyObjects(usize),
}
