//! Linear maps between features, l by l: e3nn's `Linear`, and its tensor product with one-hot elements.

use crate::e3nn::TwoWay;
use mlip_kernels::linear::Matrix;
use mlip_kernels::simd::Real;
use mlip_threads as threads;

/// A thread is given at least this many atoms: what is done for one takes some µs.
pub(super) const ATOMS_PER_THREAD: usize = 16;

/// Where the numbers of an atom lie: for each l its 2l + 1 components, each a row of some width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    /// Numbers an atom.
    pub(super) stride: usize,
    /// For each l: where its first row begins, and how wide its rows are.
    blocks: Vec<(usize, usize)>,
}

impl Rows {
    /// Rows of these widths, for l from 0.
    pub(super) fn new(widths: &[usize]) -> Self {
        let mut stride = 0;
        let blocks = widths.iter().enumerate().map(|(l, width)| {
            let start = stride;
            stride += (2 * l + 1) * width;
            (start, *width)
        });
        let blocks = blocks.collect();
        Self { stride, blocks }
    }

    /// Features with the same channels for each l up to `lmax`.
    pub(super) fn features(lmax: usize, channels: usize) -> Self {
        Self::new(&vec![channels; lmax + 1])
    }

    /// Numbers of this many atoms, all zero.
    pub(super) fn zeros<T: Real>(&self, n_atoms: usize) -> Vec<T> {
        threads::zeros(n_atoms * self.stride)
    }

    /// Width of the rows of l.
    pub(super) fn width(&self, l: usize) -> usize {
        self.blocks.get(l).map_or(0, |block| block.1)
    }

    /// Where row (l, m) begins.
    pub(super) fn at(&self, l: usize, m: usize) -> usize {
        self.blocks[l].0 + m * self.blocks[l].1
    }
}

/// How columns of upstream's weights lie in padded rows: `place(k)` is upstream's index of number k, if it has one.
pub(super) fn padded(channels: usize, padded: usize) -> impl Fn(usize) -> Option<usize> + Copy {
    move |k| {
        let (block, channel) = (k / padded, k % padded);
        (channel < channels).then_some(block * channels + channel)
    }
}

/// One matrix for each l.
pub(super) struct Linear<T> {
    matrices: Vec<TwoWay<T>>,
    from: Rows,
    to: Rows,
}

impl<T: Real> Linear<T> {
    /// `matrices[l]` maps the rows of l in `from` to those in `to`.
    pub(super) fn new(matrices: Vec<TwoWay<T>>, from: Rows, to: Rows) -> Self {
        Self { matrices, from, to }
    }

    /// Adds the image of `input` to `output`.
    pub(super) fn forward(&self, input: &[T], output: &mut [T]) {
        for (l, matrix) in self.matrices.iter().enumerate() {
            multiply_rows(&matrix.forward, l, (input, &self.from), (output, &self.to));
        }
    }

    /// Adds to the gradient of the input what comes from that of the output.
    pub(super) fn backward(&self, output: &[T], input: &mut [T]) {
        for (l, matrix) in self.matrices.iter().enumerate() {
            multiply_rows(&matrix.backward, l, (output, &self.to), (input, &self.from));
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.matrices.iter().map(TwoWay::bytes).sum()
    }
}

/// Rows of l of all atoms times a matrix. What is swept together is what there is more of: atoms, or components.
fn multiply_rows<T: Real>(matrix: &Matrix<T>, l: usize, (from, at): (&[T], &Rows), (to, place): (&mut [T], &Rows)) {
    let (n_atoms, n_rows) = (from.len() / at.stride, 2 * l + 1);
    if n_atoms < n_rows {
        for atom in 0..n_atoms {
            let (from, to) = (&from[atom * at.stride + at.at(l, 0)..], &mut to[atom * place.stride + place.at(l, 0)..]);
            matrix.multiply_add_strided(from, at.width(l), n_rows, to, place.width(l));
        }
    } else {
        for m in 0..n_rows {
            matrix.multiply_add_spread(
                &from[at.at(l, m)..],
                at.stride,
                n_atoms,
                &mut to[place.at(l, m)..],
                place.stride,
            );
        }
    }
}

/// One matrix for each element and l.
pub(super) struct ElementLinear<T> {
    elements: Vec<Linear<T>>,
}

impl<T: Real> ElementLinear<T> {
    /// One map an element.
    pub(super) fn new(elements: Vec<Linear<T>>) -> Self {
        Self { elements }
    }

    /// Adds the image of `input` to `output`.
    pub(super) fn forward(&self, elements: &[u16], input: &[T], output: &mut [T]) {
        let Some(Linear { from, to, .. }) = self.elements.first() else { return };
        let forward = |element: u16, input: &[T], output: &mut [T]| {
            self.elements[usize::from(element)].forward(input, output);
        };
        by_element(elements, (input, from.stride), (output, to.stride), forward);
    }

    /// Adds to the gradient of the input what comes from that of the output.
    pub(super) fn backward(&self, elements: &[u16], output: &[T], input: &mut [T]) {
        let Some(Linear { from, to, .. }) = self.elements.first() else { return };
        let backward = |element: u16, output: &[T], input: &mut [T]| {
            self.elements[usize::from(element)].backward(output, input);
        };
        by_element(elements, (output, to.stride), (input, from.stride), backward);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.elements.iter().map(Linear::bytes).sum()
    }
}

/// Atoms of one element whose rows are put side by side: a few hundred kB.
const ATOMS_TOGETHER: usize = 48;

/// Calls `map` with the rows of the atoms of one element after the other, so that its matrices are read once for all of
/// them. A row's bits do not depend on the rows beside it.
fn by_element<T: Real>(
    elements: &[u16],
    (from, from_stride): (&[T], usize),
    (to, to_stride): (&mut [T], usize),
    map: impl Fn(u16, &[T], &mut [T]) + Send + Sync,
) {
    threads::for_each_rows(to, to_stride, ATOMS_PER_THREAD, |first, to| {
        let elements = &elements[first..first + to.len() / to_stride];
        let mut atoms: Vec<usize> = (0..elements.len()).collect();
        atoms.sort_by_key(|atom| elements[*atom]);
        let (mut rows, mut results) = (Vec::new(), Vec::new());
        let same = atoms.chunk_by(|a, b| elements[*a] == elements[*b]);
        for atoms in same.flat_map(|atoms| atoms.chunks(ATOMS_TOGETHER)) {
            rows.clear();
            results.clear();
            for atom in atoms {
                rows.extend_from_slice(&from[(first + atom) * from_stride..][..from_stride]);
                results.extend_from_slice(&to[atom * to_stride..][..to_stride]);
            }
            map(elements[atoms[0]], &rows, &mut results);
            for (atom, result) in atoms.iter().zip(results.chunks_exact(to_stride)) {
                to[atom * to_stride..][..to_stride].copy_from_slice(result);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_each_l_follow_each_other() {
        let rows = Rows::new(&[32, 48]);
        assert_eq!((rows.stride, rows.at(0, 0), rows.at(1, 0), rows.at(1, 2)), (32 + 144, 0, 32, 128));
        let place = padded(3, 16);
        assert_eq!(
            [place(0), place(2), place(3), place(16), place(18), place(19)],
            [Some(0), Some(2), None, Some(3), Some(5), None]
        );
    }
}
