use super::*;
use crate::simd::InstructionSet;
use proptest::prelude::*;

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2) | 1;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        })
        .collect()
}

/// Paths with every pair of dimensions, on one set of features; messages of equal l3 side by side.
fn paths() -> (Vec<Path>, usize, usize) {
    let (mut paths, mut coupling, mut message) = (Vec::new(), 0, 0);
    for d3 in [1, 3, 5, 7] {
        for (number, (d1, feature)) in [(1, 0), (3, 1), (5, 4), (7, 9)].into_iter().enumerate() {
            paths.push(Path { d1, d3, feature, message: message + number, stride: 4, coupling });
            coupling += d1 * d3;
        }
        message += 4 * d3;
    }
    (paths, 16, message)
}

struct Case {
    products: EdgeProducts,
    edges: Vec<DirectedEdge>,
    couplings: Vec<f64>,
    radial: Vec<f64>,
    features: Vec<f64>,
}

const N_ATOMS: usize = 3;

impl Case {
    fn new(n_edges: usize, channels: usize, seed: u64, set: InstructionSet) -> Self {
        let (paths, feature_rows, message_rows) = paths();
        let products = EdgeProducts::new(paths, channels, feature_rows, message_rows, set);
        let edges = (0..n_edges as u32)
            .map(|e| DirectedEdge { sender: (e * 7 + seed as u32) % 3, receiver: (e * 5 + 1) % 3, radial: e / 2 })
            .collect();
        Self {
            edges,
            couplings: noise(n_edges * products.n_couplings(), seed),
            radial: noise(n_edges.div_ceil(2) * products.radial_width(), seed + 1),
            features: noise(N_ATOMS * products.feature_width(), seed + 2),
            products,
        }
    }

    fn messages(&self) -> Vec<f64> {
        let mut messages = vec![0.0; N_ATOMS * self.products.message_width()];
        self.products.forward(&self.edges, &self.couplings, &self.radial, &self.features, &mut messages);
        messages
    }

    /// The definition, in plain loops.
    fn oracle(&self) -> Vec<f64> {
        let p = &self.products;
        let mut messages = vec![0.0; N_ATOMS * p.message_width()];
        for (index, edge) in self.edges.iter().enumerate() {
            let couplings = &self.couplings[index * p.n_couplings..];
            for (number, path) in p.paths.iter().enumerate() {
                for (c, m3) in (0..p.channels).flat_map(|c| (0..path.d3).map(move |m3| (c, m3))) {
                    let x = |m1| {
                        self.features[(edge.sender as usize * p.feature_rows + path.feature + m1) * p.channels + c]
                    };
                    let sum: f64 = (0..path.d1).map(|m1| couplings[path.coupling + m1 * path.d3 + m3] * x(m1)).sum();
                    let weight = self.radial[(edge.radial as usize * p.paths.len() + number) * p.channels + c];
                    let row = edge.receiver as usize * p.message_rows + path.message + m3 * path.stride;
                    messages[row * p.channels + c] += weight * sum;
                }
            }
        }
        messages
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-11 * (1.0 + b.abs())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn messages_are_those_of_the_definition(n_edges in 0usize..9, wide in any::<bool>(), seed in 0u64..1000) {
        for set in InstructionSet::available() {
            let case = Case::new(n_edges, if wide { 32 } else { 16 }, seed, set);
            for (a, b) in case.messages().iter().zip(case.oracle()) {
                prop_assert!(close(*a, b), "{set:?}: {a} {b}");
            }
        }
    }

    /// E = g · messages is linear in each argument, so a derivative is the change of E along a direction.
    #[test]
    fn gradients_are_slopes_along_any_direction(n_edges in 1usize..7, seed in 0u64..1000) {
        for set in InstructionSet::available() {
            let case = Case::new(n_edges, 16, seed, set);
            let p = &case.products;
            let g = noise(N_ATOMS * p.message_width(), seed + 3);
            let slopes = noise(case.radial.len(), seed + 4);
            let mut features = vec![0.0; case.features.len()];
            let (mut couplings, mut distances) = (vec![f64::NAN; case.couplings.len()], vec![f64::NAN; n_edges]);
            let given = Given {
                couplings: &case.couplings, radial: &case.radial, radial_slopes: &slopes,
                features: &case.features, messages: &g,
            };
            let gradients = Gradients {
                features: Some(&mut features), couplings: &mut couplings, distances: &mut distances,
            };
            p.backward(&case.edges, given, gradients);

            let along = noise(case.features.len(), seed + 5);
            let expected = dot(&g, &Case { features: along.clone(), ..clone(&case) }.oracle());
            prop_assert!(close(dot(&features, &along), expected), "features");
            let along = noise(case.couplings.len(), seed + 6);
            let expected = dot(&g, &Case { couplings: along.clone(), ..clone(&case) }.oracle());
            prop_assert!(close(dot(&couplings, &along), expected), "couplings");
            // All distances grow alike: the weights change by their slopes.
            let expected = dot(&g, &Case { radial: slopes.clone(), ..clone(&case) }.oracle());
            prop_assert!(close(distances.iter().sum(), expected), "distances");

            let (mut again, mut distances_again) = (couplings.clone(), distances.clone());
            let gradients =
                Gradients { features: None, couplings: &mut again, distances: &mut distances_again };
            p.backward(&case.edges, given, gradients);
            prop_assert_eq!((again, distances_again), (couplings, distances));
        }
    }
}

fn clone(case: &Case) -> Case {
    Case {
        products: case.products.clone(),
        edges: case.edges.clone(),
        couplings: case.couplings.clone(),
        radial: case.radial.clone(),
        features: case.features.clone(),
    }
}
