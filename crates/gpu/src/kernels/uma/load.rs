//! The kernels by name.

use crate::driver::Kernel;
use crate::error::GpuError;
use crate::products::Products;

/// Components of features: degrees 0 to 2 (kernels/uma.h).
pub(crate) const COMPONENTS: usize = 9;
/// Rows of factors of an edge.
pub(crate) const FACTORS: usize = 6;
/// Numbers of an edge's rotations.
pub(crate) const WIGNER: usize = 36;
/// Channels, hidden channels and channels of edges at most.
pub(crate) const MOST_CHANNELS: usize = 128;
/// Gradients of an edge beside those by its Gaussians (kernels/uma_edges.cuh).
pub(crate) const GRADIENTS: usize = 7;
/// Experts at most (kernels/uma_mix.cuh).
pub(crate) const MOST_EXPERTS: usize = 128;

/// The kernels; those that write operands, of one way of computing products.
pub(crate) struct UmaKernels {
    pub(super) edges: Kernel,
    pub(super) vectors: Kernel,
    pub(super) norm_backward: Kernel,
    pub(super) add_bias: Kernel,
    pub(super) balance: Kernel,
    pub(super) scale: Kernel,
    pub(super) head: Kernel,
    pub(super) messages: Kernel,
    pub(super) gather: Kernel,
    pub(super) degree: Kernel,
    /// Whose result is no operand.
    pub(super) norm_plain: Kernel,
    pub(super) gaussians: Kernel,
    pub(super) normal: Kernel,
    pub(super) normal_backward: Kernel,
    pub(super) gate: Kernel,
    pub(super) gate_backward: Kernel,
    pub(super) atom_gate: Kernel,
    pub(super) atom_gate_backward: Kernel,
    pub(super) norm: Kernel,
    pub(super) pack: Kernel,
    pub(super) turn: Kernel,
    pub(super) turn_backward: Kernel,
    pub(super) messages_backward: Kernel,
    pub(super) degree_backward: Kernel,
    pub(super) mix: Kernel,
    /// Where experts are mixed in limbs.
    pub(super) pack_experts: Option<Kernel>,
}

impl UmaKernels {
    /// `named`: a kernel by its name in the source.
    pub(crate) fn load(products: Products, named: impl Fn(&str) -> Result<Kernel, GpuError>) -> Result<Self, GpuError> {
        let find = |name: &str| named(&format!("uma_{name}"));
        let operand = |name: &str| find(&format!("{name}_{}", products.name()));
        Ok(Self {
            edges: find("edges")?,
            vectors: find("vectors")?,
            norm_backward: find("norm_backward")?,
            add_bias: find("add_bias")?,
            balance: find("balance")?,
            scale: find("scale")?,
            head: find("head")?,
            messages: find("messages")?,
            gather: find("gather")?,
            degree: find("degree")?,
            norm_plain: find("norm_f32")?,
            gaussians: operand("gaussians")?,
            normal: operand("normal")?,
            normal_backward: operand("normal_backward")?,
            gate: operand("gate")?,
            gate_backward: operand("gate_backward")?,
            atom_gate: operand("atom_gate")?,
            atom_gate_backward: operand("atom_gate_backward")?,
            norm: operand("norm")?,
            pack: operand("pack")?,
            turn: operand("turn")?,
            turn_backward: operand("turn_backward")?,
            messages_backward: operand("messages_backward")?,
            degree_backward: operand("degree_backward")?,
            mix: operand("mix")?,
            pack_experts: (products != Products::F32).then(|| find("pack_experts")).transpose()?,
        })
    }
}
