//! Energies of atoms.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Atoms of a block (kernels/uma_head.cuh).
const ATOMS: usize = 8;

/// A perceptron with two hidden layers, in double precision.
pub(crate) struct Head<'a> {
    /// `[channels, hidden]`, `[hidden, hidden]`
    pub(crate) transposed: [Slice<'a, f64>; 2],
    /// `[hidden, channels]`, `[hidden, hidden]`
    pub(crate) matrices: [Slice<'a, f64>; 2],
    /// `[hidden]`
    pub(crate) biases: [Slice<'a, f64>; 2],
    /// `[hidden]`
    pub(crate) third: Slice<'a, f64>,
    pub(crate) third_bias: f64,
}

arguments!(HeadArguments {
    rows: u64,
    first_transposed: u64,
    second_transposed: u64,
    first: u64,
    second: u64,
    first_bias: u64,
    second_bias: u64,
    third: u64,
    energies: u64,
    by_rows: u64,
    third_bias: f64,
    atoms: u32,
    channels: u32,
    hidden: u32,
});

impl Queue {
    /// Energies of rows `[atoms, channels]`, and gradients by these unless there is no room for them.
    pub(crate) fn uma_head(
        &self,
        p: &Head<'_>,
        rows: Slice<'_, f32>,
        energies: Slice<'_, f64>,
        by_rows: Slice<'_, f32>,
    ) -> Result<(), GpuError> {
        let (atoms, hidden) = (energies.len(), p.third.len());
        let channels = rows.len() / atoms.max(1);
        expect_len("rows of a readout", rows.len(), atoms * channels)?;
        for (matrix, depth) in [p.transposed, p.matrices].iter().flat_map(|both| both.iter().zip([channels, hidden])) {
            expect_len("weights of a readout", matrix.len(), depth * hidden)?;
        }
        for bias in p.biases {
            expect_len("biases of a readout", bias.len(), hidden)?;
        }
        if !by_rows.is_empty() {
            expect_len("gradients of a readout", by_rows.len(), rows.len())?;
        }
        let arguments = HeadArguments {
            rows: rows.address(),
            first_transposed: p.transposed[0].address(),
            second_transposed: p.transposed[1].address(),
            first: p.matrices[0].address(),
            second: p.matrices[1].address(),
            first_bias: p.biases[0].address(),
            second_bias: p.biases[1].address(),
            third: p.third.address(),
            energies: energies.address(),
            by_rows: by_rows.address(),
            third_bias: p.third_bias,
            atoms: narrow("atoms", atoms)?,
            channels: narrow("channels", channels)?,
            hidden: narrow("hidden channels", hidden)?,
        };
        self.start(&self.uma.head, [atoms.div_ceil(ATOMS), 1], &arguments)
    }
}
