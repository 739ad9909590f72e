//! From the bytes of a storage to numbers.

use crate::{DType, Tensor};

/// Positions of a tensor's elements relative to its first, in the order of its indices (last fastest).
pub(crate) fn positions(tensor: &Tensor) -> impl Iterator<Item = usize> {
    let n = tensor.n_elements();
    let shape = tensor.shape.clone();
    let stride: Vec<usize> = tensor.stride.iter().map(|step| *step as usize).collect();
    let mut index = vec![0; shape.len()];
    let mut position = 0;
    (0..n).map(move |_| {
        let here = position;
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            position += stride[axis];
            if index[axis] < shape[axis] {
                break;
            }
            position -= stride[axis] * shape[axis];
            index[axis] = 0;
        }
        here
    })
}

/// The bytes of one number; zeros beyond the end, which bounds checked before exclude.
fn bytes_at<const N: usize>(bytes: &[u8], position: usize) -> [u8; N] {
    bytes.get(position * N..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// Reads the number at a position, counted in numbers.
pub(crate) type NumberReader<N> = fn(&[u8], usize) -> N;

/// A float of any width as `f64`, which is exact; `None` for integers.
pub(crate) fn float_reader(dtype: DType) -> Option<NumberReader<f64>> {
    Some(match dtype {
        DType::F16 => |bytes, at| f64::from(half(u16::from_le_bytes(bytes_at(bytes, at)))),
        DType::BF16 => |bytes, at| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(bytes_at(bytes, at))) << 16)),
        DType::F32 => |bytes, at| f64::from(f32::from_le_bytes(bytes_at(bytes, at))),
        DType::F64 => |bytes, at| f64::from_le_bytes(bytes_at(bytes, at)),
        _ => return None,
    })
}

/// An integer of any width as `i64`, which is exact; `None` for floats.
pub(crate) fn integer_reader(dtype: DType) -> Option<NumberReader<i64>> {
    Some(match dtype {
        DType::I8 => |bytes, at| i8::from_le_bytes(bytes_at(bytes, at)).into(),
        DType::I16 => |bytes, at| i16::from_le_bytes(bytes_at(bytes, at)).into(),
        DType::I32 => |bytes, at| i32::from_le_bytes(bytes_at(bytes, at)).into(),
        DType::I64 => |bytes, at| i64::from_le_bytes(bytes_at(bytes, at)),
        DType::U8 | DType::Bool => |bytes, at| u8::from_le_bytes(bytes_at(bytes, at)).into(),
        _ => return None,
    })
}

/// IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(bits & 0x03ff);
    match (bits >> 10) & 0x1f {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * 2f32.powi(i32::from(exponent) - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], stride: &[u64]) -> Tensor {
        Tensor {
            dtype: DType::F32,
            shape: shape.to_vec(),
            storage: "0".to_owned(),
            storage_elements: 100,
            offset: 0,
            stride: stride.to_vec(),
        }
    }

    #[test]
    fn a_transposed_matrix_is_walked_by_its_own_indices() {
        let transposed = tensor(&[3, 2], &[1, 3]);
        assert_eq!(positions(&transposed).collect::<Vec<_>>(), [0, 3, 1, 4, 2, 5]);
        assert!(!transposed.is_contiguous() && tensor(&[3, 2], &[2, 1]).is_contiguous());
        assert_eq!(transposed.span(), 6);
    }

    #[test]
    fn scalars_and_empty_tensors_have_one_and_no_number() {
        assert_eq!(positions(&tensor(&[], &[])).collect::<Vec<_>>(), [0]);
        assert_eq!(positions(&tensor(&[3, 0], &[1, 1])).count(), 0);
        assert_eq!((tensor(&[], &[]).span(), tensor(&[3, 0], &[1, 1]).span()), (1, 0));
    }

    #[test]
    fn an_expanded_tensor_repeats_its_numbers() {
        assert_eq!(positions(&tensor(&[2, 2], &[0, 1])).collect::<Vec<_>>(), [0, 1, 0, 1]);
    }

    #[test]
    fn half_precision_has_its_known_values() {
        let known = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
        ];
        for (bits, value) in known {
            assert_eq!(half(bits), value, "{bits:#06x}");
        }
        assert!(half(0x7e00).is_nan() && half(0x8000).is_sign_negative());
    }

    #[test]
    fn brain_floats_are_the_upper_half_of_a_float() {
        let bytes = [0x80, 0x3f, 0x49, 0x40];
        let read = float_reader(DType::BF16).unwrap();
        assert_eq!((read(&bytes, 0), read(&bytes, 1)), (1.0, 3.140_625));
    }
}
