//! Scalars through an activation, the rest times activations of scalars of their own.

use super::maps::Features;
use crate::e3nn::{SILU_NORM, TANH_NORM};
use crate::sevennet::irreps::{Irrep, Irreps};
use crate::sevennet::layers::Layer;
use candle_core::{Result, Tensor};

/// From [`Layer::gate_input`] to [`Layer::output`]. Of each parity, gates come behind scalars, in the order of what they
/// open.
pub(super) fn gate(layer: &Layer, input: &[Tensor]) -> Result<Features> {
    let place = |irrep: Irrep| layer.gate_input.0.iter().position(|block| block.irrep == irrep);
    let gates = Irrep { l: 0, even: layer.gates_are_even() };
    let mut first_gate = n_of(&layer.output, gates);
    let mut output = Vec::new();
    for block in &layer.output.0 {
        let Some(values) = place(block.irrep).map(|place| &input[place]) else {
            candle_core::bail!("the gate has nothing for {:?}", block.irrep);
        };
        if block.irrep.l == 0 {
            output.push(activated(&values.narrow(2, 0, block.n)?, block.irrep.even)?);
            continue;
        }
        let Some(scalars) = place(gates).map(|place| &input[place]) else {
            candle_core::bail!("the gate of {:?} is missing", block.irrep);
        };
        let open = activated(&scalars.narrow(2, first_gate, block.n)?, gates.even)?;
        output.push(values.broadcast_mul(&open)?);
        first_gate += block.n;
    }
    Ok(output)
}

fn n_of(irreps: &Irreps, irrep: Irrep) -> usize {
    irreps.0.iter().filter(|block| block.irrep == irrep).map(|block| block.n).sum()
}

/// A normalised silu of even scalars, a tanh of odd ones.
fn activated(scalars: &Tensor, even: bool) -> Result<Tensor> {
    match even {
        true => scalars.silu()? * SILU_NORM,
        false => scalars.tanh()? * TANH_NORM,
    }
}
