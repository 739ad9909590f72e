//! Functions of distances and angles, and the gradient by vectors.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::ROW_THREADS;
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Sines over the distance under a polynomial cutoff.
pub(crate) struct Radial<'a> {
    /// `[pairs]`, Å
    pub(crate) vectors: Slice<'a, [f64; 3]>,
    /// `[rows]`: whose distances; none where rows are pairs. They are not looked at here.
    pub(crate) pairs: Slice<'a, u32>,
    /// 1/Å
    pub(crate) frequencies: Slice<'a, f64>,
    pub(crate) prefactor: f64,
    pub(crate) reach: f64,
    pub(crate) exponent: u32,
    pub(crate) n_basis: usize,
    /// `[rows, n_basis]`
    pub(crate) values: Slice<'a, f32>,
    /// `[rows, n_basis]`, or none.
    pub(crate) slopes: Slice<'a, f32>,
}

/// Functions of angles.
pub(crate) struct Fourier<'a> {
    /// `[pairs]`, Å
    pub(crate) vectors: Slice<'a, [f64; 3]>,
    /// `[bonds]`
    pub(crate) pairs: Slice<'a, u32>,
    /// `[angles]` each. They are not looked at here.
    pub(crate) first: Slice<'a, u32>,
    pub(crate) second: Slice<'a, u32>,
    pub(crate) turned: Slice<'a, u32>,
    pub(crate) frequencies: Slice<'a, f64>,
    pub(crate) n_basis: usize,
    /// `[angles, n_basis]`: values, or gradients by them.
    pub(crate) values: Slice<'a, f32>,
    /// `[2 angles]`: gradients by the vectors of both bonds; none forward.
    pub(crate) by_vectors: Slice<'a, [f64; 3]>,
}

/// Gradients by vectors.
pub(crate) struct Vectors<'a> {
    pub(crate) vectors: Slice<'a, [f64; 3]>,
    /// `[pairs]`: their bonds.
    pub(crate) bonds: Slice<'a, u32>,
    pub(crate) n_basis: usize,
    /// `[pairs, n_basis]`
    pub(crate) slopes: Slice<'a, f32>,
    pub(crate) by_values: Slice<'a, f32>,
    /// `[bonds, n_basis]`: gradients by the same functions, then slopes of and gradients by those of the bond graph.
    pub(crate) by_bond_values: Slice<'a, f32>,
    pub(crate) short_slopes: Slice<'a, f32>,
    pub(crate) by_short_values: Slice<'a, f32>,
    /// `[bonds + 1]` and `[angles]`: by first bond, by second bond.
    pub(crate) by_first: [Slice<'a, u32>; 2],
    pub(crate) by_second: [Slice<'a, u32>; 2],
    /// `[2 angles]`
    pub(crate) by_angles: Slice<'a, [f64; 3]>,
    /// `[pairs]`
    pub(crate) by_vectors: Slice<'a, [f64; 3]>,
}

arguments!(RadialArguments {
    vectors: u64,
    pairs: u64,
    frequencies: u64,
    values: u64,
    slopes: u64,
    prefactor: f64,
    reach: f64,
    rows: u32,
    n_radial: u32,
    n_basis: u32,
    exponent: u32,
});
arguments!(FourierArguments {
    vectors: u64,
    pairs: u64,
    first: u64,
    second: u64,
    turned: u64,
    frequencies: u64,
    values: u64,
    by_vectors: u64,
    n_angles: u32,
    n_frequencies: u32,
    n_basis: u32,
});
arguments!(VectorArguments {
    vectors: u64,
    bonds: u64,
    slopes: u64,
    by_values: u64,
    by_bond_values: u64,
    short_slopes: u64,
    by_short_values: u64,
    first_starts: u64,
    of_first: u64,
    second_starts: u64,
    of_second: u64,
    by_angles: u64,
    by_vectors: u64,
    pairs: u32,
    n_bonds: u32,
    n_basis: u32,
});

impl Queue {
    /// Functions of distances.
    pub(crate) fn chgnet_radial(&self, p: &Radial<'_>) -> Result<(), GpuError> {
        let rows = p.values.len() / p.n_basis.max(1);
        expect_len("functions of distances", p.values.len(), rows * p.n_basis)?;
        if rows == 0 {
            return Ok(());
        }
        expect_len("distances", rows, if p.pairs.is_empty() { p.vectors.len() } else { p.pairs.len() })?;
        if !p.slopes.is_empty() {
            expect_len("slopes of functions of distances", p.slopes.len(), p.values.len())?;
        }
        if p.frequencies.len() > p.n_basis {
            return Err(GpuError::shape("frequencies", format!("at most {}", p.n_basis), p.frequencies.len()));
        }
        let arguments = RadialArguments {
            vectors: p.vectors.address(),
            pairs: p.pairs.address(),
            frequencies: p.frequencies.address(),
            values: p.values.address(),
            slopes: p.slopes.address(),
            prefactor: p.prefactor,
            reach: p.reach,
            rows: narrow("distances", rows)?,
            n_radial: narrow("frequencies", p.frequencies.len())?,
            n_basis: narrow("functions", p.n_basis)?,
            exponent: p.exponent,
        };
        self.start(&self.chgnet.radial, Self::threads(p.values.len()), &arguments)
    }

    /// Functions of angles; where there are vectors for gradients, gradients by the vectors of bonds from those by the
    /// functions.
    pub(crate) fn chgnet_fourier(&self, p: &Fourier<'_>) -> Result<(), GpuError> {
        let n_angles = p.first.len();
        expect_len("second bonds", p.second.len(), n_angles)?;
        expect_len("turns of angles", p.turned.len(), n_angles)?;
        expect_len("functions of angles", p.values.len(), n_angles * p.n_basis)?;
        if 2 * p.frequencies.len() + 1 > p.n_basis {
            return Err(GpuError::shape("frequencies", format!("fewer than {}", p.n_basis / 2), p.frequencies.len()));
        }
        let forward = p.by_vectors.is_empty();
        if !forward {
            expect_len("gradients of angles", p.by_vectors.len(), 2 * n_angles)?;
        }
        let arguments = FourierArguments {
            vectors: p.vectors.address(),
            pairs: p.pairs.address(),
            first: p.first.address(),
            second: p.second.address(),
            turned: p.turned.address(),
            frequencies: p.frequencies.address(),
            values: p.values.address(),
            by_vectors: p.by_vectors.address(),
            n_angles: narrow("angles", n_angles)?,
            n_frequencies: narrow("frequencies", p.frequencies.len())?,
            n_basis: narrow("functions", p.n_basis)?,
        };
        let kernel = if forward { &self.chgnet.fourier } else { &self.chgnet.fourier_backward };
        self.start(kernel, Self::threads(ROW_THREADS * n_angles), &arguments)
    }

    /// Gradients by vectors.
    pub(crate) fn chgnet_vectors(&self, p: &Vectors<'_>) -> Result<(), GpuError> {
        let (n_pairs, n_bonds) = (p.vectors.len(), p.by_first[0].len().saturating_sub(1));
        let n_angles = p.by_first[1].len();
        expect_len("bonds of pairs", p.bonds.len(), n_pairs)?;
        for (what, found, rows) in [
            ("slopes of functions", p.slopes, n_pairs),
            ("gradients by functions", p.by_values, n_pairs),
            ("gradients by functions of bonds", p.by_bond_values, n_bonds),
            ("slopes of functions of bonds", p.short_slopes, n_bonds),
            ("gradients by functions of bonds", p.by_short_values, n_bonds),
        ] {
            expect_len(what, found.len(), rows * p.n_basis)?;
        }
        expect_len("bounds of bonds", p.by_second[0].len(), n_bonds + 1)?;
        expect_len("angles by second bond", p.by_second[1].len(), n_angles)?;
        expect_len("gradients of angles", p.by_angles.len(), 2 * n_angles)?;
        expect_len("gradients by vectors", p.by_vectors.len(), n_pairs)?;
        let arguments = VectorArguments {
            vectors: p.vectors.address(),
            bonds: p.bonds.address(),
            slopes: p.slopes.address(),
            by_values: p.by_values.address(),
            by_bond_values: p.by_bond_values.address(),
            short_slopes: p.short_slopes.address(),
            by_short_values: p.by_short_values.address(),
            first_starts: p.by_first[0].address(),
            of_first: p.by_first[1].address(),
            second_starts: p.by_second[0].address(),
            of_second: p.by_second[1].address(),
            by_angles: p.by_angles.address(),
            by_vectors: p.by_vectors.address(),
            pairs: narrow("pairs", n_pairs)?,
            n_bonds: narrow("bonds", n_bonds)?,
            n_basis: narrow("functions", p.n_basis)?,
        };
        self.start(&self.chgnet.vectors, Self::threads(n_pairs), &arguments)
    }
}
