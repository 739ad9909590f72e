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
        out.fill(T::default());
        self.add_last(self.hidden(basis, scratch), out);
    }

    /// What the last layer multiplies, of rows of the basis.
    pub(crate) fn hidden<'a>(&self, basis: &[T], scratch: &'a mut Scratch<T>) -> &'a [T] {
        let [input, output] = &mut scratch.values;
        input.clear();
        input.extend_from_slice(basis);
        for layer in self.0.split_last().map_or(&[][..], |(_, hidden)| hidden) {
            advance(layer, input, output);
            silu(output);
            std::mem::swap(input, output);
        }
        input
    }

    /// Numbers in a row of what the last layer multiplies.
    pub(crate) fn hidden_width(&self) -> usize {
        self.0.last().map_or(0, Matrix::depth)
    }

    /// Adds what the last layer makes of rows of [`hidden`](Self::hidden), or of sums of such rows: it is linear.
    pub(crate) fn add_last(&self, hidden: &[T], out: &mut [T]) {
        let Some(last) = self.0.last() else { return };
        last.multiply_add_all(hidden, out);
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
