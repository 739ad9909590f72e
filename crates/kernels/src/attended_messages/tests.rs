//! Against plain loops, and gradients against differences of them.

use super::*;
use crate::perceptron::RmsNorm;
use crate::simd::{InstructionSet, Real};

const WIDTH: usize = 13;
const ATOMS: usize = 3;
const EDGES: usize = 4;
const STRIDE: usize = 3 * WIDTH;
const SENDER: [u32; EDGES] = [0, 0, 1, 2];
const RECEIVER: [u32; EDGES] = [1, 0, 2, 2];

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    (0..n).map(|_| next()).collect()
}

fn attention() -> Attention<f64> {
    Attention {
        send: noise(WIDTH, 1),
        send_bias: 0.3,
        receive: noise(WIDTH, 2),
        receive_bias: -0.2,
        norm: RmsNorm { scale: noise(WIDTH, 3), epsilon: 1e-3 },
    }
}

/// Everything that the messages depend on.
#[derive(Clone)]
struct Input {
    edges: Vec<f64>,
    y: Vec<f64>,
    cutoff: Vec<f64>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Sums of atoms `[ATOMS, 3 WIDTH]` (nothing, received, sent), and new edges.
fn plain(attention: &Attention<f64>, input: &Input) -> (Vec<f64>, Vec<f64>) {
    let (mut sums, mut edges) = (vec![0.0; ATOMS * STRIDE], input.edges.clone());
    for r in 0..EDGES {
        let (e, y) = (&input.edges[r * WIDTH..][..WIDTH], &input.y[r * WIDTH..][..WIDTH]);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let send = sigmoid(dot(e, &attention.send) + attention.send_bias) * input.cutoff[r];
        let receive = sigmoid(dot(e, &attention.receive) + attention.receive_bias) * input.cutoff[r];
        let length = (dot(y, y) / WIDTH as f64 + attention.norm.epsilon).sqrt();
        for k in 0..WIDTH {
            let message = y[k] / length * attention.norm.scale[k];
            edges[r * WIDTH + k] += message;
            sums[RECEIVER[r] as usize * STRIDE + WIDTH + k] += receive * message;
            sums[SENDER[r] as usize * STRIDE + 2 * WIDTH + k] += send * message;
        }
    }
    (sums, edges)
}

fn block(input: &Input) -> Block<'_, f64> {
    Block { sender: &SENDER, receiver: &RECEIVER, cutoff: &input.cutoff, y: &input.y }
}

fn assert_close(what: &str, found: &[f64], expected: &[f64], limit: f64) {
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() < limit, "{what} [{index}]: {a}, expected {b}");
    }
}

#[test]
fn messages_and_gradients_are_those_of_plain_loops() {
    let attention = attention();
    let input = Input { edges: noise(EDGES * WIDTH, 4), y: noise(EDGES * WIDTH, 5), cutoff: noise(EDGES, 6) };
    let (by_sums, by_edges) = (noise(ATOMS * STRIDE, 7), noise(EDGES * WIDTH, 8));
    let value = |input: &Input| {
        let (sums, edges) = plain(&attention, input);
        dot(&sums, &by_sums) + dot(&edges, &by_edges)
    };
    let slope = |component: &dyn Fn(&mut Input) -> &mut f64| {
        let at = |step: f64| {
            let mut moved = input.clone();
            *component(&mut moved) += step;
            value(&moved)
        };
        (8.0 * (at(1e-3) - at(-1e-3)) - (at(2e-3) - at(-2e-3))) / 12e-3
    };
    for set in InstructionSet::available() {
        let (mut sums, mut edges, mut gates) = (vec![0.0; ATOMS * STRIDE], input.edges.clone(), vec![0.0; 2 * EDGES]);
        let deliver = Deliver {
            attention: &attention,
            block: block(&input),
            edges: &mut edges,
            gates: &mut gates,
            sums: &mut sums,
            stride: STRIDE,
            received: WIDTH,
            sent: 2 * WIDTH,
        };
        f64::run(deliver, set);
        let expected = plain(&attention, &input);
        assert_close("sums", &sums, &expected.0, 1e-14);
        assert_close("edges", &edges, &expected.1, 1e-14);

        let (mut edges, mut dy, mut cutoff) = (by_edges.clone(), vec![0.0; EDGES * WIDTH], vec![0.0; EDGES]);
        let backward = DeliverBackward {
            attention: &attention,
            block: block(&input),
            gates: &gates,
            sums: &by_sums,
            stride: STRIDE,
            received: WIDTH,
            sent: 2 * WIDTH,
            edges: &mut edges,
            dy: &mut dy,
            cutoff: &mut cutoff,
        };
        f64::run(backward, set);
        for k in 0..EDGES * WIDTH {
            assert_close("by edges", &edges[k..=k], &[slope(&move |input| &mut input.edges[k])], 1e-10);
            assert_close("by y", &dy[k..=k], &[slope(&move |input| &mut input.y[k])], 1e-9);
        }
        for k in 0..EDGES {
            assert_close("by cutoff", &cutoff[k..=k], &[slope(&move |input| &mut input.cutoff[k])], 1e-10);
        }
    }
}

#[test]
fn what_is_gathered_is_scattered_back_to_where_it_came_from() {
    let (table, rows) = (noise(ATOMS * 2 * WIDTH, 9), noise(EDGES * WIDTH, 10));
    for set in InstructionSet::available() {
        let mut out = vec![0.0; EDGES * WIDTH];
        f64::run(GatherPair { table: &table, sender: &SENDER, receiver: &RECEIVER, width: WIDTH, out: &mut out }, set);
        let mut back = vec![0.0; table.len()];
        let scatter = ScatterPair { table: &mut back, sender: &SENDER, receiver: &RECEIVER, width: WIDTH, rows: &rows };
        f64::run(scatter, set);
        // One is the transpose of the other.
        assert!((dot(&out, &rows) - dot(&table, &back)).abs() < 1e-13);
        let edge = 2;
        let (sender, receiver) = (SENDER[edge] as usize, RECEIVER[edge] as usize);
        let expected = table[sender * 2 * WIDTH + 4] + table[receiver * 2 * WIDTH + WIDTH + 4];
        assert_eq!(out[edge * WIDTH + 4], expected);
    }
}
