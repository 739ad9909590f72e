//! e3nn's `Linear`, and its tensor product with one-hot species, between blocks of one irrep.

use super::blocks::{padded, width};
use crate::e3nn::TwoWay;
use crate::sevennet::irreps::{Block, Irrep, Irreps};
use crate::weights::{Weights, WeightsError};
use mlip_kernels::simd::{InstructionSet, Real};

/// Takes weights of the file.
#[derive(Clone, Copy)]
pub(super) struct Loader<'a> {
    pub(super) weights: &'a Weights,
    /// The modality, and how many there are.
    pub(super) modal: Option<(usize, usize)>,
    pub(super) set: InstructionSet,
}

/// Upstream's weights of one pair of blocks, with e3nn's factor: `[inputs, outputs]`, or of the modality `[outputs]`.
pub(super) struct Share {
    /// Block of the features; none for the modality.
    pub(super) input: Option<usize>,
    pub(super) output: usize,
    pub(super) values: Vec<f64>,
}

impl Loader<'_> {
    /// The numbers of a tensor, where it has as many.
    pub(super) fn all(&self, name: &str, n: usize) -> Result<Vec<f64>, WeightsError> {
        let values = self.weights.values(name)?.into_owned();
        if values.len() != n {
            let found = self.weights.shape(name)?.to_vec();
            return Err(WeightsError::Shape { name: name.into(), expected: vec![n], found });
        }
        Ok(values)
    }

    /// The weights of a `Linear`, pair by pair. With `modal`, the one-hot modality stands behind the features as scalars.
    pub(super) fn shares(
        &self,
        name: &str,
        from: &Irreps,
        to: &Irreps,
        modal: bool,
    ) -> Result<Vec<Share>, WeightsError> {
        let modal = self.modal.filter(|_| modal);
        let mut inputs = from.0.clone();
        inputs.extend(modal.map(|(_, n)| Block { n, irrep: Irrep::SCALAR }));
        let fan_in = |to: &Block| matching(&inputs, to);
        let n = to.0.iter().map(|block| fan_in(block) * block.n).sum();
        if n == 0 {
            return Ok(Vec::new());
        }
        let weights = self.all(&format!("{name}.linear.weight"), n)?;
        let (mut start, mut shares) = (0, Vec::new());
        for (input, from) in inputs.iter().enumerate() {
            for (output, to) in to.0.iter().enumerate().filter(|(_, to)| to.irrep == from.irrep) {
                let factor = 1.0 / (fan_in(to) as f64).sqrt();
                let block = weights[start..start + from.n * to.n].iter().map(|x| factor * x);
                start += from.n * to.n;
                shares.push(match modal.filter(|_| input + 1 == inputs.len()) {
                    Some((modal, _)) => {
                        let values = block.skip(modal * to.n).take(to.n).collect();
                        Share { input: None, output, values }
                    }
                    None => Share { input: Some(input), output, values: block.collect() },
                });
            }
        }
        Ok(shares)
    }

    /// A `Linear` as a whole.
    pub(super) fn linear<T: Real>(
        &self,
        name: &str,
        from: &Irreps,
        to: &Irreps,
        modal: bool,
    ) -> Result<Linear<T>, WeightsError> {
        let mut linear = Linear { maps: Vec::new(), offsets: Vec::new(), from: from.clone(), to: to.clone() };
        for Share { input, output, values } in self.shares(name, from, to, modal)? {
            match input {
                None => linear.offsets.push((output, offset(&values))),
                Some(input) => {
                    let matrix = self.pack(from.0[input].n, to.0[output].n, |k, c| values[k * to.0[output].n + c]);
                    linear.maps.push(Map { input, output, matrices: vec![matrix] });
                }
            }
        }
        Ok(linear)
    }

    /// A tensor product with one-hot species.
    pub(super) fn species_linear<T: Real>(
        &self,
        name: &str,
        from: &Irreps,
        to: &Irreps,
        n_species: usize,
    ) -> Result<Linear<T>, WeightsError> {
        let fan_in = |to: &Block| matching(&from.0, to);
        let n = to.0.iter().map(|block| fan_in(block) * n_species * block.n).sum();
        let weights = self.all(&format!("{name}.fc_tensor_product.weight"), n)?;
        let (mut start, mut maps) = (0, Vec::new());
        for (input, from) in from.0.iter().enumerate() {
            for (output, to) in to.0.iter().enumerate().filter(|(_, to)| to.irrep == from.irrep) {
                let block = &weights[start..start + from.n * n_species * to.n];
                start += block.len();
                let factor = 1.0 / ((fan_in(to) * n_species) as f64).sqrt();
                let matrix = |species: usize| {
                    self.pack(from.n, to.n, |k, c| factor * block[(k * n_species + species) * to.n + c])
                };
                maps.push(Map { input, output, matrices: (0..n_species).map(matrix).collect() });
            }
        }
        Ok(Linear { maps, offsets: Vec::new(), from: from.clone(), to: to.clone() })
    }

    /// Upstream's `[a, b]` matrix between padded rows.
    fn pack<T: Real>(&self, a: usize, b: usize, element: impl Fn(usize, usize) -> f64) -> TwoWay<T> {
        TwoWay::pack(padded(a), padded(b), self.set, |k, c| if k < a && c < b { element(k, c) } else { 0.0 })
    }
}

/// Channels that lead to a block.
fn matching(inputs: &[Block], to: &Block) -> usize {
    inputs.iter().filter(|from| from.irrep == to.irrep).map(|from| from.n).sum()
}

/// A row of padded channels.
pub(super) fn offset<T: Real>(values: &[f64]) -> Vec<T> {
    let mut row = values.iter().map(|x| T::real(*x)).collect::<Vec<_>>();
    row.resize(padded(values.len()), T::default());
    row
}

/// Adds a row to all rows.
pub(super) fn add_to_rows<T: Real>(rows: &mut [T], offset: &[T]) {
    for row in rows.chunks_exact_mut(offset.len()) {
        row.iter_mut().zip(offset).for_each(|(x, y)| *x += *y);
    }
}

struct Map<T> {
    input: usize,
    output: usize,
    /// One for all species, or one for each.
    matrices: Vec<TwoWay<T>>,
}

/// Maps of channels between blocks of one irrep.
pub(super) struct Linear<T> {
    maps: Vec<Map<T>>,
    /// What the modality adds to scalars: block, `[padded channels]`.
    offsets: Vec<(usize, Vec<T>)>,
    from: Irreps,
    to: Irreps,
}

impl<T: Real> Linear<T> {
    /// Adds the image of `input` to `output`; `species`: one an atom.
    pub(super) fn forward(&self, species: &[u32], input: &[Vec<T>], output: &mut [Vec<T>]) {
        for Map { input: from, output: to, matrices } in &self.maps {
            let widths = (width(&self.from.0[*from]), width(&self.to.0[*to]));
            let (from, to) = (&input[*from], &mut output[*to]);
            match matrices.as_slice() {
                [matrix] => matrix.forward.multiply_add_all(from, to),
                matrices => {
                    let atoms = from.chunks_exact(widths.0).zip(to.chunks_exact_mut(widths.1));
                    for ((from, to), species) in atoms.zip(species) {
                        matrices[*species as usize].forward.multiply_add_all(from, to);
                    }
                }
            }
        }
        for (block, offset) in &self.offsets {
            add_to_rows(&mut output[*block], offset);
        }
    }

    /// Adds to the gradient of the input what comes from that of the output.
    pub(super) fn backward(&self, species: &[u32], by_output: &[Vec<T>], by_input: &mut [Vec<T>]) {
        for Map { input, output, matrices } in &self.maps {
            let widths = (width(&self.to.0[*output]), width(&self.from.0[*input]));
            let (from, to) = (&by_output[*output], &mut by_input[*input]);
            match matrices.as_slice() {
                [matrix] => matrix.backward.multiply_add_all(from, to),
                matrices => {
                    let atoms = from.chunks_exact(widths.0).zip(to.chunks_exact_mut(widths.1));
                    for ((from, to), species) in atoms.zip(species) {
                        matrices[*species as usize].backward.multiply_add_all(from, to);
                    }
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.maps.iter().flat_map(|map| &map.matrices).map(TwoWay::bytes).sum()
    }
}
