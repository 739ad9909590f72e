//! From atom features to site energies: `MLP(norm(h))`.

use super::packed::ReadoutWeights;
use crate::tensor::{Storage, contiguous, output, with_values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use mlip_kernels::gate::{silu, silu_backward};
use mlip_kernels::simd::{Kernel, Real, Vector};
use std::sync::Arc;

/// `[n_atoms, d] → [n_atoms]`
pub(crate) struct Readout<T> {
    pub(crate) weights: Arc<ReadoutWeights<T>>,
    pub(crate) width: usize,
}

/// Values before each activation, and the site energies.
struct Layers<T> {
    before: Vec<Vec<T>>,
    sites: Vec<T>,
}

/// `out[r] = function(row r)`, for rows of one width.
struct EachRow<'a, T> {
    weights: &'a ReadoutWeights<T>,
    step: Step,
    rows: &'a [T],
    out: &'a mut [T],
    width: usize,
}

#[derive(Clone, Copy)]
enum Step {
    Norm,
    NormBackward,
    Silu,
    SiluBackward,
}

impl<T: Real> Kernel<T> for EachRow<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        for (row, out) in self.rows.chunks_exact(self.width).zip(self.out.chunks_exact_mut(self.width)) {
            match self.step {
                Step::Norm => self.weights.norm.forward::<V>(row, out),
                Step::NormBackward => self.weights.norm.backward::<V>(row, out),
                Step::Silu => silu::<V>(row, out),
                Step::SiluBackward => silu_backward::<V>(row, out),
            }
        }
    }
}

impl<T: Real> Readout<T> {
    fn each_row(&self, step: Step, width: usize, rows: &[T], out: &mut [T]) {
        let set = self.weights.layers[0].0.forward.set();
        T::run(EachRow { weights: &self.weights, step, rows, out, width }, set);
    }

    fn layers(&self, h: &[T]) -> Layers<T> {
        let n_atoms = h.len() / self.width;
        let mut x = vec![T::default(); h.len()];
        self.each_row(Step::Norm, self.width, h, &mut x);
        let mut before = Vec::new();
        for (index, (matrix, bias)) in self.weights.layers.iter().enumerate() {
            let mut y = bias.repeat(n_atoms);
            matrix.forward.multiply_add_all(&x, &mut y);
            if index + 1 == self.weights.layers.len() {
                return Layers { before, sites: y };
            }
            x = vec![T::default(); y.len()];
            self.each_row(Step::Silu, bias.len(), &y, &mut x);
            before.push(y);
        }
        Layers { before, sites: x }
    }

    fn gradient(&self, h: &[T], sites: &[T]) -> Vec<T> {
        let before = self.layers(h).before;
        let mut gradient = sites.to_vec();
        for (index, (matrix, _)) in self.weights.layers.iter().enumerate().rev() {
            let inputs = matrix.forward.depth();
            let mut inner = vec![T::default(); sites.len() * inputs];
            matrix.backward.multiply_add_all(&gradient, &mut inner);
            if index > 0 {
                self.each_row(Step::SiluBackward, inputs, &before[index - 1], &mut inner);
            }
            gradient = inner;
        }
        self.each_row(Step::NormBackward, self.width, h, &mut gradient);
        gradient
    }
}

impl<T: Real> CustomOp1 for Readout<T> {
    fn name(&self) -> &'static str {
        "chgnet-readout"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let h = contiguous::<T>(storage, layout)?;
        let sites = self.layers(h).sites;
        let n_atoms = sites.len();
        Ok((T::storage(sites), Shape::from(n_atoms)))
    }

    fn bwd(&self, h: &Tensor, _sites: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let values = with_values::<T, _>(h, |h| with_values(gradient, |sites| self.gradient(h, sites)))??;
        output(values, h.shape()).map(Some)
    }
}
