//! Constants of the functions of lengths and angles, as a checkpoint carries them. Upstream computes them, in single
//! precision, from the cutoff; nothing of them is learned.

use super::config::{Config, MOST_ORDERS};
use crate::weights::{Weights, WeightsError};
use std::f32::consts::PI;

/// Smooth functions of a length that vanish with two derivatives at the cutoff (E. Kocer et al., AIP Adv. 10, 015021 (2020)):
/// `h(r) = f(r) · mix` with `f_n(r) = weight_n (sinc(first_n r) + sinc(second_n r))`.
#[derive(Debug, Clone)]
pub(super) struct Radial {
    /// `[max_n]`
    pub(super) weight: Vec<f64>,
    /// `[max_n]`, 1/Å
    pub(super) first: Vec<f64>,
    /// `[max_n]`, 1/Å
    pub(super) second: Vec<f64>,
    /// `[max_n, max_n]`, row-major: what `f` of the row adds to `h` of the column.
    pub(super) mix: Vec<f64>,
}

impl Radial {
    pub(super) fn read(config: &Config, weights: &Weights) -> Result<Self, WeightsError> {
        let n = config.max_n;
        let row = |name: &str| weights.get(name, &[1, n]).map(|values| values.into_owned());
        let (en, dn) = (row("rbf.en")?, weights.get("rbf.dn", &[n])?);
        // h_0 = f_0; h_i = (f_i + √(e_i / d_(i-1)) h_(i-1)) / √d_i
        let mut mix = vec![0.0; n * n];
        for column in 0..n {
            let slope = 1.0 / dn[column].sqrt();
            for row in 0..column {
                mix[row * n + column] = slope * (en[column] / dn[column - 1]).sqrt() * mix[row * n + column - 1];
            }
            mix[column * n + column] = if column == 0 { 1.0 } else { slope };
        }
        Ok(Self {
            weight: row("rbf.fnr_weights")?,
            first: row("rbf.n_1_pi_cutoff")?,
            second: row("rbf.n_2_pi_cutoff")?,
            mix,
        })
    }
}

/// Spherical Bessel functions of a length, each with a Legendre polynomial of an angle (J. Gasteiger et al., ICLR 2020).
#[derive(Debug, Clone)]
pub(super) struct Spherical {
    /// Å
    pub(super) cutoff: f64,
    /// `[max_n · max_l]`
    pub(super) functions: Vec<Function>,
}

/// `Σ_k amplitude_k x^-(k+1) trig_k(root_k x)` with x the length in cutoffs, times the harmonic of order `l` without an
/// azimuth. Sines and cosines take turns; the last of them is a sine.
#[derive(Debug, Clone)]
pub(super) struct Function {
    /// Amplitude and root, by k.
    pub(super) terms: Vec<(f64, f64)>,
    pub(super) l: usize,
}

impl Function {
    /// Whether term k is of a sine.
    pub(super) fn is_sine(&self, k: usize) -> bool {
        (self.terms.len() - 1 - k).is_multiple_of(2)
    }
}

/// Signs of the amplitudes, by order and term.
const SIGNS: [[f64; 4]; MOST_ORDERS] =
    [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [1.0, -1.0, 1.0, 0.0], [1.0, -1.0, -1.0, 1.0]];

/// The first zeros of the spherical Bessel functions, by order, in single precision.
const ROOTS: [[f32; 4]; MOST_ORDERS] = [
    [PI, 2.0 * PI, 3.0 * PI, 4.0 * PI],
    [4.4934096, 7.7252517, 10.904121, 14.066194],
    [5.763459, 9.095012, 12.322941, 15.514603],
    [6.987932, 10.417118, 13.698023, 16.923622],
];

/// Sizes of the amplitudes by order, term and root, in single precision: the coefficients of sine and cosine in the
/// spherical Bessel function, normalised over the unit sphere. They are a digit away from what formulas give.
const AMPLITUDES: [[[f32; 4]; 4]; MOST_ORDERS] = [
    [[1.0; 4], [0.0; 4], [0.0; 4], [0.0; 4]],
    [
        [-1.0244648, -1.0083433, -1.0041964, -1.0025238],
        [0.22799276, 0.13052563, 0.09209329, 0.07127186],
        [0.0; 4],
        [0.0; 4],
    ],
    [
        [-1.0480795, -1.018618, -1.0100228, -1.0062896],
        [0.54554707, 0.3359923, 0.2458884, 0.1945824],
        [0.094656184, 0.036942482, 0.019953711, 0.012541887],
        [0.0; 4],
    ],
    [
        [1.0694283, 1.0292174, 1.0165081, 1.0106965],
        [0.91823584, 0.5928035, 0.44525027, 0.35832632],
        [0.32850772, 0.14226668, 0.08126178, 0.052932866],
        [0.04701072, 0.013657009, 0.0059323725, 0.0031277505],
    ],
];

/// Upstream's name of the coefficients, which files of 1.0.0 do not carry.
const COEFFICIENTS: &str = "sbf.coef";
/// Their shape: order, amplitudes and roots in turn, root.
const SHAPE: [usize; 3] = [4, 9, 4];

impl Spherical {
    pub(super) fn read(config: &Config, weights: &Weights) -> Result<Self, WeightsError> {
        let carried = match weights.has(COEFFICIENTS) {
            true => Some(weights.get(COEFFICIENTS, &SHAPE)?),
            false => None,
        };
        let factor = weights.get("sbf.factor", &[])?[0];
        let term = |order: usize, k: usize, root: usize| match &carried {
            // Of order 0 there is the root alone.
            Some(coefficients) if order == 0 => (1.0, coefficients[root]),
            Some(coefficients) => {
                let at = |row: usize| coefficients[(order * SHAPE[1] + row) * SHAPE[2] + root];
                (at(2 * k), at(2 * k + 1))
            }
            None => (f64::from(AMPLITUDES[order][k][root]), f64::from(ROOTS[order][root])),
        };
        // Upstream has as many roots of each order as there are harmonics, and repeats each harmonic as often as there
        // are orders. Where both are as many, function and harmonic are of one order.
        let function = |index: usize| {
            let (order, root) = (index / config.max_l, index % config.max_l);
            let terms = (0..=order).map(|k| {
                let (amplitude, root) = term(order, k, root);
                (factor * SIGNS[order][k] * amplitude, root)
            });
            Function { terms: terms.collect(), l: index / config.max_n }
        };
        Ok(Self { cutoff: config.cutoff, functions: (0..config.n_spherical()).map(function).collect() })
    }
}

/// Coefficients of the spherical harmonics without azimuth in powers of the cosine, by order.
pub(super) fn harmonic(l: usize) -> [f64; 4] {
    let norm = ((2 * l + 1) as f64 / (4.0 * std::f64::consts::PI)).sqrt();
    let legendre = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [-0.5, 0.0, 1.5, 0.0], [0.0, -1.5, 0.0, 2.5]];
    legendre[l].map(|coefficient| norm * coefficient)
}

/// Upstream keeps cosines so far from their limits, where the arc cosine has no slope.
pub(super) const COSINE_MARGIN: f64 = 1e-7;
