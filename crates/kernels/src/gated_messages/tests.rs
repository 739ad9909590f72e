use super::*;
use crate::layer_norm::LayerNorm;
use crate::linear::Matrix;
use crate::simd::{InstructionSet, Kernel, Real, Vector};
use proptest::prelude::*;

/// Numbers in (-1/2, 1/2) from a seed.
fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        })
        .collect()
}

/// Weights `[width, depth]`, less the mean over each `w` outputs.
fn weights(depth: usize, width: usize, w: usize, seed: u64) -> Vec<f64> {
    let mut weight = noise(depth * width, seed);
    for part in weight.chunks_mut(w * depth) {
        for k in 0..depth {
            let column = part[k..].iter().step_by(depth).copied().collect::<Vec<_>>();
            part[k..].iter_mut().step_by(depth).zip(centered(&column)).for_each(|(to, from)| *to = from);
        }
    }
    weight
}

/// Rows of noise, less the mean of each `w` numbers.
fn rows_of_noise(n: usize, w: usize, seed: u64) -> Vec<f64> {
    noise(n, seed).chunks(w).flat_map(|part| centered(part).collect::<Vec<_>>()).collect()
}

fn both(depth: usize, width: usize, w: usize, seed: u64, set: InstructionSet) -> Both<f64> {
    let weight = weights(depth, width, w, seed);
    Both {
        forward: Matrix::pack(depth, width, set, |k, c| weight[c * depth + k]),
        backward: Matrix::pack(width, depth, set, |c, k| weight[c * depth + k]),
    }
}

struct Case {
    layer: GatedMessages<f64>,
    rows: usize,
    index: [Vec<u32>; 3],
    target: Vec<u32>,
    tables: Vec<Vec<f64>>,
    own: Vec<f64>,
    set: InstructionSet,
}

const NODES: usize = 5;

/// Without own rows there are no norms either.
fn case(w: usize, rows: usize, own: bool, hidden: bool, set: InstructionSet) -> Case {
    let norm = |seed| LayerNorm { scale: noise(w, seed).iter().map(|x| x + 1.0).collect(), offset: noise(w, seed + 1) };
    let layer = GatedMessages {
        width: w,
        own: own.then(|| both(w, 2 * w, w, 10, set)),
        hidden: hidden.then(|| Hidden {
            core: both(w, w, w, 11, set),
            gate: both(w, w, w, 12, set),
            bias: rows_of_noise(2 * w, w, 13),
        }),
        gate: Gate::new(w, own.then(|| norm(14)), own.then(|| norm(16))),
    };
    let pick = |seed| noise(rows, seed).iter().map(|x| ((x + 0.5) * NODES as f64) as u32).collect::<Vec<_>>();
    Case {
        layer,
        rows,
        index: [pick(20), pick(21), pick(22)],
        target: pick(23),
        tables: vec![rows_of_noise(NODES * 4 * w, w, 30), rows_of_noise(NODES * 3 * w, w, 31)],
        own: noise(rows * w, 32),
        set,
    }
}

impl Case {
    fn with_rows<R>(&self, run: impl FnOnce(Rows<'_, f64>) -> R) -> R {
        let w = self.layer.width;
        let tables =
            [Table { values: &self.tables[0], stride: 4 * w }, Table { values: &self.tables[1], stride: 3 * w }];
        let [a, b, c] = &self.index;
        let sources = [
            Gather { table: 0, offset: 0, index: a },
            Gather { table: 0, offset: 2 * w, index: b },
            Gather { table: 1, offset: 0, index: c },
        ];
        let weights = [Gather { table: 1, offset: 2 * w, index: a }, Gather { table: 1, offset: 2 * w, index: b }];
        run(Rows {
            count: self.rows,
            tables: &tables,
            sources: &sources,
            own: &self.own,
            weights: &weights,
            target: Some(&self.target),
        })
    }

    fn forward(&self, saved: Option<&mut Saved<f64>>) -> Vec<f64> {
        let mut out = vec![0.0; NODES * self.layer.width];
        self.with_rows(|rows| Forward { layer: &self.layer, rows, out: &mut out, saved }.run(self.set));
        out
    }

    /// Σ out · direction
    fn scalar(&self, direction: &[f64]) -> f64 {
        self.forward(None).iter().zip(direction).map(|(x, y)| x * y).sum()
    }

    fn backward(&self, direction: &[f64], saved: Option<&Saved<f64>>) -> (Vec<Vec<f64>>, Vec<f64>) {
        self.backward_but(&[], direction, saved)
    }

    /// Without the gradients of these tables.
    fn backward_but(
        &self,
        constant: &[usize],
        direction: &[f64],
        saved: Option<&Saved<f64>>,
    ) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut gradients = self.tables.iter().map(|t| vec![0.0; t.len()]).collect::<Vec<_>>();
        let mut own = vec![0.0; self.own.len()];
        let mut views = gradients.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>();
        self.with_rows(|rows| {
            let (layer, tables, own) = (&self.layer, &mut views[..], &mut own[..]);
            Backward { layer, rows, gradient: direction, saved, tables, constant, own }.run(self.set);
        });
        (gradients, own)
    }
}

/// The formula of the module's documentation, one number at a time.
fn plain(case: &Case) -> Vec<f64> {
    let w = case.layer.width;
    let own = weights(w, 2 * w, w, 10);
    let [core_weight, gate_weight] = [11, 12].map(|seed| weights(w, w, w, seed));
    let norms = case.layer.own.is_some();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let norm = |row: &[f64], seed| {
        if !norms {
            return row.to_vec();
        }
        let n =
            LayerNorm::<f64> { scale: noise(w, seed).iter().map(|x| x + 1.0).collect(), offset: noise(w, seed + 1) };
        let mean = row.iter().sum::<f64>() / w as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / w as f64;
        (0..w).map(|k| (row[k] - mean) / (variance + 1e-5).sqrt() * n.scale[k] + n.offset[k]).collect::<Vec<_>>()
    };
    let mut out = vec![0.0; NODES * w];
    for r in 0..case.rows {
        let [a, b, c] = case.index.each_ref().map(|index| index[r] as usize);
        let mut z: Vec<f64> = (0..2 * w)
            .map(|k| {
                case.tables[0][a * 4 * w + k] + case.tables[0][b * 4 * w + 2 * w + k] + case.tables[1][c * 3 * w + k]
            })
            .collect();
        if case.layer.own.is_some() {
            for (c, z) in z.iter_mut().enumerate() {
                *z += (0..w).map(|k| case.own[r * w + k] * own[c * w + k]).sum::<f64>();
            }
        }
        if let Some(hidden) = &case.layer.hidden {
            let h: Vec<f64> = z.iter().map(|x| x * sigmoid(*x)).collect();
            for c in 0..w {
                z[c] = hidden.bias[c] + (0..w).map(|k| h[k] * core_weight[c * w + k]).sum::<f64>();
                z[w + c] = hidden.bias[w + c] + (0..w).map(|k| h[w + k] * gate_weight[c * w + k]).sum::<f64>();
            }
        }
        let (core, gate) = (norm(&z[..w], 14), norm(&z[w..], 16));
        for k in 0..w {
            let factor = case.tables[1][a * 3 * w + 2 * w + k] * case.tables[1][b * 3 * w + 2 * w + k];
            out[case.target[r] as usize * w + k] += core[k] * sigmoid(core[k]) * sigmoid(gate[k]) * factor;
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn fast_and_plain_agree(w in 1usize..40, rows in 0usize..120, own: bool, hidden: bool) {
        for set in InstructionSet::available() {
            let case = case(w, rows, own, hidden, set);
            for (got, expected) in case.forward(None).iter().zip(plain(&case)) {
                prop_assert!((got - expected).abs() < 1e-11, "{:?}: {} {}", set, got, expected);
            }
        }
    }

    #[test]
    fn backward_is_the_derivative_of_forward(w in 2usize..20, rows in 1usize..70, own: bool, hidden: bool) {
        let mut case = case(w, rows, own, hidden, InstructionSet::detect());
        let direction = noise(NODES * w, 40);
        let mut saved = Saved::default();
        case.forward(Some(&mut saved));
        let (tables, own_gradient) = case.backward(&direction, Some(&saved));
        prop_assert_eq!(&(tables.clone(), own_gradient.clone()), &case.backward(&direction, None));
        let step = 1e-5;
        for (t, table) in tables.iter().enumerate() {
            for k in (0..table.len()).step_by(7) {
                let original = case.tables[t][k];
                case.tables[t][k] = original + step;
                let plus = case.scalar(&direction);
                case.tables[t][k] = original - step;
                let minus = case.scalar(&direction);
                case.tables[t][k] = original;
                let expected = (plus - minus) / (2.0 * step);
                prop_assert!((table[k] - expected).abs() < 2e-7 * (1.0 + expected.abs()), "table {} {}: {} {}", t, k, table[k], expected);
            }
        }
        if own {
            for k in (0..case.own.len()).step_by(11) {
                let original = case.own[k];
                case.own[k] = original + step;
                let plus = case.scalar(&direction);
                case.own[k] = original - step;
                let minus = case.scalar(&direction);
                case.own[k] = original;
                let expected = (plus - minus) / (2.0 * step);
                prop_assert!((own_gradient[k] - expected).abs() < 2e-7 * (1.0 + expected.abs()));
            }
        }
    }
}

#[test]
fn constant_tables_get_no_gradient_and_change_no_other() {
    let case = case(16, 3001, true, true, InstructionSet::detect());
    let direction = noise(NODES * 16, 40);
    let (tables, own) = case.backward(&direction, None);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (without, own_without) = pool.install(|| case.backward_but(&[0], &direction, None));
        assert!(without[0].iter().all(|x| *x == 0.0) && tables[0].iter().any(|x| *x != 0.0));
        assert!(without[1] == tables[1] && own_without == own, "{threads} threads");
    }
}

#[test]
fn threads_change_no_bit() {
    let set = InstructionSet::detect();
    for (own, hidden) in [(true, true), (true, false), (false, true)] {
        // More than a wave, and no multiple of a block.
        let case = case(16, 7001, own, hidden, set);
        let direction = noise(NODES * 16, 40);
        let run = || {
            let mut saved = Saved::default();
            let values = case.forward(Some(&mut saved));
            (values, case.forward(None), case.backward(&direction, Some(&saved)), case.backward(&direction, None))
        };
        let alone = run();
        for threads in [2, 3, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(run) == alone, "{threads} threads");
        }
    }
}

/// Features of real crystals reach 1000, where one less a sigmoid must not be a rounding error.
#[test]
fn slopes_of_silu_are_right_for_large_arguments() {
    struct Slopes<'a, T> {
        z: &'a [T],
        gradient: &'a mut [T],
    }
    impl<T: Real> Kernel<T> for Slopes<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<V: Vector<Scalar = T>>(self) {
            super::gate::silu_slopes_all::<V>(self.z, self.gradient);
        }
    }
    fn check<T: Real>(tolerance: f64) {
        // Two vectors share a division: each large argument stands opposite to small ones of either sign.
        let small = [-40.0, -3.0, -0.5, 0.0, 0.7, 3.0, 16.5, 17.0];
        let z: Vec<f64> = (-200..=200).flat_map(|k| [vec![f64::from(k) * 10.0; 8], small.to_vec()].concat()).collect();
        let z: Vec<T> = z.into_iter().map(T::real).collect();
        for set in InstructionSet::available() {
            for shift in 0..set.lanes::<T>() {
                let z = &z[shift..];
                let mut gradient = vec![T::real(1.0); z.len()];
                T::run(Slopes { z, gradient: &mut gradient }, set);
                for (x, slope) in z.iter().zip(gradient) {
                    let x = x.wide();
                    let (s, rest) = (1.0 / (1.0 + (-x).exp()), 1.0 / (1.0 + x.exp()));
                    // Far below zero the slope is nearly nothing, and less exact.
                    let difference = (slope.wide() - s * (1.0 + x * rest)).abs();
                    assert!(difference < tolerance, "{set:?}: {x}: off by {difference:e}");
                }
            }
        }
    }
    check::<f32>(4e-7);
    check::<f64>(1e-15);
}
