//! An update of the edges of a chunk, or the messages of its edges, and its gradient.

use super::weights::Update;
use mlip_kernels::gated_product::GatedProduct;
use mlip_kernels::rows::{activate, activate_backward};
use mlip_kernels::simd::{InstructionSet, Real};

/// What is behind the first and the second layers, `[edges, 2 width]` each: all that the gradient needs. Its place is taken
/// by the gradient: that of the first layers is left in `first`.
pub(super) struct Layers<'a, T> {
    pub(super) first: &'a mut [T],
    pub(super) second: &'a mut [T],
}

/// What an update reads of the edges of a chunk.
#[derive(Clone, Copy)]
pub(super) struct Input<'a, T> {
    /// `[edges]`
    pub(super) centers: &'a [u32],
    /// `[edges]`
    pub(super) neighbors: &'a [u32],
    /// `[edges, max_n]`
    pub(super) radial: &'a [T],
    /// `[n_atoms, 2 width]` each: the first layers' parts of atoms in the middle, biases included, and at the end.
    pub(super) atoms: [&'a [T]; 2],
}

impl<T: Real> Update<T> {
    /// Adds the products `[edges, width]` to `out`; `edges`: features `[edges, width]`.
    pub(super) fn add_to(
        &self,
        input: Input<'_, T>,
        edges: &[T],
        layers: &mut Layers<'_, T>,
        out: &mut [T],
        set: InstructionSet,
    ) {
        let (width, n) = (self.width, input.centers.len());
        let Layers { first, second } = layers;
        let rows = first.chunks_exact_mut(2 * width).zip(input.centers.iter().zip(input.neighbors));
        for (row, (center, neighbor)) in rows {
            let [of_center, of_neighbor] = [(0, center), (1, neighbor)]
                .map(|(side, atom)| &input.atoms[side][*atom as usize * 2 * width..][..2 * width]);
            for ((to, a), b) in row.iter_mut().zip(of_center).zip(of_neighbor) {
                *to = *a + *b;
            }
        }
        self.edges.forward.multiply_add_strided(edges, width, n, first, 2 * width);
        let mut hidden = first.to_vec();
        activate(&mut hidden, set);
        second.chunks_exact_mut(2 * width).for_each(|row| row.copy_from_slice(&self.second_bias));
        for (side, map) in self.second.iter().enumerate() {
            let from = side * width;
            map.forward.multiply_add_strided(&hidden[from..], 2 * width, n, &mut second[from..], 2 * width);
        }
        let (_, weights) = self.weights(input.radial, n, set);
        GatedProduct { width, arguments: second, weights: Some(&weights) }.add_to(out, set);
    }

    /// Weights of lengths `[edges, width]`: before silu, where it follows, and as they are.
    fn weights(&self, radial: &[T], n: usize, set: InstructionSet) -> (Vec<T>, Vec<T>) {
        let mut weights = vec![T::default(); n * self.width];
        self.radial.forward.multiply_add_strided(radial, self.radial.forward.depth(), n, &mut weights, self.width);
        if !self.is_curved {
            return (Vec::new(), weights);
        }
        let before = weights.clone();
        activate(&mut weights, set);
        (before, weights)
    }

    /// From `gradient`, `∂E/∂products`: adds those of `radial` and of features of `edges`, and leaves that of the first
    /// layers in their place.
    pub(super) fn backward(
        &self,
        radial: &[T],
        gradient: &[T],
        layers: &mut Layers<'_, T>,
        of_radial: &mut [T],
        of_edges: &mut [T],
        set: InstructionSet,
    ) {
        let width = self.width;
        let n = gradient.len() / width;
        let Layers { first, second } = layers;
        let (before, weights) = self.weights(radial, n, set);
        let (mut of_second, mut of_weights) = (vec![T::default(); second.len()], vec![T::default(); gradient.len()]);
        let products = GatedProduct { width, arguments: second, weights: Some(&weights) };
        products.backward(gradient, &mut of_second, &mut of_weights, set);
        if self.is_curved {
            activate_backward(&before, &mut of_weights, set);
        }
        let n_radial = self.radial.forward.depth();
        self.radial.backward.multiply_add_strided(&of_weights, width, n, of_radial, n_radial);
        let mut of_first = vec![T::default(); first.len()];
        for (side, map) in self.second.iter().enumerate() {
            let from = side * width;
            map.backward.multiply_add_strided(&of_second[from..], 2 * width, n, &mut of_first[from..], 2 * width);
        }
        activate_backward(first, &mut of_first, set);
        first.copy_from_slice(&of_first);
        self.edges.backward.multiply_add_strided(first, 2 * width, n, of_edges, width);
    }
}
