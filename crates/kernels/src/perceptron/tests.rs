//! Against plain loops, and gradients against differences of them.

use super::*;
use crate::linear::Matrix;
use crate::simd::InstructionSet;

const DEPTH: usize = 7;
const HIDDEN: usize = 20;
const WIDTH: usize = 11;
const ROWS: usize = 3;

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    (0..n).map(|_| next()).collect()
}

struct Weights {
    first: Vec<f64>,
    second: Vec<f64>,
    third: Vec<f64>,
    second_bias: Vec<f64>,
    third_bias: Vec<f64>,
    norm: RmsNorm<f64>,
}

fn weights() -> Weights {
    Weights {
        first: noise(HIDDEN * DEPTH, 1),
        second: noise(HIDDEN * HIDDEN, 2),
        third: noise(WIDTH * HIDDEN, 3),
        second_bias: noise(HIDDEN, 4),
        third_bias: noise(WIDTH, 5),
        norm: RmsNorm { scale: noise(WIDTH, 6), epsilon: 1e-3 },
    }
}

fn plain_silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// `W x + b`
fn plain_linear(weight: &[f64], bias: &[f64], x: &[f64]) -> Vec<f64> {
    let rows = weight.chunks_exact(x.len()).zip(bias);
    rows.map(|(row, bias)| bias + row.iter().zip(x).map(|(a, b)| a * b).sum::<f64>()).collect()
}

/// Weighted sum of the norm of one row's result.
fn plain(weights: &Weights, terms: &[f64], x: &[f64], by: &[f64]) -> f64 {
    let activated = |z: Vec<f64>| z.into_iter().map(plain_silu).collect::<Vec<_>>();
    let a = activated(plain_linear(&weights.first, terms, x));
    let a = activated(plain_linear(&weights.second, &weights.second_bias, &a));
    let y = plain_linear(&weights.third, &weights.third_bias, &a);
    let mean = y.iter().map(|y| y * y).sum::<f64>() / WIDTH as f64;
    let length = (mean + weights.norm.epsilon).sqrt();
    y.iter().zip(&weights.norm.scale).zip(by).map(|((y, scale), by)| y / length * scale * by).sum()
}

#[test]
fn values_and_gradients_are_those_of_plain_loops() {
    let w = weights();
    let (x, terms, by) = (noise(ROWS * DEPTH, 7), noise(ROWS * HIDDEN, 8), noise(ROWS * WIDTH, 9));
    for set in InstructionSet::available() {
        let perceptron = Perceptron {
            first: Matrix::from_linear(&w.first, HIDDEN, DEPTH, set),
            second: Matrix::from_linear(&w.second, HIDDEN, HIDDEN, set),
            third: Matrix::from_linear(&w.third, WIDTH, HIDDEN, set),
            second_bias: w.second_bias.clone(),
            third_bias: w.third_bias.clone(),
        };
        let transposed = Transposed {
            first: Matrix::pack(HIDDEN, DEPTH, set, |k, c| w.first[k * DEPTH + c]),
            second: Matrix::pack(HIDDEN, HIDDEN, set, |k, c| w.second[k * HIDDEN + c]),
            third: Matrix::pack(WIDTH, HIDDEN, set, |k, c| w.third[k * HIDDEN + c]),
        };
        let (mut z1, mut z2, mut y) = (terms.clone(), vec![0.0; ROWS * HIDDEN], vec![0.0; ROWS * WIDTH]);
        let mut scratch = vec![0.0; ROWS * HIDDEN];
        let out = Activations { z1: &mut z1, z2: &mut z2, y: &mut y };
        perceptron.forward(&x, DEPTH, ROWS, out, &mut scratch);
        let mut normed = vec![0.25; ROWS * WIDTH];
        w.norm.add_rows(&y, &mut normed, set);
        let (mut dy, mut dz1, mut dx) = (vec![0.0; ROWS * WIDTH], vec![0.0; ROWS * HIDDEN], vec![0.0; ROWS * DEPTH]);
        w.norm.backward_rows(&y, &by, &mut dy, set);
        transposed.backward(&z1, &z2, &dy, ROWS, &mut dz1, &mut scratch);
        transposed.first.multiply_add_all(&dz1, &mut dx);
        for row in 0..ROWS {
            let (x, terms) = (&x[row * DEPTH..][..DEPTH], &terms[row * HIDDEN..][..HIDDEN]);
            let by = &by[row * WIDTH..][..WIDTH];
            let found = normed[row * WIDTH..][..WIDTH].iter().zip(by).map(|(a, b)| (a - 0.25) * b).sum::<f64>();
            assert!((found - plain(&w, terms, x, by)).abs() < 1e-13, "{set:?} row {row}");
            for k in 0..DEPTH {
                let at = |step: f64| {
                    let mut moved = x.to_vec();
                    moved[k] += step;
                    plain(&w, terms, &moved, by)
                };
                let slope = (8.0 * (at(1e-3) - at(-1e-3)) - (at(2e-3) - at(-2e-3))) / 12e-3;
                assert!((dx[row * DEPTH + k] - slope).abs() < 1e-10, "{set:?} row {row}, input {k}");
            }
        }
    }
}
