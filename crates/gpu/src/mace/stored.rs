//! Weights on the device.

use super::weights::{Dense, Layer, MaceWeights, Readout, Term};
use crate::constants::{Constants, Packer, TwoWays};
use crate::driver::Stream;
use crate::error::GpuError;
use crate::kernels::mace::{Agnesi, Paths};
use crate::memory::Part;
use crate::products::Products;

/// Sizes that everything is made of.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub(super) channels: usize,
    pub(super) lmax: usize,
    pub(super) n_elements: usize,
    pub(super) n_bessel: usize,
    pub(super) n_layers: usize,
    pub(super) layers: [LayerShape; crate::kernels::mace::MOST_LAYERS],
}

/// Those of a layer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LayerShape {
    pub(super) sent_lmax: usize,
    pub(super) features_lmax: usize,
    /// Widths of all radial layers but the last, and how many; the rest is not used.
    pub(super) hidden: [usize; 4],
    pub(super) n_hidden: usize,
    pub(super) has_density: bool,
    pub(super) has_maps: bool,
}

impl Shape {
    pub(super) fn of(weights: &MaceWeights) -> Result<Self, GpuError> {
        weights.check()?;
        let mut layers = [LayerShape::default(); crate::kernels::mace::MOST_LAYERS];
        for (to, layer) in layers.iter_mut().zip(&weights.layers) {
            let (mut hidden, n_hidden) = ([0; 4], layer.radial.len() - 1);
            if n_hidden > hidden.len() {
                return Err(GpuError::shape("radial layers", "at most 5", layer.radial.len()));
            }
            hidden.iter_mut().zip(&layer.radial).take(n_hidden).for_each(|(to, matrix)| *to = matrix.width);
            *to = LayerShape {
                sent_lmax: layer.sent_lmax,
                features_lmax: layer.features_lmax,
                hidden,
                n_hidden,
                has_density: layer.density.is_some(),
                has_maps: layer.message_maps.is_some(),
            };
        }
        Ok(Self {
            channels: weights.channels,
            lmax: weights.lmax,
            n_elements: weights.n_elements(),
            n_bessel: weights.radial.frequencies.len(),
            n_layers: weights.layers.len(),
            layers,
        })
    }

    /// Basis functions, padded to what products take.
    pub(super) fn n_basis(&self) -> usize {
        self.n_bessel.next_multiple_of(8)
    }

    pub(super) fn paths(&self, layer: usize) -> Paths {
        Paths { sent_lmax: self.layers[layer].sent_lmax, lmax: self.lmax }
    }

    /// Largest l of what goes into a layer.
    pub(super) fn before(&self, layer: usize) -> usize {
        if layer == 0 { 0 } else { self.layers[layer - 1].features_lmax }
    }
}

/// `[elements, channels, channels]` and transposed.
#[derive(Clone, Copy)]
pub(super) struct Map {
    pub(super) forward: Part<f32>,
    pub(super) backward: Part<f32>,
}

pub(super) struct StoredTerms {
    pub(super) starts: Part<u32>,
    pub(super) index: Part<u32>,
    pub(super) factors: Part<f32>,
}

pub(super) struct StoredLayer {
    pub(super) up: Vec<TwoWays>,
    pub(super) radial: Vec<TwoWays>,
    /// By coupling: harmonics. By harmonic: couplings.
    pub(super) couplings: StoredTerms,
    pub(super) harmonics: StoredTerms,
    pub(super) linear: Vec<TwoWays>,
    pub(super) message_maps: Vec<Map>,
    pub(super) skip: Vec<Map>,
    pub(super) program: Part<u32>,
    pub(super) n_terms: usize,
    pub(super) terms: Part<f32>,
    pub(super) alike: bool,
    pub(super) product: Vec<TwoWays>,
    pub(super) readout: Part<f64>,
    pub(super) readout_second: Part<f64>,
}

/// All weights on the device.
pub(super) struct StoredWeights {
    pub(super) constants: Constants,
    pub(super) shape: Shape,
    pub(super) embedding: Part<f32>,
    pub(super) frequencies: Part<f64>,
    /// `[elements]`, or none.
    pub(super) radii: Part<f64>,
    pub(super) agnesi: Agnesi,
    pub(super) prefactor: f64,
    pub(super) reach: f64,
    pub(super) exponent: u32,
    /// `[layers, n_bessel]`, zeros for layers without; none where no layer has one.
    pub(super) density_weights: Part<f64>,
    /// Zeros, as many as any hidden radial layer is wide.
    pub(super) no_bias: Part<f32>,
    pub(super) layers: Vec<StoredLayer>,
}

/// `matrix` with `depth` inputs, zero beyond its own.
fn two_ways(packer: &mut Packer, matrix: &Dense, depth: usize) -> TwoWays {
    let (width, own) = (matrix.width, matrix.depth);
    let weight = |n: usize, k: usize| if k < own { matrix.values[k * width + n] } else { 0.0 };
    packer.two_ways(width, depth, weight)
}

fn map(packer: &mut Packer, values: &[f32], n: usize) -> Map {
    let transposed = (0..values.len()).map(|at| {
        let (element, from, to) = (at / (n * n), at % n, at / n % n);
        values[(element * n + from) * n + to]
    });
    Map { forward: packer.put(values), backward: packer.put(&transposed.collect::<Vec<_>>()) }
}

/// Terms in the order of `key`, each with another index.
fn terms(packer: &mut Packer, all: &[Term], n_keys: usize, key: fn(&Term) -> (u32, u32)) -> StoredTerms {
    let mut sorted = all.to_vec();
    sorted.sort_by_key(key);
    let starts = (0..=n_keys).map(|k| sorted.partition_point(|term| (key(term).0 as usize) < k) as u32);
    let index = sorted.iter().map(|term| key(term).1).collect::<Vec<_>>();
    let factors = sorted.iter().map(|term| term.factor).collect::<Vec<_>>();
    StoredTerms {
        starts: packer.put(&starts.collect::<Vec<_>>()),
        index: packer.put(&index),
        factors: packer.put(&factors),
    }
}

impl StoredLayer {
    fn new(packer: &mut Packer, layer: &Layer, shape: &Shape, number: usize) -> Self {
        let n = shape.channels;
        let all = |packer: &mut Packer, matrices: &[Dense]| {
            matrices.iter().map(|matrix| two_ways(packer, matrix, matrix.depth)).collect::<Vec<_>>()
        };
        let radial = layer.radial.iter().map(|matrix| {
            let padded = matrix.depth.next_multiple_of(8);
            two_ways(packer, matrix, padded)
        });
        let radial = radial.collect();
        let n_couplings = shape.paths(number).n_couplings();
        let (first, second) = match &layer.readout {
            Readout::Linear(weights) => (weights.as_slice(), [].as_slice()),
            Readout::Network { first, second } => (first.as_slice(), second.as_slice()),
        };
        Self {
            up: all(packer, &layer.up),
            radial,
            couplings: terms(packer, &layer.terms, n_couplings, |term| (term.coupling, term.harmonic)),
            harmonics: terms(packer, &layer.terms, 16, |term| (term.harmonic, term.coupling)),
            linear: all(packer, &layer.linear),
            message_maps: layer.message_maps.iter().flatten().map(|values| map(packer, values, n)).collect(),
            skip: layer.skip.iter().map(|values| map(packer, values, n)).collect(),
            program: packer.put(&layer.contraction.program),
            n_terms: layer.contraction.n_terms,
            terms: packer.put(&layer.contraction.coefficients),
            alike: layer.contraction.coefficients.len() == layer.contraction.n_terms * n,
            product: all(packer, &layer.product),
            readout: packer.put(first),
            readout_second: packer.put(second),
        }
    }
}

impl StoredWeights {
    /// Packs weights and copies them to the device.
    pub(super) fn new(weights: &MaceWeights, products: Products, stream: &Stream) -> Result<Self, GpuError> {
        let shape = Shape::of(weights)?;
        let mut packer = Packer::new(products);
        let radial = &weights.radial;
        let agnesi = radial.transform.as_ref().map_or(Agnesi::default(), |t| Agnesi { a: t.a, q: t.q, p: t.p });
        let radii = radial.transform.as_ref().map_or(&[][..], |t| &t.radii);
        let density = |layer: &Layer| layer.density.clone().unwrap_or_else(|| vec![0.0; shape.n_bessel]);
        let has_density = weights.layers.iter().any(|layer| layer.density.is_some());
        let densities: Vec<f64> = weights.layers.iter().filter(|_| has_density).flat_map(density).collect();
        let widest = shape.layers.iter().flat_map(|layer| layer.hidden).max().unwrap_or(0);
        let stored = |packer: &mut Packer| {
            let layers = weights.layers.iter().enumerate();
            layers.map(|(number, layer)| StoredLayer::new(packer, layer, &shape, number)).collect()
        };
        let (embedding, frequencies) = (packer.put(&weights.embedding), packer.put(&radial.frequencies));
        let (radii, density_weights) = (packer.put(radii), packer.put(&densities));
        let no_bias = packer.put(&vec![0.0f32; widest]);
        let layers = stored(&mut packer);
        Ok(Self {
            constants: packer.upload(stream)?,
            shape,
            embedding,
            frequencies,
            radii,
            agnesi,
            prefactor: radial.prefactor,
            reach: radial.reach,
            exponent: radial.exponent,
            density_weights,
            no_bias,
            layers,
        })
    }
}
