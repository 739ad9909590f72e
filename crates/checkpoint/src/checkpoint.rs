//! A checkpoint file.

use crate::archive::Archive;
use crate::dtype::DType;
use crate::error::{CheckpointError, Problem};
use crate::limits::Limits;
use crate::numbers::{NumberReader, float_reader, integer_reader, positions};
use crate::pickle::{self, Tree, Value};
use crate::tensor::Tensor;
use std::fs::File;
use std::path::{Path, PathBuf};

/// An opened checkpoint: its pickle in memory, its tensors on disk.
///
/// Reading a tensor takes `&self`, so several threads may read at a time. The storage that a tensor lies in is compared
/// with its checksum: a file with one flipped bit gives an error instead of other numbers.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    archive: Archive,
    tree: Tree,
}

impl Checkpoint {
    /// Opens a checkpoint. `allowed` are the classes that it may mention beside
    /// [`pickle::PLAIN_CLASSES`]: `module.Class`, or `module.*` for all in that module and below.
    ///
    /// # Errors
    /// When the file cannot be read, is no checkpoint, is damaged or mentions another class.
    pub fn open(path: &Path, allowed: &[&str]) -> Result<Self, CheckpointError> {
        Self::open_within(path, allowed, Limits::default())
    }

    /// As [`Checkpoint::open`], with other limits.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open_within(path: &Path, allowed: &[&str], limits: Limits) -> Result<Self, CheckpointError> {
        let open = || -> Result<(Archive, Tree), Problem> {
            let (archive, bytes) = Archive::open(File::open(path)?, limits)?;
            let tree = pickle::parse(&bytes, allowed, limits.objects)?;
            Ok((archive, tree))
        };
        let (archive, tree) = open().map_err(|problem| CheckpointError { path: path.to_owned(), problem })?;
        Ok(Self { path: path.to_owned(), archive, tree })
    }

    /// What was saved.
    pub fn root(&self) -> Value<'_> {
        self.tree.root()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file as it was opened: whoever maps it has the same one, whatever has taken its place since.
    pub fn file(&self) -> &File {
        self.archive.file()
    }

    /// For `map_err`: a problem met while looking at this checkpoint, with its name.
    pub fn error(&self, problem: Problem) -> CheckpointError {
        CheckpointError { path: self.path.clone(), problem }
    }

    /// The numbers of a float tensor, row-major. `f64` is rounded.
    ///
    /// # Errors
    /// When it holds integers, or its storage is damaged.
    pub fn read_f32(&self, tensor: &Tensor) -> Result<Vec<f32>, CheckpointError> {
        if tensor.dtype == DType::F32 && tensor.is_contiguous() {
            let bytes = self.bytes(tensor)?;
            return Ok(bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect());
        }
        // From f32 and narrower by way of f64 nothing is lost.
        self.read(tensor, float_reader, "floats", |number| number as f32)
    }

    /// The numbers of a float tensor, row-major.
    ///
    /// # Errors
    /// When it holds integers, or its storage is damaged.
    pub fn read_f64(&self, tensor: &Tensor) -> Result<Vec<f64>, CheckpointError> {
        self.read(tensor, float_reader, "floats", |number| number)
    }

    /// The numbers of a tensor of integers or truth values, row-major.
    ///
    /// # Errors
    /// When it holds floats, or its storage is damaged.
    pub fn read_i64(&self, tensor: &Tensor) -> Result<Vec<i64>, CheckpointError> {
        self.read(tensor, integer_reader, "integers", |number| number)
    }

    /// Where in the file the numbers of a contiguous tensor lie: (first byte, bytes), little-endian.
    /// For mapping them into memory. They are not read, so [`checksum`](Self::checksum) is the caller's to compare.
    ///
    /// # Errors
    /// When the tensor is not contiguous, or its storage has another length than the pickle says.
    pub fn byte_range(&self, tensor: &Tensor) -> Result<(u64, u64), CheckpointError> {
        if !tensor.is_contiguous() {
            let found = format!("one of shape {:?} and stride {:?}", tensor.shape, tensor.stride);
            return Err(self.error(Problem::Unexpected { expected: "a contiguous tensor", found }));
        }
        self.extent(tensor).map_err(|problem| self.error(problem))
    }

    /// The checksum of a tensor that is all of its storage, as the archive gives it: CRC-32 (as in zip files) of the
    /// bytes of [`byte_range`](Self::byte_range). A tensor that is a part of its storage has none of its own: the whole
    /// storage is read and compared here, and the answer is `None`.
    ///
    /// # Errors
    /// When the storage is damaged.
    pub fn checksum(&self, tensor: &Tensor) -> Result<Option<u32>, CheckpointError> {
        let length = tensor.storage_elements * tensor.dtype.size();
        let find = || {
            if tensor.offset == 0 && tensor.span() == tensor.storage_elements {
                return self.archive.checksum(&tensor.storage, length).map(Some);
            }
            self.archive.check(&tensor.storage, length).map(|()| None)
        };
        find().map_err(|problem| self.error(problem))
    }

    /// Compares every member with its checksum. Opening compares that of the pickle alone, reading a tensor that of its
    /// storage.
    ///
    /// # Errors
    /// When one does not fit: the file is damaged.
    pub fn verify(&self) -> Result<(), CheckpointError> {
        self.archive.verify().map_err(|problem| self.error(problem))
    }

    fn extent(&self, tensor: &Tensor) -> Result<(u64, u64), Problem> {
        let size = tensor.dtype.size();
        let start = self.archive.locate(&tensor.storage, tensor.storage_elements * size)?;
        Ok((start + tensor.offset * size, tensor.span() * size))
    }

    /// From the first to the last number that the tensor uses.
    fn bytes(&self, tensor: &Tensor) -> Result<Vec<u8>, CheckpointError> {
        let read = || {
            let size = tensor.dtype.size();
            let bytes = tensor.span() * size;
            let bytes = usize::try_from(bytes).map_err(|_| Problem::Io(std::io::ErrorKind::OutOfMemory.into()))?;
            self.archive.read(&tensor.storage, tensor.storage_elements * size, tensor.offset * size, bytes)
        };
        read().map_err(|problem| self.error(problem))
    }

    fn read<N, T>(
        &self,
        tensor: &Tensor,
        reader: fn(DType) -> Option<NumberReader<N>>,
        wanted: &'static str,
        convert: impl Fn(N) -> T,
    ) -> Result<Vec<T>, CheckpointError> {
        let Some(number_at) = reader(tensor.dtype) else {
            return Err(self.error(Problem::WrongNumbers { found: tensor.dtype, wanted }));
        };
        let bytes = self.bytes(tensor)?;
        Ok(positions(tensor).map(|position| convert(number_at(&bytes, position))).collect())
    }
}
