//! From derivatives by messages to those by features, couplings and distances.

use super::paths::{DirectedEdge, EdgeProducts, Given, Gradients, Path, rows, rows_mut, with_dimensions};
use crate::simd::{Kernel, Real, Vector};

impl EdgeProducts {
    /// The derivatives of an energy by features, couplings and distances, from those by messages.
    pub fn backward<T: Real>(&self, edges: &[DirectedEdge], given: Given<'_, T>, gradients: Gradients<'_, T>) {
        let Gradients { features, couplings, distances } = gradients;
        match features {
            Some(features) => {
                let arguments = Backward::<_, true> { products: self, edges, given, features, couplings, distances };
                T::run(arguments, self.set);
            }
            None => {
                let arguments =
                    Backward::<_, false> { products: self, edges, given, features: &mut [], couplings, distances };
                T::run(arguments, self.set);
            }
        }
    }
}

struct Backward<'a, T, const FEATURES: bool> {
    products: &'a EdgeProducts,
    edges: &'a [DirectedEdge],
    given: Given<'a, T>,
    features: &'a mut [T],
    couplings: &'a mut [T],
    distances: &'a mut [T],
}

impl<T: Real, const FEATURES: bool> Kernel<T> for Backward<'_, T, FEATURES> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { products, edges, given, features, couplings, distances } = self;
        let n_couplings = products.n_couplings;
        for (index, edge) in edges.iter().enumerate() {
            let (sender, receiver) = (edge.sender as usize, edge.receiver as usize);
            let (weights, atom) = (products.radial_width(), products.feature_width());
            let ends = Ends {
                couplings: &given.couplings[index * n_couplings..][..n_couplings],
                weights: &given.radial[edge.radial as usize * weights..][..weights],
                slopes: &given.radial_slopes[edge.radial as usize * weights..][..weights],
                x: &given.features[sender * atom..][..atom],
                out: &given.messages[receiver * products.message_width()..][..products.message_width()],
            };
            let by_couplings = &mut couplings[index * n_couplings..][..n_couplings];
            let by_features = if FEATURES { &mut features[sender * atom..][..atom] } else { &mut [] };
            let mut by_distance = V::splat(T::default());
            for (number, path) in products.paths.iter().enumerate() {
                with_dimensions!(
                    path,
                    path_backward::<V, FEATURES>(
                        path,
                        number * products.channels,
                        products.channels,
                        &ends,
                        by_features,
                        by_couplings,
                        &mut by_distance,
                    )
                );
            }
            distances[index] = by_distance.sum();
        }
    }
}

/// What an edge reads.
struct Ends<'a, T> {
    couplings: &'a [T],
    weights: &'a [T],
    slopes: &'a [T],
    x: &'a [T],
    out: &'a [T],
}

#[inline(always)]
fn path_backward<V: Vector, const D1: usize, const D3: usize, const FEATURES: bool>(
    path: &Path,
    weights: usize,
    channels: usize,
    ends: &Ends<V::Scalar>,
    by_features: &mut [V::Scalar],
    by_couplings: &mut [V::Scalar],
    by_distance: &mut V,
) {
    let zero = V::splat(V::Scalar::default());
    let (weights, slopes) = (&ends.weights[weights..][..channels], &ends.slopes[weights..][..channels]);
    let x = rows::<_, D1>(ends.x, path.feature, 1, channels);
    let out = rows::<_, D3>(ends.out, path.message, path.stride, channels);
    let gradients = if FEATURES {
        rows_mut::<_, D1>(by_features, path.feature, 1, channels)
    } else {
        std::array::from_fn(|_| Default::default())
    };
    let coupling = &ends.couplings[path.coupling..][..D1 * D3];
    let mut by_coupling = [[zero; D3]; D1];
    let mut slope = *by_distance;
    let (mut at, mut end) = (0, V::LANES);
    // Every row has `channels` numbers: with `end` bounded by that, no slice below needs a check.
    while end <= channels {
        let w = V::load(&weights[at..end]);
        let mut lanes = [zero; D1];
        let mut weighted = [zero; D1];
        let mut turned = [zero; D1];
        for m1 in 0..D1 {
            lanes[m1] = V::load(&x[m1][at..end]);
            weighted[m1] = w.mul(lanes[m1]);
        }
        for m3 in 0..D3 {
            let g = V::load(&out[m3][at..end]);
            for m1 in 0..D1 {
                turned[m1] = g.mul_add(V::splat(coupling[m1 * D3 + m3]), turned[m1]);
                by_coupling[m1][m3] = weighted[m1].mul_add(g, by_coupling[m1][m3]);
            }
        }
        let mut by_weight = zero;
        for m1 in 0..D1 {
            by_weight = lanes[m1].mul_add(turned[m1], by_weight);
            if FEATURES {
                let gradient = &mut gradients[m1][at..end];
                turned[m1].mul_add(w, V::load(gradient)).store(gradient);
            }
        }
        slope = by_weight.mul_add(V::load(&slopes[at..end]), slope);
        (at, end) = (end, end + V::LANES);
    }
    *by_distance = slope;
    let by_couplings = &mut by_couplings[path.coupling..][..D1 * D3];
    for m1 in 0..D1 {
        for m3 in 0..D3 {
            by_couplings[m1 * D3 + m3] = by_coupling[m1][m3].sum();
        }
    }
}
