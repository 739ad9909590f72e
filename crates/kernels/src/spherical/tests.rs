use super::*;
use crate::layer_norm::LayerNorm;
use crate::normal_rows::{NormalSilu, NormalSiluBackward};
use crate::simd::{InstructionSet, Kernel, Real};

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    (0..n).map(step).collect()
}

fn direction(seed: u64) -> [f64; 3] {
    let v = noise(3, seed);
    let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    [0, 1, 2].map(|k| v[k] / length)
}

fn times(a: &Frame, b: &Frame) -> Frame {
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

fn blocks(layout: &Layout, frame: &Frame) -> Vec<f64> {
    let mut out = Vec::new();
    Wigner::new(layout).fill(frame, &mut out);
    assert_eq!(out.len(), layout.wigner_len());
    out
}

fn close(found: f64, expected: f64, limit: f64) {
    assert!((found - expected).abs() < limit, "{found}, expected {expected}");
}

/// Poles and their neighborhood included.
fn directions() -> Vec<[f64; 3]> {
    let special = [[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [1e-9, -1.0, 0.0]];
    special.into_iter().chain((1..20).map(direction)).collect()
}

#[test]
fn rows_go_order_by_order() {
    let layout = Layout::new(2, 2);
    let expected = [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (1, -1), (2, -1), (2, 2), (2, -2)];
    assert_eq!(layout.rows(), expected);
    assert_eq!((layout.n_rows(), layout.n_extended(), layout.wigner_len()), (9, 9, 34));
    let cut = Layout::new(4, 2);
    assert_eq!((cut.n_rows(), cut.n_extended()), (19, 23));
    assert_eq!(cut.orders()[1], Order { m: 2, degrees: 3, plus: 13..16, minus: 16..19 });
    assert_eq!(Layout::new(2, 0).n_extended(), 7);
}

#[test]
fn frames_put_the_edge_on_the_polar_axis() {
    for n in directions() {
        let frame = frame(n);
        let turned = frame.map(|row| (0..3).map(|k| row[k] * n[k]).sum::<f64>());
        (0..3).for_each(|k| close(turned[k], [0.0, 1.0, 0.0][k], 1e-14));
        let transposed = [0, 1, 2].map(|i| [0, 1, 2].map(|j| frame[j][i]));
        let unit = times(&frame, &transposed);
        (0..9).for_each(|k| close(unit[k / 3][k % 3], f64::from(u8::from(k % 4 == 0)), 1e-14));
    }
}

/// What makes them a representation: products go to products. Degree 2 is also known in closed form.
#[test]
fn rotation_matrices_multiply_as_rotations_do() {
    let layout = Layout::new(6, 2);
    for (k, n) in directions().into_iter().enumerate() {
        let (a, b) = (frame(n), frame(direction(100 + k as u64)));
        let [of_a, of_b, of_product] = [a, b, times(&a, &b)].map(|frame| blocks(&layout, &frame));
        let mut at = 0;
        for l in 1..=6 {
            let n = 2 * l + 1;
            for (i, j) in (0..n * n).map(|k| (k / n, k % n)) {
                let sum = (0..n).map(|k| of_a[at + i * n + k] * of_b[at + k * n + j]).sum::<f64>();
                close(of_product[at + i * n + j], sum, 1e-13);
            }
            at += n * n;
        }
    }
    let (r, found) = (frame(direction(7)), blocks(&layout, &frame(direction(7))));
    let (half, sixth) = (0.5f64.sqrt(), 6f64.sqrt().recip());
    let basis: [[[f64; 3]; 3]; 5] = [
        [[0.0, 0.0, half], [0.0, 0.0, 0.0], [half, 0.0, 0.0]],
        [[0.0, half, 0.0], [half, 0.0, 0.0], [0.0, 0.0, 0.0]],
        [[-sixth, 0.0, 0.0], [0.0, 2.0 * sixth, 0.0], [0.0, 0.0, -sixth]],
        [[0.0, 0.0, 0.0], [0.0, 0.0, half], [0.0, half, 0.0]],
        [[-half, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, half]],
    ];
    for (a, b) in (0..25).map(|k| (k / 5, k % 5)) {
        let mut sum = 0.0;
        for (i, j, k, l) in (0..81).map(|k| (k / 27, k / 9 % 3, k / 3 % 3, k % 3)) {
            sum += basis[a][i][j] * r[i][k] * r[j][l] * basis[b][k][l];
        }
        close(found[9 + a * 5 + b], sum, 1e-14);
    }
}

/// Turns features of two atoms into edges of both, with every instruction set.
fn rotated<T: Real>(layout: &Layout, wigner: &[f64], features: &[f64], set: InstructionSet, rows: usize) -> Vec<f64> {
    let narrow = |values: &[f64]| values.iter().map(|x| T::real(*x)).collect::<Vec<T>>();
    let channels = features.len() / 2 / layout.n_components();
    let (stride, offset) = (channels + 3, 2);
    let mut out = vec![T::default(); 2 * rows * stride];
    let (wigner, features) = (narrow(wigner), narrow(features));
    let kernel = RotateInto {
        layout,
        wigner: &wigner,
        index: &[1, 0],
        features: &features,
        channels,
        out: &mut out,
        rows,
        stride,
        offset,
    };
    T::run(kernel, set);
    let rows = out.chunks_exact(stride).flat_map(|row| &row[offset..offset + channels]);
    rows.map(|x| x.wide()).collect()
}

#[test]
fn features_are_turned_by_their_matrices_and_back_by_the_transposed_ones() {
    for (layout, channels) in [(Layout::new(2, 2), 8), (Layout::new(4, 2), 19), (Layout::new(2, 0), 33)] {
        let size = layout.n_components() * channels;
        let features = noise(2 * size, 3);
        let wigner = [1, 2].map(|seed| blocks(&layout, &frame(direction(seed)))).concat();
        let rows = layout.n_extended();
        let (n, len) = (layout.n_rows(), layout.wigner_len());
        let p = noise(2 * n * channels, 4);
        let mut plain = vec![0.0; 2 * rows * channels];
        let mut back = features.clone();
        for (e, atom) in [1, 0].into_iter().enumerate() {
            for (row, (l, m)) in layout.rows().iter().enumerate() {
                let first = (1..*l).map(|l| (2 * l + 1) * (2 * l + 1)).sum::<usize>();
                for j in 0..2 * l + 1 {
                    let element = match l {
                        0 => 1.0,
                        _ => wigner[e * len + first + (*l as isize + m) as usize * (2 * l + 1) + j],
                    };
                    for c in 0..channels {
                        let at = atom * size + (l * l + j) * channels + c;
                        plain[(e * rows + row) * channels + c] += element * features[at];
                        if row < n {
                            back[at] += 0.25 * element * p[(e * n + row) * channels + c];
                        }
                    }
                }
            }
        }
        for set in InstructionSet::available() {
            let found = rotated::<f64>(&layout, &wigner, &features, set, rows);
            found.iter().zip(&plain).for_each(|(a, b)| close(*a, *b, 1e-14));
            let found = rotated::<f32>(&layout, &wigner, &features, set, rows);
            found.iter().zip(&plain).for_each(|(a, b)| close(*a, *b, 1e-6));
            let mut out = features.clone();
            let kernel = RotateBack {
                layout: &layout,
                wigner: &wigner,
                index: &[1, 0],
                factors: &[0.25, 0.25],
                from: &p,
                rows: n,
                stride: channels,
                offset: 0,
                channels,
                features: &mut out,
                excess: &mut vec![0.0; features.len()],
            };
            f64::run(kernel, set);
            out.iter().zip(&back).for_each(|(a, b)| close(*a, *b, 1e-14));
        }
    }
}

/// A plain sum of so many terms would be off by ten units in the last place and more.
#[test]
fn the_sum_over_many_edges_is_rounded_as_if_it_were_one_term() {
    let (layout, channels, n_edges) = (Layout::new(2, 2), 20, 1000);
    let size = layout.n_rows() * channels;
    let narrow = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect::<Vec<_>>();
    let turn = narrow(blocks(&layout, &frame(direction(3))));
    let (wigner, p) = (turn.repeat(n_edges), narrow(noise(n_edges * size, 8)));
    for set in InstructionSet::available() {
        let back = |n: usize, from: &[f32], out: &mut [f32]| {
            let mut excess = vec![0.0; size];
            let kernel = RotateBack {
                layout: &layout,
                wigner: &wigner[..n * turn.len()],
                index: &vec![0; n],
                factors: &[],
                from,
                rows: layout.n_rows(),
                stride: channels,
                offset: 0,
                channels,
                features: out,
                excess: &mut excess,
            };
            f32::run(kernel, set);
        };
        let mut sums = vec![100.0; size];
        back(n_edges, &p, &mut sums);
        let mut exact = vec![100.0; size];
        for p in p.chunks_exact(size) {
            let mut one = vec![0.0; size];
            back(1, p, &mut one);
            exact.iter_mut().zip(one).for_each(|(sum, term)| *sum += f64::from(term));
        }
        // Numbers from 64 to 256 are 2^-17 to 2^-16 apart.
        sums.iter().zip(exact).for_each(|(found, exact)| close(f64::from(*found), exact, 0.51 * 2f64.powi(-16)));
    }
}

/// `E = Σ p · (D x)`: tilting the edge by finite steps against the torque.
#[test]
fn torques_are_slopes_by_the_tilt_of_an_edge() {
    for layout in [Layout::new(2, 2), Layout::new(4, 2), Layout::new(3, 0), Layout::new(6, 5)] {
        let channels = 5;
        let features = noise(2 * layout.n_components() * channels, 3);
        let p = noise(layout.n_rows() * channels, 4);
        for n in directions() {
            let frame = frame(n);
            // A turn of the edge by ω turns the frame with it: R exp(-ω).
            let energy = |axis: [f64; 3], angle: f64| {
                let turn = rotation(axis, -angle);
                let wigner = blocks(&layout, &times(&frame, &turn)).repeat(2);
                let set = InstructionSet::detect();
                let q = rotated::<f64>(&layout, &wigner, &features, set, layout.n_extended());
                p.iter().zip(&q).map(|(p, q)| p * q).sum::<f64>()
            };
            let wigner = blocks(&layout, &frame).repeat(2);
            let set = InstructionSet::detect();
            let q = rotated::<f64>(&layout, &wigner, &features, set, layout.n_extended());
            let mut out = [[0.0; 2]];
            let generators = Generators::new(&layout);
            let kernel = Torques {
                generators: &generators,
                p: &p,
                p_rows: layout.n_rows(),
                q: &q[..layout.n_extended() * channels],
                q_rows: layout.n_extended(),
                width: channels,
                factors: &[],
                out: &mut out,
            };
            f64::run(kernel, set);
            for (k, axis) in [frame[0], frame[2]].into_iter().enumerate() {
                let step = 1e-4;
                let slope = (8.0 * (energy(axis, step) - energy(axis, -step))
                    - (energy(axis, 2.0 * step) - energy(axis, -2.0 * step)))
                    / (12.0 * step);
                close(out[0][k], slope, 1e-9);
            }
        }
    }
}

/// About a unit vector.
fn rotation(axis: [f64; 3], angle: f64) -> Frame {
    let (sin, cos) = angle.sin_cos();
    let [x, y, z] = axis;
    let cross = [[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]];
    [0, 1, 2].map(|i| {
        [0, 1, 2].map(|j| cos * f64::from(u8::from(i == j)) + sin * cross[i][j] + (1.0 - cos) * axis[i] * axis[j])
    })
}

/// Compares a gradient with five-point differences of `Σ p · f(x)`.
fn check_gradient(x: &[f64], p: &[f64], f: impl Fn(&[f64]) -> Vec<f64>, gradient: &[f64]) {
    for (k, found) in gradient.iter().enumerate() {
        let energy = |by: f64| {
            let mut x = x.to_vec();
            x[k] += by;
            f(&x).iter().zip(p).map(|(f, p)| f * p).sum::<f64>()
        };
        let h = 1e-3;
        let slope = (8.0 * (energy(h) - energy(-h)) - (energy(2.0 * h) - energy(-2.0 * h))) / (12.0 * h);
        close(*found, slope, 1e-9);
    }
}

fn run(kernel: impl Kernel<f64, Output = ()>, set: InstructionSet) {
    f64::run(kernel, set);
}

#[test]
fn gates_and_norms_have_their_gradients() {
    let degrees = [0, 1, 2, 1, 2];
    for (width, set) in
        [3, 8, 21].into_iter().flat_map(|w| InstructionSet::available().into_iter().map(move |s| (w, s)))
    {
        let items = 2;
        let x = noise(items * 7 * width, 5);
        let p = noise(items * 5 * width, 6);
        let gate = |x: &[f64]| {
            let mut out = vec![0.0; items * 5 * width];
            run(GateForward { degrees: &degrees, width, items: x, out: &mut out }, set);
            out
        };
        let mut gradient = vec![0.0; x.len()];
        run(GateBackward { degrees: &degrees, width, items: &x, gradient: &p, by_items: &mut gradient }, set);
        check_gradient(&x, &p, gate, &gradient);

        let layers = LayerNorm { scale: noise(width, 8), offset: noise(width, 9) };
        let (x, p) = (noise(2 * width, 10), noise(2 * width, 11));
        let silu = |x: &[f64]| {
            let mut out = vec![0.0; x.len()];
            run(NormalSilu { norm: &layers, rows: x, out: &mut out }, set);
            out
        };
        let mut gradient = p.clone();
        run(NormalSiluBackward { norm: &layers, rows: &x, gradient: &mut gradient }, set);
        check_gradient(&x, &p, silu, &gradient);

        let norm = SphericalNorm { lmax: 2, channels: width, scale: noise(3 * width, 12), offset: noise(width, 13) };
        let (x, p) = (noise(2 * 9 * width, 14), noise(2 * 9 * width, 15));
        let forward = |x: &[f64]| {
            let mut out = vec![0.0; x.len()];
            run(NormForward { norm: &norm, features: x, out: &mut out }, set);
            out
        };
        let mut gradient = vec![0.0; x.len()];
        run(NormBackward { norm: &norm, features: &x, gradient: &p, out: &mut gradient }, set);
        check_gradient(&x, &p, forward, &gradient);
        // A constant may be added to degree 0.
        let shifted = forward(
            &x.iter().enumerate().map(|(k, x)| x + f64::from(u8::from(k % (9 * width) < width))).collect::<Vec<_>>(),
        );
        shifted.iter().zip(forward(&x)).for_each(|(a, b)| close(*a, b, 1e-12));
    }
}
