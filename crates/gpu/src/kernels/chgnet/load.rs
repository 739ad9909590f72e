//! The kernels by name.

use crate::driver::Kernel;
use crate::error::GpuError;

/// Columns of every row (kernels/chgnet.h).
pub(crate) const WIDE: usize = 64;
/// Rows of a block's tile (kernels/chgnet_tile.cuh).
pub(super) const TILE: usize = 64;
/// Threads of a row.
pub(super) const ROW_THREADS: usize = WIDE / 4;
/// Blocks that share a multiprocessor, as kernels are compiled for (`__launch_bounds__`): with two matrices in shared memory,
/// and with four.
pub(super) const RESIDENT: usize = 3;
pub(super) const RESIDENT_WITH_FOUR: usize = 2;
/// A matrix, or one half of a left operand, in shared memory.
const SQUARE_BYTES: u32 = (WIDE * WIDE * 4) as u32;

/// The kernels.
pub(crate) struct ChgnetKernels {
    pub(super) radial: Kernel,
    pub(super) fourier: Kernel,
    pub(super) fourier_backward: Kernel,
    pub(super) vectors: Kernel,
    pub(super) edges: Kernel,
    pub(super) edges_backward: Kernel,
    pub(super) bonds: Kernel,
    pub(super) bonds_backward: Kernel,
    pub(super) angles: Kernel,
    pub(super) angles_backward: Kernel,
    pub(super) sums: Kernel,
    pub(super) wide_sums: Kernel,
    pub(super) take: Kernel,
    pub(super) put: Kernel,
    pub(super) norm: Kernel,
    pub(super) dot: Kernel,
}

impl ChgnetKernels {
    /// `named`: a kernel by its name in the source, with this much shared memory that it does not declare itself.
    pub(crate) fn load(named: impl Fn(&str, u32) -> Result<Kernel, GpuError>) -> Result<Self, GpuError> {
        let find = |name: &str, squares: u32| named(&format!("chgnet_{name}"), squares * SQUARE_BYTES);
        Ok(Self {
            radial: find("radial", 0)?,
            fourier: find("fourier", 0)?,
            fourier_backward: find("fourier_backward", 0)?,
            vectors: find("vectors", 0)?,
            edges: find("edges", 4)?,
            edges_backward: find("edges_backward", 4)?,
            bonds: find("bonds", 6)?,
            bonds_backward: find("bonds_backward", 6)?,
            angles: find("angles", 4)?,
            angles_backward: find("angles_backward", 4)?,
            sums: find("sums", 0)?,
            wide_sums: find("wide_sums", 0)?,
            take: find("take", 0)?,
            put: find("put", 0)?,
            norm: find("norm", 0)?,
            dot: find("dot", 0)?,
        })
    }
}
