//! Turns features of atoms into the frames of edges, and features of edges back.

use super::layout::Layout;
use crate::simd::{Kernel, Real, Vector};

/// `out[e] = D_e · features[index[e]]`, the rows of a [`Layout`].
pub struct RotateInto<'a, T> {
    /// Degrees and orders.
    pub layout: &'a Layout,
    /// `[edges, wigner_len]`
    pub wigner: &'a [T],
    /// `[edges]`: whose feature.
    pub index: &'a [u32],
    /// `[atoms, components, channels]`
    pub features: &'a [T],
    /// Numbers in a row of a feature.
    pub channels: usize,
    /// `[edges, rows, stride]`; rows of the layout, with the extended ones where they fit.
    pub out: &'a mut [T],
    /// Rows of an edge in `out`.
    pub rows: usize,
    /// Numbers in a row of `out`.
    pub stride: usize,
    /// Where in that row the channels go.
    pub offset: usize,
}

/// `features[index[e]] += factors[e] · D_eᵀ · from[e]`, over the rows of a [`Layout`] without the extended ones.
pub struct RotateBack<'a, T> {
    /// Degrees and orders.
    pub layout: &'a Layout,
    /// `[edges, wigner_len]`
    pub wigner: &'a [T],
    /// `[edges]`: to whose feature it is added.
    pub index: &'a [u32],
    /// `[edges]`; ones where empty.
    pub factors: &'a [T],
    /// `[edges, rows, stride]`
    pub from: &'a [T],
    /// Rows of an edge in `from`.
    pub rows: usize,
    /// Numbers in a row of `from`.
    pub stride: usize,
    /// Where in that row the channels begin.
    pub offset: usize,
    /// Numbers in a row of a feature.
    pub channels: usize,
    /// `[atoms, components, channels]`
    pub features: &'a mut [T],
    /// What rounding has added to each of the features so far, and takes from the next term: an atom has a hundred
    /// edges, and without this each of them rounds the whole sum (W. Kahan, Commun. ACM 8, 40 (1965)). Of the same
    /// shape, zeros before the first call.
    pub excess: &'a mut [T],
}

/// Adds `term` to the numbers of `sum` from `at`, and to `excess` what rounding does to the sum.
#[inline(always)]
fn add_compensated<V: Vector>(term: V, sum: &mut [V::Scalar], excess: &mut [V::Scalar], at: usize) {
    let zero = V::Scalar::default();
    let before = V::load_padded(sum, at, zero);
    let term = term.sub(V::load_padded(excess, at, zero));
    let after = before.add(term);
    after.sub(before).sub(term).store_padded(excess, at);
    after.store_padded(sum, at);
}

/// Calls `$function::<V, N>` with the `N = 2 l + 1` of a degree.
macro_rules! with_degree {
    ($l:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $l {
            1 => $function::<V, 3>($($argument),*),
            2 => $function::<V, 5>($($argument),*),
            3 => $function::<V, 7>($($argument),*),
            4 => $function::<V, 9>($($argument),*),
            5 => $function::<V, 11>($($argument),*),
            _ => $function::<V, 13>($($argument),*),
        }
    };
}

impl<T: Real> Kernel<T> for RotateInto<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { layout, wigner, index, features, channels, out, rows, stride, offset } = self;
        let size = layout.n_components() * channels;
        let edges = index.iter().zip(wigner.chunks_exact(layout.wigner_len().max(1)));
        for ((atom, mut wigner), out) in edges.zip(out.chunks_exact_mut(rows * stride)) {
            let feature = &features[*atom as usize * size..][..size];
            out[offset..][..channels].copy_from_slice(&feature[..channels]);
            for l in 1..=layout.lmax() {
                let n = 2 * l + 1;
                let (block, rest) = wigner.split_at(n * n);
                wigner = rest;
                let from = &feature[l * l * channels..][..n * channels];
                let targets = within(layout.of_degree(l), rows);
                with_degree!(l, turn(block, from, channels, targets, out, stride, offset));
            }
        }
    }
}

/// Those below `rows`: rows ascend within a degree order by order.
#[inline(always)]
fn within(all: &[(usize, usize)], rows: usize) -> &[(usize, usize)] {
    let mut n = all.len();
    while n > 0 && all[n - 1].0 >= rows {
        n -= 1;
    }
    &all[..n]
}

#[inline(always)]
fn turn<V: Vector, const N: usize>(
    wigner: &[V::Scalar],
    from: &[V::Scalar],
    channels: usize,
    rows: &[(usize, usize)],
    out: &mut [V::Scalar],
    stride: usize,
    offset: usize,
) {
    let zero = V::Scalar::default();
    for at in (0..channels).step_by(V::LANES) {
        let mut lanes = [V::splat(zero); N];
        for (lanes, row) in lanes.iter_mut().zip(from.chunks_exact(channels)) {
            *lanes = V::load_padded(row, at, zero);
        }
        for (row, m) in rows {
            let factors = &wigner[m * N..][..N];
            let mut sum = lanes[0].mul(V::splat(factors[0]));
            for k in 1..N {
                sum = lanes[k].mul_add(V::splat(factors[k]), sum);
            }
            sum.store_padded(&mut out[row * stride + offset..][..channels], at);
        }
    }
}

impl<T: Real> Kernel<T> for RotateBack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { layout, wigner, index, factors, from, rows, stride, offset, channels, features, excess } = self;
        let size = layout.n_components() * channels;
        let zero = T::default();
        let edges = index.iter().zip(wigner.chunks_exact(layout.wigner_len().max(1)));
        for (edge, ((atom, mut wigner), from)) in edges.zip(from.chunks_exact(rows * stride)).enumerate() {
            let factor = factors.get(edge).copied().unwrap_or(T::real(1.0));
            let feature = &mut features[*atom as usize * size..][..size];
            let excess = &mut excess[*atom as usize * size..][..size];
            let row = &from[offset..][..channels];
            for at in (0..channels).step_by(V::LANES) {
                let term = V::load_padded(row, at, zero).mul(V::splat(factor));
                add_compensated(term, &mut feature[..channels], &mut excess[..channels], at);
            }
            for l in 1..=layout.lmax() {
                let n = 2 * l + 1;
                let (block, rest) = wigner.split_at(n * n);
                wigner = rest;
                let to = l * l * channels..(l * l + n) * channels;
                let to = (&mut feature[to.clone()], &mut excess[to]);
                let sources = within(layout.of_degree(l), layout.n_rows());
                with_degree!(l, turn_back(block, factor, from, stride, offset, sources, channels, to));
            }
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a strided block on either side")]
fn turn_back<V: Vector, const N: usize>(
    wigner: &[V::Scalar],
    factor: V::Scalar,
    from: &[V::Scalar],
    stride: usize,
    offset: usize,
    rows: &[(usize, usize)],
    channels: usize,
    (to, excess): (&mut [V::Scalar], &mut [V::Scalar]),
) {
    let zero = V::Scalar::default();
    for at in (0..channels).step_by(V::LANES) {
        let mut sums = [V::splat(zero); N];
        for (row, m) in rows {
            let lanes = V::load_padded(&from[row * stride + offset..][..channels], at, zero).mul(V::splat(factor));
            let factors = &wigner[m * N..][..N];
            for k in 0..N {
                sums[k] = lanes.mul_add(V::splat(factors[k]), sums[k]);
            }
        }
        for (sum, (row, excess)) in
            sums.iter().zip(to.chunks_exact_mut(channels).zip(excess.chunks_exact_mut(channels)))
        {
            add_compensated(*sum, row, excess, at);
        }
    }
}
