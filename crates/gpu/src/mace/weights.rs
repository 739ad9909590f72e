//! Weights of MACE as files have them, with factors of the architecture in them.

use crate::error::GpuError;
use crate::kernels::mace::{MOST_CHANNELS, MOST_LAYERS, Paths};

/// `x W`
#[derive(Debug, Clone)]
pub struct Dense {
    /// Inputs.
    pub depth: usize,
    /// Outputs.
    pub width: usize,
    /// `[depth, width]`
    pub values: Vec<f32>,
}

/// Agnesi's transform of distances.
#[derive(Debug, Clone)]
pub struct Transform {
    /// Its constants.
    pub a: f64,
    /// Its constants.
    pub q: f64,
    /// Its constants.
    pub p: f64,
    /// Covalent radii of the model's elements, Å.
    pub radii: Vec<f64>,
}

/// Bessel functions under a polynomial cutoff.
#[derive(Debug, Clone)]
pub struct Radial {
    /// Cutoff, Å.
    pub reach: f64,
    /// Exponent of the cutoff.
    pub exponent: u32,
    /// 1/Å
    pub frequencies: Vec<f64>,
    /// Å^-1/2
    pub prefactor: f64,
    /// Where distances are transformed.
    pub transform: Option<Transform>,
}

/// A coupling of a path has this much of a harmonic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// Which coupling: those of a path follow each other, m3 running fastest.
    pub coupling: u32,
    /// Which harmonic.
    pub harmonic: u32,
    /// How much.
    pub factor: f32,
}

/// Polynomials of the messages of an atom.
#[derive(Debug, Clone)]
pub struct Contraction {
    /// For each output its number of first factors; each is its input with 256 times the number of second factors that
    /// follow it, and these have their third factors behind them in the same way.
    pub program: Vec<u32>,
    /// Factors in all.
    pub n_terms: usize,
    /// `[elements, terms, channels]`; of one element where all have the same.
    pub coefficients: Vec<f32>,
}

/// Energies from scalars.
#[derive(Debug, Clone)]
pub enum Readout {
    /// `[channels]`
    Linear(Vec<f64>),
    /// One hidden layer with silu.
    Network {
        /// `[channels, hidden]`
        first: Vec<f64>,
        /// `[hidden]`
        second: Vec<f64>,
    },
}

/// A layer.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Largest l of what is sent.
    pub sent_lmax: usize,
    /// Largest l of what comes out.
    pub features_lmax: usize,
    /// By l: features to what is sent, `[channels, channels]`.
    pub up: Vec<Dense>,
    /// From basis functions to the weights of paths; silu between.
    pub radial: Vec<Dense>,
    /// What couplings are made of.
    pub terms: Vec<Term>,
    /// `[n_bessel]`, where sums are divided by a density.
    pub density: Option<Vec<f64>>,
    /// By l: sums over neighbors to messages, `[paths channels, channels]`.
    pub linear: Vec<Dense>,
    /// By l: `[elements, channels, channels]`, where messages are mapped by elements.
    pub message_maps: Option<Vec<Vec<f32>>>,
    /// By l: `[elements, channels, channels]`, what features add to the result by another way.
    pub skip: Vec<Vec<f32>>,
    /// Products of messages.
    pub contraction: Contraction,
    /// By l: products to features, `[channels, channels]`.
    pub product: Vec<Dense>,
    /// Energies.
    pub readout: Readout,
}

/// All weights.
#[derive(Debug, Clone)]
pub struct MaceWeights {
    /// The same in all layers.
    pub channels: usize,
    /// Largest l of harmonics and messages.
    pub lmax: usize,
    /// `[elements, channels]`
    pub embedding: Vec<f32>,
    /// Functions of the distance.
    pub radial: Radial,
    /// In order.
    pub layers: Vec<Layer>,
}

fn expect(what: &'static str, expected: usize, found: usize) -> Result<(), GpuError> {
    if expected == found { Ok(()) } else { Err(GpuError::shape(what, expected, found)) }
}

impl Dense {
    pub(super) fn check(&self, what: &'static str, depth: usize, width: usize) -> Result<(), GpuError> {
        expect(what, depth, self.depth)?;
        expect(what, width, self.width)?;
        expect(what, depth * width, self.values.len())
    }
}

impl MaceWeights {
    /// Elements.
    pub fn n_elements(&self) -> usize {
        self.embedding.len() / self.channels.max(1)
    }

    /// Whether all parts agree, and kernels compute them.
    pub(super) fn check(&self) -> Result<(), GpuError> {
        let (n, n_elements) = (self.channels, self.n_elements());
        if n == 0 || !n.is_multiple_of(8) || n > MOST_CHANNELS {
            return Err(GpuError::shape("channels", format!("a multiple of 8 up to {MOST_CHANNELS}"), n));
        }
        expect("numbers of the embedding", n_elements * n, self.embedding.len())?;
        if self.layers.is_empty() || self.layers.len() > MOST_LAYERS {
            return Err(GpuError::shape("layers", format!("1 to {MOST_LAYERS}"), self.layers.len()));
        }
        if let Some(transform) = &self.radial.transform {
            expect("radii", n_elements, transform.radii.len())?;
        }
        let mut before = 0;
        for layer in &self.layers {
            self.check_layer(layer, before)?;
            before = layer.features_lmax;
        }
        Ok(())
    }

    fn check_layer(&self, layer: &Layer, before: usize) -> Result<(), GpuError> {
        let (n, n_elements, lmax) = (self.channels, self.n_elements(), self.lmax);
        let paths = Paths { sent_lmax: layer.sent_lmax, lmax };
        if !paths.is_computed() || layer.sent_lmax > before || layer.features_lmax > lmax.min(2) {
            let found = format!("{paths:?}, {before} before, {} behind", layer.features_lmax);
            return Err(GpuError::shape("l of a layer", "features up to 2, harmonics up to 2 or 3", found));
        }
        let by_l = |what, matrices: &[Dense], lmax: usize, depth: &dyn Fn(usize) -> usize| {
            expect(what, lmax + 1, matrices.len())?;
            matrices.iter().enumerate().try_for_each(|(l, matrix)| matrix.check(what, depth(l), n))
        };
        by_l("matrices of what is sent", &layer.up, layer.sent_lmax, &|_| n)?;
        by_l("matrices of messages", &layer.linear, lmax, &|l| n * paths.to(l))?;
        by_l("matrices of products", &layer.product, layer.features_lmax, &|_| n)?;
        let mut depth = self.radial.frequencies.len();
        for (number, matrix) in layer.radial.iter().enumerate() {
            let last = number + 1 == layer.radial.len();
            matrix.check("a radial layer", depth, if last { n * paths.count() } else { matrix.width })?;
            if !matrix.width.is_multiple_of(8) {
                return Err(GpuError::shape("width of a radial layer", "a multiple of 8", matrix.width));
            }
            depth = matrix.width;
        }
        if layer.radial.is_empty() {
            return Err(GpuError::shape("radial layers", "at least one", 0));
        }
        let inside = |term: &Term| (term.coupling as usize) < paths.n_couplings() && term.harmonic < 16;
        if !layer.terms.iter().all(inside) {
            return Err(GpuError::shape("terms of couplings", format!("those of {paths:?}"), "others"));
        }
        if let Some(density) = &layer.density {
            expect("weights of a density", self.radial.frequencies.len(), density.len())?;
        }
        let maps = layer.message_maps.iter().flatten().chain(&layer.skip);
        maps.into_iter().try_for_each(|map| expect("maps of elements", n_elements * n * n, map.len()))?;
        if let Some(maps) = &layer.message_maps {
            expect("maps of messages", lmax + 1, maps.len())?;
        }
        if layer.skip.len() > before.min(layer.features_lmax) + 1 {
            return Err(GpuError::shape("maps around a layer", before.min(layer.features_lmax) + 1, layer.skip.len()));
        }
        let of_element = layer.contraction.n_terms * n;
        if layer.contraction.coefficients.len() != of_element {
            expect("coefficients of products", n_elements * of_element, layer.contraction.coefficients.len())?;
        }
        match &layer.readout {
            Readout::Linear(weights) => expect("weights of a readout", n, weights.len()),
            Readout::Network { first, second } => expect("weights of a readout", n * second.len(), first.len()),
        }
    }
}
