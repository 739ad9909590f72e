//! Messages to their receivers.

use super::paths::{DirectedEdge, EdgeProducts, Path, rows, rows_mut, with_dimensions};
use crate::simd::{Kernel, Real, Vector};

impl EdgeProducts {
    /// Adds the messages of these edges to their receivers, edge after edge.
    pub fn forward<T: Real>(
        &self,
        edges: &[DirectedEdge],
        couplings: &[T],
        radial: &[T],
        features: &[T],
        messages: &mut [T],
    ) {
        let arguments = Forward { products: self, edges, couplings, radial, features, messages };
        T::run(arguments, self.set);
    }
}

struct Forward<'a, T> {
    products: &'a EdgeProducts,
    edges: &'a [DirectedEdge],
    couplings: &'a [T],
    radial: &'a [T],
    features: &'a [T],
    messages: &'a mut [T],
}

impl<T: Real> Kernel<T> for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { products, edges, couplings, radial, features, messages } = self;
        let (n_couplings, channels) = (products.n_couplings, products.channels);
        for (edge, couplings) in edges.iter().zip(couplings.chunks_exact(n_couplings)) {
            let weights = &radial[edge.radial as usize * products.radial_width()..][..products.radial_width()];
            let x = &features[edge.sender as usize * products.feature_width()..][..products.feature_width()];
            let out = &mut messages[edge.receiver as usize * products.message_width()..][..products.message_width()];
            for (path, weights) in products.paths.iter().zip(weights.chunks_exact(channels)) {
                let coupling = &couplings[path.coupling..][..path.d1 * path.d3];
                with_dimensions!(path, path_forward::<V>(path, coupling, weights, x, out));
            }
        }
    }
}

#[inline(always)]
fn path_forward<V: Vector, const D1: usize, const D3: usize>(
    path: &Path,
    coupling: &[V::Scalar],
    weights: &[V::Scalar],
    x: &[V::Scalar],
    out: &mut [V::Scalar],
) {
    let channels = weights.len();
    let x = rows::<_, D1>(x, path.feature, 1, channels);
    let out = rows_mut::<_, D3>(out, path.message, path.stride, channels);
    let coupling = &coupling[..D1 * D3];
    let (mut at, mut end) = (0, V::LANES);
    // Every row has `channels` numbers: with `end` bounded by that, no slice below needs a check.
    while end <= channels {
        let w = V::load(&weights[at..end]);
        let mut weighted = [w; D1];
        for m1 in 0..D1 {
            weighted[m1] = w.mul(V::load(&x[m1][at..end]));
        }
        for m3 in 0..D3 {
            let mut sum = V::load(&out[m3][at..end]);
            for m1 in 0..D1 {
                sum = weighted[m1].mul_add(V::splat(coupling[m1 * D3 + m3]), sum);
            }
            sum.store(&mut out[m3][at..end]);
        }
        (at, end) = (end, end + V::LANES);
    }
}
