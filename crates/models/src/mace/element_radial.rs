//! The radial network of MACE-MH: it sees the elements of sender and receiver, and has norms between its layers.
//!
//! Its first layer acts on basis functions and two embeddings, side by side: what it makes of the embeddings is
//! tabulated for each element.

use super::config::Config;
use super::context::Context;
use super::file::{FileError, ModelFile};
use crate::weights::WeightsError;
use mlip_atoms::neighbors::Pair;
use mlip_kernels::linear::Matrix;
use mlip_kernels::silu::silu_with_slopes;
use mlip_kernels::simd::{InstructionSet, Real};

/// Added to the variance, as PyTorch's `LayerNorm` does by default.
const EPSILON: f64 = 1e-5;

/// A network of linear layers with biases; before all but the first a norm and a silu.
struct NormedNetwork<T> {
    /// Of the basis functions alone.
    first: Matrix<T>,
    /// What the first layer adds for a sender and for a receiver, `[elements, width]`; the bias is in the former.
    sender: Vec<T>,
    receiver: Vec<T>,
    rest: Vec<NormedLayer<T>>,
}

/// A norm, then (behind a silu) a layer.
struct NormedLayer<T> {
    scale: Vec<f64>,
    offset: Vec<f64>,
    matrix: Matrix<T>,
    bias: Vec<T>,
}

/// Weights of the paths, and the density, of directed edges.
pub(super) struct ElementRadial<T> {
    weights: NormedNetwork<T>,
    density: NormedNetwork<T>,
}

impl<T: Real> NormedNetwork<T> {
    /// `columns[c]`: which of upstream's outputs column c of the last layer is.
    fn read(
        file: &ModelFile,
        layer: usize,
        network: &str,
        config: &Config,
        columns: &[Option<usize>],
        set: InstructionSet,
    ) -> Result<Self, FileError> {
        let prefix = format!("interactions.{layer}.");
        let name = |k: usize, what: &str| format!("{prefix}{network}.net.{k}.{what}");
        let (n_basis, n_elements) = (config.n_bessel, config.atomic_numbers.len());
        let shape = file.shape(&name(0, "weight"))?;
        let (width, depth) = (shape.first().copied().unwrap_or(0), shape.get(1).copied().unwrap_or(0));
        let weight = file.read(&name(0, "weight"), width * depth)?;
        let bias = file.read(&name(0, "bias"), width)?;
        let n_embedding = depth.saturating_sub(n_basis) / 2;
        let table = |embedding: &str, start: usize| -> Result<Vec<f64>, FileError> {
            let rows = file.read(&format!("{prefix}{embedding}.weight"), n_elements * n_embedding)?;
            let scale = 1.0 / (n_elements as f64).sqrt();
            let product = |row: &[f64], c: usize| {
                let weights = &weight[c * depth + start..][..n_embedding];
                scale * row.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>()
            };
            Ok(rows.chunks_exact(n_embedding.max(1)).flat_map(|row| (0..width).map(move |c| product(row, c))).collect())
        };
        let sender = table("source_embedding", n_basis)?;
        let receiver = table("target_embedding", n_basis + n_embedding)?;
        let sender = sender.iter().zip(bias.iter().cycle()).map(|(x, bias)| T::real(x + bias)).collect();
        let receiver = receiver.into_iter().map(T::real).collect();
        let first = Matrix::pack(n_basis, width, set, |k, c| T::real(weight[c * depth + k]));
        let (mut rest, mut depth) = (Vec::new(), width);
        for k in (1..).step_by(3).take_while(|k| file.has(&name(*k, "weight"))) {
            let width = file.shape(&name(k + 2, "weight"))?.first().copied().unwrap_or(0);
            let weight = file.read(&name(k + 2, "weight"), width * depth)?;
            let bias = file.read(&name(k + 2, "bias"), width)?;
            let last = !file.has(&name(k + 3, "weight"));
            let all: Vec<_> = (0..width).map(Some).collect();
            let columns = if last { columns } else { &all };
            if columns.iter().flatten().count() != width {
                let name = name(k + 2, "weight");
                return Err(WeightsError::Shape {
                    name,
                    expected: vec![columns.iter().flatten().count()],
                    found: vec![width],
                }
                .into());
            }
            let element = |row: usize, c: usize| columns[c].map_or(0.0, |column| weight[column * depth + row]);
            let matrix = Matrix::pack(depth, columns.len(), set, |row, c| T::real(element(row, c)));
            let bias = columns.iter().map(|column| T::real(column.map_or(0.0, |column| bias[column]))).collect();
            let (scale, offset) = (file.read(&name(k, "weight"), depth)?, file.read(&name(k, "bias"), depth)?);
            rest.push(NormedLayer { scale, offset, matrix, bias });
            depth = width;
        }
        Ok(Self { first, sender, receiver, rest })
    }

    /// One row an edge: sender, receiver, row of the basis.
    fn apply(
        &self,
        edges: &[(u16, u16, usize)],
        (basis, basis_slopes): (&[T], &[T]),
        values: &mut [T],
        slopes: &mut [T],
    ) {
        let (depth, width) = (self.first.depth(), self.first.width());
        let (mut x, mut x_slope) = (Vec::new(), vec![T::default(); edges.len() * width]);
        for (index, (sender, receiver, row)) in edges.iter().enumerate() {
            let sender = &self.sender[usize::from(*sender) * width..][..width];
            let receiver = &self.receiver[usize::from(*receiver) * width..][..width];
            x.extend(sender.iter().zip(receiver).map(|(a, b)| *a + *b));
            let at = index * width..(index + 1) * width;
            self.first.multiply_add_all(&basis[row * depth..][..depth], &mut x[at.clone()]);
            self.first.multiply_add_all(&basis_slopes[row * depth..][..depth], &mut x_slope[at]);
        }
        for (number, NormedLayer { scale, offset, matrix, bias }) in self.rest.iter().enumerate() {
            for (row, slope) in x.chunks_exact_mut(scale.len()).zip(x_slope.chunks_exact_mut(scale.len())) {
                normalise(scale, offset, row, slope);
            }
            silu_with_slopes(&mut x, &mut x_slope);
            let mut next = bias.iter().copied().cycle().take(edges.len() * bias.len()).collect::<Vec<_>>();
            let mut next_slope = vec![T::default(); next.len()];
            matrix.multiply_add_all(&x, &mut next);
            matrix.multiply_add_all(&x_slope, &mut next_slope);
            if number + 1 == self.rest.len() {
                values.copy_from_slice(&next);
                slopes.copy_from_slice(&next_slope);
                return;
            }
            (x, x_slope) = (next, next_slope);
        }
    }

    fn bytes(&self) -> u64 {
        let tables = (self.sender.len() + self.receiver.len()) * size_of::<T>();
        self.first.bytes() + tables as u64 + self.rest.iter().map(|layer| layer.matrix.bytes()).sum::<u64>()
    }
}

/// A layer norm in place, and the derivative carried along.
fn normalise<T: Real>(scale: &[f64], offset: &[f64], row: &mut [T], slope: &mut [T]) {
    let n = row.len() as f64;
    let mean = row.iter().map(|x| x.wide()).sum::<f64>() / n;
    let mean_slope = slope.iter().map(|x| x.wide()).sum::<f64>() / n;
    let variance = row.iter().map(|x| (x.wide() - mean).powi(2)).sum::<f64>() / n;
    let inverse = 1.0 / (variance + EPSILON).sqrt();
    let products = row.iter().zip(&*slope).map(|(x, d)| (x.wide() - mean) * d.wide());
    let shrink = products.sum::<f64>() / n * inverse * inverse;
    for (((x, d), scale), offset) in row.iter_mut().zip(slope).zip(scale).zip(offset) {
        let centered = x.wide() - mean;
        *d = T::real(scale * inverse * (d.wide() - mean_slope - centered * shrink));
        *x = T::real(scale * inverse * centered + offset);
    }
}

impl<T: Real> ElementRadial<T> {
    pub(super) fn read(
        file: &ModelFile,
        layer: usize,
        config: &Config,
        columns: &[Option<usize>],
        set: InstructionSet,
    ) -> Result<Self, FileError> {
        Ok(Self {
            weights: NormedNetwork::read(file, layer, "conv_tp_weights", config, columns, set)?,
            density: NormedNetwork::read(file, layer, "density_fn", config, &[Some(0)], set)?,
        })
    }

    /// Both edges of each pair: (i → j), then (j → i).
    fn edges(context: Context<'_, T>, pairs: &[Pair]) -> Vec<(u16, u16, usize)> {
        let elements = &context.graph.elements;
        let both = pairs.iter().enumerate().flat_map(|(row, pair)| {
            let (i, j) = (elements[pair.i as usize], elements[pair.j as usize]);
            [(i, j, row), (j, i, row)]
        });
        both.collect()
    }

    /// Two rows of weights a pair, and of their derivatives unless `slopes` is empty.
    pub(super) fn weights(
        &self,
        context: Context<'_, T>,
        pairs: &[Pair],
        basis: (&[T], &[T]),
        weights: &mut [T],
        slopes: &mut [T],
    ) {
        let edges = Self::edges(context, pairs);
        if slopes.is_empty() {
            let mut unused = vec![T::default(); weights.len()];
            self.weights.apply(&edges, basis, weights, &mut unused);
        } else {
            self.weights.apply(&edges, basis, weights, slopes);
        }
    }

    /// Densities of both edges of each pair before the outer cutoff, and their derivatives.
    pub(super) fn densities(&self, context: Context<'_, T>, pairs: &[Pair], basis: (&[T], &[T])) -> Vec<(f64, f64)> {
        let edges = Self::edges(context, pairs);
        let (mut values, mut slopes) = (vec![T::default(); edges.len()], vec![T::default(); edges.len()]);
        self.density.apply(&edges, basis, &mut values, &mut slopes);
        let density = |(u, slope): (&T, &T)| {
            let value = (u.wide() * u.wide()).tanh();
            (value, (1.0 - value * value) * 2.0 * u.wide() * slope.wide())
        };
        values.iter().zip(&slopes).map(density).collect()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.weights.bytes() + self.density.bytes()
    }
}
