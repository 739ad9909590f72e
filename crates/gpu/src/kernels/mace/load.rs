//! The kernels by name.

use crate::driver::Kernel;
use crate::error::GpuError;

/// Atoms of a block of products: 256 threads of 4, or of 2 of 128 channels (kernels/mace_atoms.cuh).
pub(super) const FORWARD_ATOMS: u32 = 8;
pub(super) const BACKWARD_ATOMS: u32 = 4;
/// Their inputs in shared memory: 16 components of 128 channels.
const ATOM_BYTES: u32 = 16 * 128 * 4;

/// One for each largest l of what is sent (0 to 2), for the largest l of harmonics 2 and 3.
type ByShape = [[Kernel; 3]; 2];

/// The kernels.
pub(crate) struct MaceKernels {
    pub(super) basis: Kernel,
    pub(super) couplings: Kernel,
    pub(super) vectors: Kernel,
    pub(super) messages: ByShape,
    pub(super) messages_backward: ByShape,
    pub(super) sent: Kernel,
    pub(super) embed: Kernel,
    pub(super) elements: Kernel,
    pub(super) density: Kernel,
    pub(super) density_backward: Kernel,
    pub(super) product: Kernel,
    pub(super) product_backward: Kernel,
    pub(super) readout: Kernel,
}

impl MaceKernels {
    /// `named`: a kernel by its name in the source, with this much shared memory that it does not declare itself.
    pub(crate) fn load(named: impl Fn(&str, u32) -> Result<Kernel, GpuError>) -> Result<Self, GpuError> {
        let find = |name: &str| named(name, 0);
        let by_shape = |name: &str| -> Result<ByShape, GpuError> {
            let of = |sent: usize, l: usize| find(&format!("mace_{name}_{sent}{l}"));
            Ok([[of(0, 2)?, of(1, 2)?, of(2, 2)?], [of(0, 3)?, of(1, 3)?, of(2, 3)?]])
        };
        Ok(Self {
            basis: find("mace_basis")?,
            couplings: find("mace_couplings")?,
            vectors: find("mace_vectors")?,
            messages: by_shape("messages")?,
            messages_backward: by_shape("messages_backward")?,
            sent: find("mace_sent")?,
            embed: find("mace_embed")?,
            elements: find("mace_elements")?,
            density: find("mace_density")?,
            density_backward: find("mace_density_backward")?,
            product: named("mace_product", FORWARD_ATOMS * ATOM_BYTES)?,
            product_backward: named("mace_product_backward", BACKWARD_ATOMS * 2 * ATOM_BYTES)?,
            readout: find("mace_readout")?,
        })
    }
}
