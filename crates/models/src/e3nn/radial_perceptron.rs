//! e3nn's fully connected network from a radial basis to the weights of all paths, fast.
//!
//! It depends on the distance alone. So derivatives by the distance are carried forward beside the values, and no
//! transposed network is needed.

use super::norms::SILU_NORM;
use mlip_kernels::linear::Matrix;
use mlip_kernels::silu::{silu, silu_with_slopes};
use mlip_kernels::simd::{InstructionSet, Real};

/// Silu between layers, no biases.
pub(crate) struct RadialPerceptron<T>(Vec<Matrix<T>>);

/// Numbers that a block of pairs needs on the way.
#[derive(Default)]
pub(crate) struct Scratch<T> {
    values: [Vec<T>; 2],
    slopes: [Vec<T>; 2],
}

impl<T: Real> RadialPerceptron<T> {
    /// `weights[k]`: upstream's `[widths[k], widths[k + 1]]`. `columns[c]`: which output of upstream's network column c is;
    /// `None` for padding.
    pub(crate) fn pack(widths: &[usize], weights: &[Vec<f64>], columns: &[Option<usize>], set: InstructionSet) -> Self {
        let layer = |(k, (pair, weights)): (usize, (&[usize], &Vec<f64>))| {
            let (depth, width) = (pair[0], pair[1]);
            // The factor behind a silu goes into the layer behind it.
            let scale = if k == 0 { 1.0 } else { SILU_NORM } / (depth as f64).sqrt();
            let last = k + 2 == widths.len();
            let n_columns = if last { columns.len() } else { width };
            Matrix::pack(depth, n_columns, set, |row, column| {
                let column = if last { columns[column] } else { Some(column) };
                T::real(column.map_or(0.0, |column| scale * weights[row * width + column]))
            })
        };
        Self(widths.windows(2).zip(weights).enumerate().map(layer).collect())
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(Matrix::bytes).sum()
    }

    /// Weights of rows of the basis.
    pub(crate) fn values(&self, basis: &[T], scratch: &mut Scratch<T>, out: &mut [T]) {
        let Some((last, hidden)) = self.0.split_last() else { return };
        let [input, output] = &mut scratch.values;
        input.clear();
        input.extend_from_slice(basis);
        for layer in hidden {
            advance(layer, input, output);
            silu(output);
            std::mem::swap(input, output);
        }
        out.fill(T::default());
        last.multiply_add_all(input, out);
    }

    /// Weights and their derivatives by the distance, from those of the basis.
    pub(crate) fn values_and_slopes(
        &self,
        basis: &[T],
        basis_slopes: &[T],
        scratch: &mut Scratch<T>,
        values: &mut [T],
        slopes: &mut [T],
    ) {
        let Some((last, hidden)) = self.0.split_last() else { return };
        let Scratch { values: [input, output], slopes: [slope_input, slope_output] } = scratch;
        input.clear();
        input.extend_from_slice(basis);
        slope_input.clear();
        slope_input.extend_from_slice(basis_slopes);
        for layer in hidden {
            advance(layer, input, output);
            advance(layer, slope_input, slope_output);
            silu_with_slopes(output, slope_output);
            std::mem::swap(input, output);
            std::mem::swap(slope_input, slope_output);
        }
        values.fill(T::default());
        slopes.fill(T::default());
        last.multiply_add_all(input, values);
        last.multiply_add_all(slope_input, slopes);
    }
}

fn advance<T: Real>(layer: &Matrix<T>, input: &[T], output: &mut Vec<T>) {
    output.clear();
    output.resize(input.len() / layer.depth() * layer.width(), T::default());
    layer.multiply_add_all(input, output);
}
