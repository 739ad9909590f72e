//! From atom features to site energies: `MLP(norm(h))`, or `MLP(h)` where the file has no norm.

use super::packed::ReadoutWeights;
use mlip_kernels::rows::{RowMap, map_rows};
use mlip_kernels::simd::Real;

/// `[n_atoms, d] → [n_atoms]`
pub(super) struct Readout<'a, T> {
    pub(super) weights: &'a ReadoutWeights<T>,
    pub(super) width: usize,
}

/// Values before each activation, and the site energies.
struct Layers<T> {
    before: Vec<Vec<T>>,
    sites: Vec<f64>,
}

impl<T: Real> Readout<'_, T> {
    fn each_row(&self, map: RowMap<'_, T>, width: usize, rows: &[T], out: &mut [T]) {
        map_rows(map, width, rows, out, self.weights.layers[0].0.forward.set());
    }

    /// Site energies `[n_atoms]`.
    pub(super) fn sites(&self, h: &[T]) -> Vec<f64> {
        self.layers(h).sites
    }

    fn layers(&self, h: &[T]) -> Layers<T> {
        let n_atoms = h.len() / self.width;
        let mut x = h.to_vec();
        if let Some(norm) = &self.weights.norm {
            self.each_row(RowMap::Norm(norm), self.width, h, &mut x);
        }
        let mut before = Vec::new();
        for (index, (matrix, bias)) in self.weights.layers.iter().enumerate() {
            if index + 1 == self.weights.layers.len() {
                return Layers { before, sites: self.last(&x) };
            }
            let mut y = bias.repeat(n_atoms);
            matrix.forward.multiply_add_all(&x, &mut y);
            x = vec![T::default(); y.len()];
            self.each_row(RowMap::Silu, bias.len(), &y, &mut x);
            before.push(y);
        }
        Layers { before, sites: Vec::new() }
    }

    /// The last layer, in double precision: site energies are of tens of eV, so that in single precision each
    /// term would be rounded by as much as all layers before.
    fn last(&self, x: &[T]) -> Vec<f64> {
        let (weight, bias) = &self.weights.last;
        let site = |row: &[T]| bias + row.iter().zip(weight).map(|(x, w)| x.wide() * w).sum::<f64>();
        x.chunks_exact(weight.len()).map(site).collect()
    }

    /// `∂E/∂h` from `∂E/∂sites`.
    pub(super) fn gradient(&self, h: &[T], sites: &[T]) -> Vec<T> {
        let before = self.layers(h).before;
        let mut gradient = sites.to_vec();
        for (index, (matrix, _)) in self.weights.layers.iter().enumerate().rev() {
            let inputs = matrix.forward.depth();
            let mut inner = vec![T::default(); sites.len() * inputs];
            matrix.backward.multiply_add_all(&gradient, &mut inner);
            if index > 0 {
                self.each_row(RowMap::SiluBackward, inputs, &before[index - 1], &mut inner);
            }
            gradient = inner;
        }
        if let Some(norm) = &self.weights.norm {
            self.each_row(RowMap::NormBackward(norm), self.width, h, &mut gradient);
        }
        gradient
    }
}
