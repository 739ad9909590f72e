//! Gradients by turns of an edge's frame.
//!
//! For `q = D x` and an energy with `∂E/∂q = p`: when the edge tilts, its frame turns by ω (in the frame's own axes),
//! `dq = -(ω · L) q` with the generators L of rotations, and `dE = -ω · (pᵀ L q)`. Turns about y, the edge itself, change
//! nothing, so only x and z are computed. L couples orders that differ by one, which is why `q` has the extended rows
//! of the [`Layout`].

use super::layout::Layout;
use super::wigner::Wigner;
use crate::simd::{Kernel, Real, Vector};

/// The generators about x and z: (row of p, row of q, element).
#[derive(Debug, Clone)]
pub struct Generators<T> {
    axes: [Vec<(usize, usize, T)>; 2],
}

impl<T: Real> Generators<T> {
    /// In the rows of a layout.
    pub fn new(layout: &Layout) -> Self {
        let element = |axis: usize| {
            let block = generator(layout, axis);
            let mut terms = Vec::new();
            for (p, (l, m)) in layout.rows().iter().enumerate().take(layout.n_rows()) {
                for (q, (k, n)) in layout.rows().iter().enumerate() {
                    let value = if l == k { block(*l, *m, *n) } else { 0.0 };
                    if value != 0.0 {
                        terms.push((p, q, T::real(value)));
                    }
                }
            }
            terms
        };
        Self { axes: [element(0), element(2)] }
    }
}

/// Elements of the generator about an axis: the slope of the rotation matrices at no rotation.
///
/// They are half-integers under square roots, and the rotation matrices are polynomials in the frame, of degree l at
/// most; so central differences of enough points are exact to rounding, and the squares are then rounded to the
/// quarters they are.
fn generator(layout: &Layout, axis: usize) -> impl Fn(usize, isize, isize) -> f64 {
    let wigner = Wigner::new(layout);
    let step = 1e-2;
    let at = |angle: f64| {
        let (sin, cos) = angle.sin_cos();
        let mut frame = [[0.0; 3]; 3];
        let (b, c) = ((axis + 1) % 3, (axis + 2) % 3);
        frame[axis][axis] = 1.0;
        (frame[b][b], frame[b][c], frame[c][b], frame[c][c]) = (cos, -sin, sin, cos);
        let mut out = Vec::new();
        wigner.fill(&frame, &mut out);
        out
    };
    let points = [1.0, -1.0, 2.0, -2.0, 3.0, -3.0].map(|k| at(k * step));
    let slopes = (0..points[0].len()).map(|k| {
        let odd = |i: usize| points[2 * i][k] - points[2 * i + 1][k];
        let slope = (45.0 * odd(0) - 9.0 * odd(1) + odd(2)) / (60.0 * step);
        slope.signum() * ((slope * slope * 4.0).round() / 4.0).sqrt()
    });
    let slopes = slopes.collect::<Vec<_>>();
    move |l, m, n| {
        if l == 0 {
            return 0.0;
        }
        let first = (1..l).map(|l| (2 * l + 1) * (2 * l + 1)).sum::<usize>();
        let (row, column) = ((l as isize + m) as usize, (l as isize + n) as usize);
        slopes[first + row * (2 * l + 1) + column]
    }
}

/// The generators about x, y and z, `[components, components]` each, row-major, in the order of an atom's feature.
pub fn generators(layout: &Layout) -> [Vec<f64>; 3] {
    let size = layout.n_components();
    [0, 1, 2].map(|axis| {
        let element = generator(layout, axis);
        let mut all = vec![0.0; size * size];
        for l in 1..=layout.lmax() {
            let degree = l as isize;
            for (m, n) in (-degree..=degree).flat_map(|m| (-degree..=degree).map(move |n| (m, n))) {
                let at = |m: isize| l * l + (degree + m) as usize;
                all[at(m) * size + at(n)] = element(l, m, n);
            }
        }
        all
    })
}

/// Adds `-pᵀ L q` about x and z of the frames to `out`.
pub struct Torques<'a, T> {
    /// Of the rows.
    pub generators: &'a Generators<T>,
    /// `[edges, p_rows, width]`
    pub p: &'a [T],
    /// Rows of an edge in `p`.
    pub p_rows: usize,
    /// `[edges, q_rows, width]`, with the extended rows.
    pub q: &'a [T],
    /// Rows of an edge in `q`.
    pub q_rows: usize,
    /// Numbers in a row.
    pub width: usize,
    /// `[edges]`; ones where empty.
    pub factors: &'a [T],
    /// `[edges]`: about x, about z.
    pub out: &'a mut [[f64; 2]],
}

impl<T: Real> Kernel<T> for Torques<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { generators, p, p_rows, q, q_rows, width, factors, out } = self;
        let zero = T::default();
        let edges = p.chunks_exact(p_rows * width).zip(q.chunks_exact(q_rows * width));
        for (edge, ((p, q), out)) in edges.zip(out).enumerate() {
            let factor = factors.get(edge).map_or(1.0, |factor| factor.wide());
            for (terms, out) in generators.axes.iter().zip(out) {
                let mut sum = V::splat(zero);
                for (a, b, element) in terms {
                    let (p, q) = (&p[a * width..][..width], &q[b * width..][..width]);
                    let element = V::splat(*element);
                    for at in (0..width).step_by(V::LANES) {
                        let product = V::load_padded(p, at, zero).mul(V::load_padded(q, at, zero));
                        sum = product.mul_add(element, sum);
                    }
                }
                *out -= sum.sum().wide() * factor;
            }
        }
    }
}
