//! Tensors as the pickle describes them: which numbers of which storage.

use crate::dtype::DType;
use crate::error::Problem;
use crate::pickle::{Value, View};

/// Where the numbers of a tensor lie. Its numbers are read by [`crate::Checkpoint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Kind of numbers.
    pub dtype: DType,
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// Name of the storage within the archive.
    pub storage: String,
    /// Numbers in that storage, as the pickle says.
    pub(crate) storage_elements: u64,
    /// First number.
    pub(crate) offset: u64,
    /// Steps between neighbors in each dimension.
    pub(crate) stride: Vec<u64>,
}

impl Tensor {
    /// Numbers in it.
    pub fn n_elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether its numbers lie side by side in the order of its indices.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.stride).rev().all(|(length, stride)| {
            let fits = *length <= 1 || *stride == expected;
            expected *= *length as u64;
            fits
        })
    }

    /// Distance from the first number to the last one that is used, plus one; 0 without numbers.
    pub(crate) fn span(&self) -> u64 {
        if self.shape.contains(&0) {
            return 0;
        }
        1 + self.shape.iter().zip(&self.stride).map(|(length, stride)| (*length as u64 - 1) * stride).sum::<u64>()
    }
}

impl<'a> Value<'a> {
    /// The tensor that this value describes, plain or as a parameter.
    ///
    /// # Errors
    /// When it is no tensor, or one that does not lie within its storage.
    pub fn tensor(self) -> Result<Tensor, Problem> {
        let unexpected = |found: Value<'_>| Problem::Unexpected { expected: "a tensor", found: found.describe() };
        let mut value = self;
        if value.view() == View::Object("torch._utils._rebuild_parameter") {
            value = value.arguments().and_then(|arguments| arguments.items().next()).ok_or_else(|| unexpected(self))?;
        }
        if value.view() != View::Object("torch._utils._rebuild_tensor_v2") {
            return Err(unexpected(value));
        }
        let mut arguments = value.arguments().ok_or_else(|| unexpected(value))?.items();
        let mut next = || arguments.next().ok_or_else(|| unexpected(value));
        let (storage, offset, shape, stride) = (next()?, next()?, next()?, next()?);
        let (dtype, name, storage_elements) = parse_storage(storage)?;
        let number = |value: Value<'_>| value.as_int().and_then(|number| u64::try_from(number).ok());
        let numbers = |value: Value<'a>| value.items().map(number).collect::<Option<Vec<u64>>>();
        let offset = number(offset).ok_or_else(|| unexpected(offset))?;
        let shape = numbers(shape).ok_or_else(|| unexpected(shape))?;
        let stride = numbers(stride).ok_or_else(|| unexpected(stride))?;
        within(name, storage_elements, offset, shape, stride, dtype)
    }
}

/// `("storage", torch.FloatStorage, key, device, number of elements)`.
fn parse_storage(value: Value<'_>) -> Result<(DType, String, u64), Problem> {
    let unexpected = || Problem::Unexpected { expected: "a storage", found: value.describe() };
    if value.view() != View::Persistent {
        return Err(unexpected());
    }
    let mut parts = value.arguments().ok_or_else(unexpected)?.items();
    let mut next = || parts.next().ok_or_else(unexpected);
    let (kind, class, key, _device, elements) = (next()?, next()?, next()?, next()?, next()?);
    let dtype = class.class().and_then(DType::of_storage);
    let elements = elements.as_int().and_then(|elements| u64::try_from(elements).ok());
    match (kind.as_str(), dtype, key.as_str(), elements) {
        (Some("storage"), Some(dtype), Some(key), Some(elements)) => Ok((dtype, key.to_owned(), elements)),
        _ => Err(unexpected()),
    }
}

/// A tensor may repeat numbers of its storage (stride 0), but not make a small file fill the memory.
const MAX_REPEATED: u64 = 1 << 22;

fn within(
    storage: String,
    elements: u64,
    offset: u64,
    shape: Vec<u64>,
    stride: Vec<u64>,
    dtype: DType,
) -> Result<Tensor, Problem> {
    let fits = || -> Option<Vec<usize>> {
        if shape.len() != stride.len() {
            return None;
        }
        // With a zero among them the product is zero, however large the others are.
        let n = shape.iter().filter(|length| **length > 0).try_fold(1u64, |n, length| n.checked_mul(*length))?;
        let is_empty = shape.contains(&0);
        let mut last = offset;
        for (length, stride) in shape.iter().zip(&stride) {
            last = last.checked_add(length.saturating_sub(1).checked_mul(*stride)?)?;
        }
        let inside = is_empty || last < elements;
        let sized = n <= elements.max(MAX_REPEATED) && elements.checked_mul(dtype.size()).is_some();
        let lengths = shape.iter().map(|length| usize::try_from(*length).ok()).collect::<Option<Vec<usize>>>()?;
        (inside && sized).then_some(lengths)
    };
    match fits() {
        // Along a dimension of one number no step is taken; torch writes anything there.
        Some(lengths) => {
            let stride = lengths.iter().zip(stride).map(|(length, step)| if *length > 1 { step } else { 0 }).collect();
            Ok(Tensor { dtype, shape: lengths, storage, storage_elements: elements, offset, stride })
        }
        None => {
            let layout = format!("shape {shape:?}, stride {stride:?} and offset {offset}");
            Err(Problem::OutOfBounds { storage, layout, elements })
        }
    }
}
