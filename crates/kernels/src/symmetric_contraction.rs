//! Symmetric contractions: polynomials of an atom's features, channel by channel, with coefficients of its element.
//!
//! MACE's product basis raises the features of an atom to powers up to its correlation order and couples them
//! (Batatia et al., NeurIPS 2022, eq. 10). In each channel every output is a polynomial of the features,
//!
//! ```text
//! B = Σ_i A_i (c_i + Σ_{j ≥ i} A_j (c_ij + Σ_{k ≥ j} c_ijk A_k)),
//! ```
//!
//! with few terms that are not zero. It is evaluated in that nesting: one multiplication a term.

use crate::simd::{InstructionSet, Kernel, Real, Vector};
use std::collections::BTreeMap;

/// Which monomials the polynomials have. The same for all elements and channels.
#[derive(Debug, Clone)]
pub struct Polynomials {
    n_inputs: usize,
    /// Factors of the terms, in the order of their coefficients.
    outputs: Vec<Vec<First>>,
    /// Indices of the last factors of cubic terms.
    thirds: Vec<u16>,
    n_terms: usize,
}

/// `A_i (c_i + Σ_j …)`
#[derive(Debug, Clone)]
struct First {
    input: u16,
    seconds: Vec<Second>,
}

/// `A_j (c_ij + Σ_k …)`
#[derive(Debug, Clone)]
struct Second {
    input: u16,
    /// How many entries of `thirds`, which are read in order.
    n_thirds: u16,
}

/// The most inputs: spherical harmonics up to l = 3. They are held side by side while a chunk of channels is computed.
pub const MAX_INPUTS: usize = 16;

/// Coefficients of one element, laid out for the vectors of one instruction set.
#[derive(Debug, Clone)]
pub struct Coefficients<T> {
    /// `[channels / lanes, terms, lanes]`
    values: Vec<T>,
    channels: usize,
    set: InstructionSet,
}

impl Polynomials {
    /// From the monomials of each output: sorted indices of one, two or three inputs.
    ///
    /// Returns, beside the polynomials, where the coefficient of each monomial goes: `places[output][monomial]`.
    pub fn new(n_inputs: usize, outputs: &[Vec<Vec<u16>>]) -> (Self, Vec<Vec<usize>>) {
        assert!(n_inputs <= MAX_INPUTS, "at most {MAX_INPUTS} inputs, not {n_inputs}");
        let (mut nested, mut thirds, mut places, mut n_terms) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for monomials in outputs {
            let mut tree: BTreeMap<u16, BTreeMap<u16, Vec<u16>>> = BTreeMap::new();
            for monomial in monomials {
                let seconds = tree.entry(monomial[0]).or_default();
                if let Some(second) = monomial.get(1) {
                    let last = seconds.entry(*second).or_default();
                    last.extend(monomial.get(2));
                }
            }
            let mut at = BTreeMap::new();
            let mut firsts = Vec::new();
            for (i, children) in tree {
                at.insert(vec![i], n_terms);
                n_terms += 1;
                let mut seconds = Vec::new();
                for (j, mut last) in children {
                    last.sort_unstable();
                    at.insert(vec![i, j], n_terms);
                    n_terms += 1;
                    for k in &last {
                        at.insert(vec![i, j, *k], n_terms);
                        n_terms += 1;
                    }
                    seconds.push(Second { input: j, n_thirds: last.len() as u16 });
                    thirds.extend(last);
                }
                firsts.push(First { input: i, seconds });
            }
            places.push(monomials.iter().map(|monomial| at[monomial]).collect());
            nested.push(firsts);
        }
        (Self { n_inputs, outputs: nested, thirds, n_terms }, places)
    }

    /// Coefficients of an element and channel; some belong to no monomial and are zero.
    pub fn n_terms(&self) -> usize {
        self.n_terms
    }

    /// How many polynomials.
    pub fn n_outputs(&self) -> usize {
        self.outputs.len()
    }

    /// The monomials in words, for programs elsewhere that evaluate in the same nesting: for each output its number of first
    /// factors; each is its input with 256 times the number of second factors that follow it, which have their third
    /// factors behind them in the same way. Coefficients are in the order of the factors.
    pub fn words(&self) -> Vec<u32> {
        let (mut words, mut thirds) = (Vec::new(), self.thirds.iter());
        for firsts in &self.outputs {
            words.push(firsts.len() as u32);
            for first in firsts {
                words.push(u32::from(first.input) | (first.seconds.len() as u32) << 8);
                for second in &first.seconds {
                    words.push(u32::from(second.input) | u32::from(second.n_thirds) << 8);
                    words.extend(thirds.by_ref().take(usize::from(second.n_thirds)).map(|third| u32::from(*third)));
                }
            }
        }
        words
    }

    /// Packs `coefficient(term, channel)`; `channels` must be a multiple of the lanes of every vector.
    pub fn pack<T: Real>(
        &self,
        channels: usize,
        set: InstructionSet,
        coefficient: impl Fn(usize, usize) -> f64,
    ) -> Coefficients<T> {
        let lanes = set.lanes::<T>();
        assert_eq!(channels % lanes, 0, "channels must be padded");
        let mut values = vec![T::default(); self.n_terms * channels];
        for (index, value) in values.iter_mut().enumerate() {
            let (lane, rest) = (index % lanes, index / lanes);
            let (term, chunk) = (rest % self.n_terms, rest / self.n_terms);
            *value = T::real(coefficient(term, chunk * lanes + lane));
        }
        Coefficients { values, channels, set }
    }

    /// `inputs [n_inputs, channels] → outputs [n_outputs, channels]` of one atom.
    pub fn forward<T: Real>(&self, coefficients: &Coefficients<T>, inputs: &[T], outputs: &mut [T]) {
        let set = coefficients.set;
        T::run(Forward { polynomials: self, coefficients, inputs, outputs }, set);
    }

    /// Fills `∂E/∂inputs` from `∂E/∂outputs` of one atom.
    pub fn backward<T: Real>(&self, coefficients: &Coefficients<T>, inputs: &[T], outputs: &[T], gradient: &mut [T]) {
        assert_eq!(gradient.len(), self.n_inputs * coefficients.channels, "one gradient an input");
        let set = coefficients.set;
        T::run(Backward { polynomials: self, coefficients, inputs, outputs, gradient }, set);
    }
}

impl<T> Coefficients<T> {
    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        (self.values.len() * size_of::<T>()) as u64
    }
}

struct Forward<'a, T> {
    polynomials: &'a Polynomials,
    coefficients: &'a Coefficients<T>,
    inputs: &'a [T],
    outputs: &'a mut [T],
}

impl<T: Real> Kernel<T> for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { polynomials, coefficients, inputs, outputs } = self;
        let (channels, n_terms) = (coefficients.channels, polynomials.n_terms);
        let mut at = 0;
        while at < channels {
            let mut terms = coefficients.values[at * n_terms..][..n_terms * V::LANES].chunks_exact(V::LANES);
            let mut thirds = polynomials.thirds.iter();
            let inputs = load_all::<V>(inputs, polynomials.n_inputs, channels, at);
            for (number, firsts) in polynomials.outputs.iter().enumerate() {
                let mut sum = V::splat(T::default());
                for first in firsts {
                    let mut inner = next::<V>(&mut terms);
                    for second in &first.seconds {
                        let mut innermost = next::<V>(&mut terms);
                        for third in thirds.by_ref().take(usize::from(second.n_thirds)) {
                            let term = next::<V>(&mut terms);
                            innermost = term.mul_add(inputs[place(*third)], innermost);
                        }
                        inner = innermost.mul_add(inputs[place(second.input)], inner);
                    }
                    sum = inner.mul_add(inputs[place(first.input)], sum);
                }
                sum.store(&mut outputs[number * channels + at..]);
            }
            at += V::LANES;
        }
    }
}

#[inline(always)]
fn next<V: Vector>(terms: &mut std::slice::ChunksExact<'_, V::Scalar>) -> V {
    match terms.next() {
        Some(term) => V::load(term),
        None => V::splat(V::Scalar::default()),
    }
}

/// The index of an input; what it is masked with is true of all and saves a check.
#[inline(always)]
fn place(input: u16) -> usize {
    usize::from(input) % MAX_INPUTS
}

/// A chunk of channels of all inputs.
#[inline(always)]
fn load_all<V: Vector>(inputs: &[V::Scalar], n_inputs: usize, channels: usize, at: usize) -> [V; MAX_INPUTS] {
    let mut lanes = [V::splat(V::Scalar::default()); MAX_INPUTS];
    for (number, lanes) in lanes.iter_mut().take(n_inputs).enumerate() {
        *lanes = V::load(&inputs[number * channels + at..]);
    }
    lanes
}

struct Backward<'a, T> {
    polynomials: &'a Polynomials,
    coefficients: &'a Coefficients<T>,
    inputs: &'a [T],
    outputs: &'a [T],
    gradient: &'a mut [T],
}

impl<T: Real> Kernel<T> for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { polynomials, coefficients, inputs, outputs, gradient } = self;
        let (channels, n_terms) = (coefficients.channels, polynomials.n_terms);
        let mut at = 0;
        while at < channels {
            let mut terms = coefficients.values[at * n_terms..][..n_terms * V::LANES].chunks_exact(V::LANES);
            let mut thirds = polynomials.thirds.iter();
            let inputs = load_all::<V>(inputs, polynomials.n_inputs, channels, at);
            let mut sums = [V::splat(T::default()); MAX_INPUTS];
            for (number, firsts) in polynomials.outputs.iter().enumerate() {
                let g = V::load(&outputs[number * channels + at..]);
                for first in firsts {
                    let by_inner = g.mul(inputs[place(first.input)]);
                    let mut inner = next::<V>(&mut terms);
                    for second in &first.seconds {
                        let a = inputs[place(second.input)];
                        let by_innermost = by_inner.mul(a);
                        let mut innermost = next::<V>(&mut terms);
                        for third in thirds.by_ref().take(usize::from(second.n_thirds)) {
                            let term = next::<V>(&mut terms);
                            innermost = term.mul_add(inputs[place(*third)], innermost);
                            let sum = &mut sums[place(*third)];
                            *sum = by_innermost.mul_add(term, *sum);
                        }
                        let sum = &mut sums[place(second.input)];
                        *sum = by_inner.mul_add(innermost, *sum);
                        inner = innermost.mul_add(a, inner);
                    }
                    let sum = &mut sums[place(first.input)];
                    *sum = g.mul_add(inner, *sum);
                }
            }
            for (number, sum) in sums.iter().take(polynomials.n_inputs).enumerate() {
                sum.store(&mut gradient[number * channels + at..]);
            }
            at += V::LANES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const N_INPUTS: usize = 5;
    const CHANNELS: usize = 16;

    #[test]
    fn words_name_factors_in_the_order_of_coefficients() {
        let outputs = [vec![vec![1], vec![0, 2, 2], vec![0, 2, 3]], vec![vec![3, 4]]];
        let (polynomials, places) = Polynomials::new(N_INPUTS, &outputs);
        // 0 (2 (2, 3)), 1; 3 (4)
        assert_eq!(polynomials.words(), [2, 1 << 8, 2 | 2 << 8, 2, 3, 1, 1, 3 | 1 << 8, 4]);
        assert_eq!((places, polynomials.n_terms()), (vec![vec![4, 2, 3], vec![6]], 7));
    }

    fn noise(n: usize, seed: u64) -> Vec<f64> {
        let mut state = seed.wrapping_mul(2) | 1;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
            })
            .collect()
    }

    fn monomials() -> impl Strategy<Value = Vec<Vec<u16>>> {
        let monomial = prop::collection::vec(0..N_INPUTS as u16, 1..4).prop_map(|mut indices| {
            indices.sort_unstable();
            indices
        });
        prop::collection::btree_set(monomial, 0..12).prop_map(|set| set.into_iter().collect())
    }

    /// Σ coefficient · product of inputs, monomial by monomial.
    fn oracle(outputs: &[Vec<Vec<u16>>], weights: &[Vec<f64>], inputs: &[f64]) -> Vec<f64> {
        let mut values = vec![0.0; outputs.len() * CHANNELS];
        for (number, monomials) in outputs.iter().enumerate() {
            for (index, monomial) in monomials.iter().enumerate() {
                for c in 0..CHANNELS {
                    let product: f64 = monomial.iter().map(|i| inputs[usize::from(*i) * CHANNELS + c]).product();
                    values[number * CHANNELS + c] += weights[number][index * CHANNELS + c] * product;
                }
            }
        }
        values
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn values_and_gradients_are_those_of_the_monomials(
            outputs in prop::collection::vec(monomials(), 1..4), seed in 0u64..1000,
        ) {
            let (polynomials, places) = Polynomials::new(N_INPUTS, &outputs);
            let weights = outputs.iter().enumerate()
                .map(|(k, m)| noise(m.len() * CHANNELS, seed + k as u64)).collect::<Vec<_>>();
            let mut terms = vec![0.0; polynomials.n_terms() * CHANNELS];
            for (places, weights) in places.iter().zip(&weights) {
                for (place, weights) in places.iter().zip(weights.chunks_exact(CHANNELS)) {
                    terms[place * CHANNELS..][..CHANNELS].copy_from_slice(weights);
                }
            }
            let inputs = noise(N_INPUTS * CHANNELS, seed + 9);
            let g = noise(outputs.len() * CHANNELS, seed + 10);
            let along = noise(inputs.len(), seed + 11);
            let energy = |step: f64| {
                let moved = inputs.iter().zip(&along).map(|(x, d)| x + step * d).collect::<Vec<_>>();
                oracle(&outputs, &weights, &moved).iter().zip(&g).map(|(b, g)| b * g).sum::<f64>()
            };
            // Exact for cubic polynomials.
            let slope = (8.0 * (energy(0.5) - energy(-0.5)) - (energy(1.0) - energy(-1.0))) / 6.0;
            for set in InstructionSet::available() {
                let coefficients = polynomials.pack::<f64>(CHANNELS, set, |term, c| terms[term * CHANNELS + c]);
                let mut values = vec![f64::NAN; outputs.len() * CHANNELS];
                polynomials.forward(&coefficients, &inputs, &mut values);
                for (a, b) in values.iter().zip(oracle(&outputs, &weights, &inputs)) {
                    prop_assert!((a - b).abs() < 1e-13);
                }
                let mut gradient = vec![f64::NAN; inputs.len()];
                polynomials.backward(&coefficients, &inputs, &g, &mut gradient);
                let found = gradient.iter().zip(&along).map(|(g, d)| g * d).sum::<f64>();
                prop_assert!((found - slope).abs() < 1e-12, "{found} {slope}");
            }
        }
    }
}
