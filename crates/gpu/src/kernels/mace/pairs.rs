//! Pairs of atoms: basis functions, harmonics, and the gradient by vectors.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::shapes::MOST_LAYERS;
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Pairs of atoms.
#[derive(Clone, Copy)]
pub(crate) struct Pairs<'a> {
    /// `[pairs]`, Å
    pub(crate) vectors: Slice<'a, [f64; 3]>,
    /// `[pairs]`
    pub(crate) first: Slice<'a, u32>,
    /// `[pairs]`
    pub(crate) second: Slice<'a, u32>,
}

impl Pairs<'_> {
    pub(super) fn len(&self) -> Result<usize, GpuError> {
        expect_len("first atoms", self.first.len(), self.vectors.len())?;
        expect_len("second atoms", self.second.len(), self.vectors.len())?;
        Ok(self.vectors.len())
    }
}

/// Constants of Agnesi's transform.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Agnesi {
    pub(crate) a: f64,
    pub(crate) q: f64,
    pub(crate) p: f64,
}

/// Functions of distances.
pub(crate) struct Basis<'a> {
    pub(crate) pairs: Pairs<'a>,
    /// `[atoms]`
    pub(crate) elements: Slice<'a, u32>,
    /// `[elements]`, Å; none where distances are not transformed.
    pub(crate) radii: Slice<'a, f64>,
    pub(crate) agnesi: Agnesi,
    /// `[n_bessel]`
    pub(crate) frequencies: Slice<'a, f64>,
    pub(crate) prefactor: f64,
    pub(crate) reach: f64,
    pub(crate) exponent: u32,
    /// `[layers, n_bessel]`; none without densities.
    pub(crate) density_weights: Slice<'a, f64>,
}

/// What is made of them.
pub(crate) struct BasisRows<'a> {
    /// `[pairs, n_basis]`
    pub(crate) values: Slice<'a, f32>,
    /// `[pairs, n_basis]`
    pub(crate) slopes: Slice<'a, f32>,
    /// `[pairs, 16]`
    pub(crate) harmonics: Slice<'a, f32>,
    /// `[layers, pairs, 2]`; none without densities.
    pub(crate) densities: Slice<'a, f64>,
}

/// Which coupling has which terms.
#[derive(Clone, Copy)]
pub(crate) struct Couplings<'a> {
    /// `[couplings + 1]`
    pub(crate) starts: Slice<'a, u32>,
    /// `[terms]`
    pub(crate) harmonic: Slice<'a, u32>,
    /// `[terms]`
    pub(crate) factors: Slice<'a, f32>,
}

/// Of one layer: which harmonic has which terms, and gradients.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// `[17]`
    pub(crate) starts: Slice<'a, u32>,
    /// `[terms]`
    pub(crate) coupling: Slice<'a, u32>,
    /// `[terms]`
    pub(crate) factors: Slice<'a, f32>,
    /// `[pairs, couplings]`
    pub(crate) by_couplings: Slice<'a, f32>,
    pub(crate) n_couplings: usize,
    /// `[atoms]`; none without densities.
    pub(crate) by_sums: Slice<'a, f64>,
}

/// Gradients by vectors.
pub(crate) struct Vectors<'a> {
    pub(crate) pairs: Pairs<'a>,
    pub(crate) n_atoms: usize,
    /// `[pairs, n_basis]`
    pub(crate) slopes: Slice<'a, f32>,
    /// `[pairs, n_basis]`
    pub(crate) by_basis: Slice<'a, f32>,
    /// `[layers, pairs, 2]`; none without densities.
    pub(crate) densities: Slice<'a, f64>,
    pub(crate) layers: Vec<Terms<'a>>,
    /// `[pairs]`
    pub(crate) by_vectors: Slice<'a, [f64; 3]>,
}

arguments!(BasisArguments {
    vectors: u64,
    first: u64,
    second: u64,
    elements: u64,
    radii: u64,
    frequencies: u64,
    density_weights: u64,
    values: u64,
    slopes: u64,
    harmonics: u64,
    densities: u64,
    prefactor: f64,
    reach: f64,
    agnesi: [f64; 3],
    pairs: u32,
    n_bessel: u32,
    n_basis: u32,
    exponent: u32,
    n_layers: u32,
});
arguments!(CouplingsArguments {
    harmonics: u64,
    starts: u64,
    harmonic: u64,
    factors: u64,
    couplings: u64,
    pairs: u32,
    n_couplings: u32,
});
arguments!(TermsArguments {
    starts: u64,
    coupling: u64,
    factors: u64,
    by_couplings: u64,
    by_sums: u64,
    n_couplings: u64,
});
arguments!(VectorsArguments {
    vectors: u64,
    first: u64,
    second: u64,
    slopes: u64,
    by_basis: u64,
    densities: u64,
    by_vectors: u64,
    layers: [TermsArguments; MOST_LAYERS],
    pairs: u32,
    n_basis: u32,
    n_layers: u32,
});

impl Queue {
    /// Basis functions, harmonics and densities of pairs.
    pub(crate) fn mace_basis(&self, p: &Basis<'_>, to: &BasisRows<'_>) -> Result<(), GpuError> {
        let (n, n_bessel) = (p.pairs.len()?, p.frequencies.len());
        let n_basis = n_bessel.next_multiple_of(8);
        expect_len("basis functions", to.values.len(), n * n_basis)?;
        expect_len("slopes of basis functions", to.slopes.len(), n * n_basis)?;
        expect_len("harmonics", to.harmonics.len(), 16 * n)?;
        let n_layers = p.density_weights.len() / n_bessel.max(1);
        expect_len("weights of densities", p.density_weights.len(), n_layers * n_bessel)?;
        expect_len("densities", to.densities.len(), 2 * n_layers * n)?;
        if n_layers > MOST_LAYERS {
            return Err(GpuError::shape("layers with densities", format!("at most {MOST_LAYERS}"), n_layers));
        }
        let Agnesi { a, q, p: power } = p.agnesi;
        let arguments = BasisArguments {
            vectors: p.pairs.vectors.address(),
            first: p.pairs.first.address(),
            second: p.pairs.second.address(),
            elements: p.elements.address(),
            radii: p.radii.address(),
            frequencies: p.frequencies.address(),
            density_weights: p.density_weights.address(),
            values: to.values.address(),
            slopes: to.slopes.address(),
            harmonics: to.harmonics.address(),
            densities: to.densities.address(),
            prefactor: p.prefactor,
            reach: p.reach,
            agnesi: [a, q, power],
            pairs: narrow("pairs", n)?,
            n_bessel: narrow("Bessel functions", n_bessel)?,
            n_basis: narrow("basis functions", n_basis)?,
            exponent: p.exponent,
            n_layers: narrow("layers", n_layers)?,
        };
        self.start(&self.mace.basis, Self::threads(n), &arguments)
    }

    /// Couplings `[pairs, couplings]` from harmonics `[pairs, 16]`.
    pub(crate) fn mace_couplings(
        &self,
        p: Couplings<'_>,
        harmonics: Slice<'_, f32>,
        couplings: Slice<'_, f32>,
    ) -> Result<(), GpuError> {
        let (n, n_couplings) = (harmonics.len() / 16, p.starts.len().saturating_sub(1));
        expect_len("couplings", couplings.len(), n * n_couplings)?;
        expect_len("factors of terms", p.factors.len(), p.harmonic.len())?;
        let arguments = CouplingsArguments {
            harmonics: harmonics.address(),
            starts: p.starts.address(),
            harmonic: p.harmonic.address(),
            factors: p.factors.address(),
            couplings: couplings.address(),
            pairs: narrow("pairs", n)?,
            n_couplings: narrow("couplings", n_couplings)?,
        };
        self.start(&self.mace.couplings, Self::threads(n * n_couplings), &arguments)
    }

    /// Gradients by vectors.
    pub(crate) fn mace_vectors(&self, p: &Vectors<'_>) -> Result<(), GpuError> {
        let n = p.pairs.len()?;
        let n_basis = p.slopes.len() / n.max(1);
        expect_len("slopes of basis functions", p.slopes.len(), n * n_basis)?;
        expect_len("gradients by basis functions", p.by_basis.len(), n * n_basis)?;
        expect_len("gradients by vectors", p.by_vectors.len(), n)?;
        if p.layers.len() > MOST_LAYERS {
            return Err(GpuError::shape("layers", format!("at most {MOST_LAYERS}"), p.layers.len()));
        }
        let mut layers = [TermsArguments::default(); MOST_LAYERS];
        for (number, (to, layer)) in layers.iter_mut().zip(&p.layers).enumerate() {
            expect_len("gradients by couplings", layer.by_couplings.len(), n * layer.n_couplings)?;
            expect_len("factors of terms", layer.factors.len(), layer.coupling.len())?;
            expect_len("starts of terms", layer.starts.len(), 17)?;
            if !layer.by_sums.is_empty() {
                expect_len("gradients by densities", layer.by_sums.len(), p.n_atoms)?;
                if p.densities.len() < 2 * n * (number + 1) {
                    return Err(GpuError::shape("densities", 2 * n * (number + 1), p.densities.len()));
                }
            }
            *to = TermsArguments {
                starts: layer.starts.address(),
                coupling: layer.coupling.address(),
                factors: layer.factors.address(),
                by_couplings: layer.by_couplings.address(),
                by_sums: layer.by_sums.address(),
                n_couplings: layer.n_couplings as u64,
            };
        }
        let arguments = VectorsArguments {
            vectors: p.pairs.vectors.address(),
            first: p.pairs.first.address(),
            second: p.pairs.second.address(),
            slopes: p.slopes.address(),
            by_basis: p.by_basis.address(),
            densities: p.densities.address(),
            by_vectors: p.by_vectors.address(),
            layers,
            pairs: narrow("pairs", n)?,
            n_basis: narrow("basis functions", n_basis)?,
            n_layers: narrow("layers", p.layers.len())?,
        };
        self.start(&self.mace.vectors, Self::threads(n), &arguments)
    }
}
