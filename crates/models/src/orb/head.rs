//! Heads: a perceptron with one hidden layer.

use mlip_kernels::linear::Matrix;
use mlip_kernels::perceptron::{repeat, silu_backward_rows, silu_rows};

/// `silu(x W1 + b1) W2 + b2`
#[derive(Debug)]
pub(crate) struct Head {
    /// `[latent, hidden]`
    pub(crate) first: Matrix<f64>,
    /// `[hidden, latent]`, where gradients are wanted.
    pub(crate) first_transposed: Option<Matrix<f64>>,
    pub(crate) first_bias: Vec<f64>,
    /// `[hidden, outputs]`
    pub(crate) second: Matrix<f64>,
    /// `[outputs, hidden]`, not packed.
    pub(crate) second_weight: Vec<f64>,
    pub(crate) second_bias: Vec<f64>,
}

impl Head {
    /// Numbers in a row of the result.
    pub(crate) fn outputs(&self) -> usize {
        self.second_bias.len()
    }

    fn hidden(&self, x: &[f64]) -> Vec<f64> {
        let rows = x.len() / self.first.depth();
        let mut z = vec![0.0; rows * self.first.width()];
        repeat(&self.first_bias, &mut z);
        self.first.multiply_add_all(x, &mut z);
        z
    }

    /// `[rows, outputs]` from `[rows, latent]`.
    pub(crate) fn forward(&self, x: &[f64]) -> Vec<f64> {
        let z = self.hidden(x);
        let mut a = z.clone();
        silu_rows(&z, &mut a, self.first.set());
        let mut out = vec![0.0; a.len() / self.first.width() * self.outputs()];
        repeat(&self.second_bias, &mut out);
        self.second.multiply_add_all(&a, &mut out);
        out
    }

    /// `∂(first output)/∂x`, `[rows, latent]`; zeros for a head that was packed without gradient.
    pub(crate) fn gradient(&self, x: &[f64]) -> Vec<f64> {
        let z = self.hidden(x);
        let mut dz = z.clone();
        repeat(&self.second_weight[..self.first.width()], &mut dz);
        silu_backward_rows(&z, &mut dz, self.first.set());
        let mut out = vec![0.0; x.len()];
        if let Some(matrix) = &self.first_transposed {
            matrix.multiply_add_all(&dz, &mut out);
        }
        out
    }
}
