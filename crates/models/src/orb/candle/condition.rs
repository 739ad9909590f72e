//! Charge and spin of structures as features of their atoms: in double precision, since angles are many turns.

use crate::orb::conditioning::Condition;
use crate::orb::shape::Shape;
use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use std::f64::consts::PI;

/// Of `conditioner`.
#[derive(Debug)]
pub(super) struct Conditioner {
    /// `[1, latent / 4]`
    charge: Tensor,
    /// `[1, latent / 4]`
    spin: Tensor,
}

impl Conditioner {
    pub(super) fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        let vb = vb.to_dtype(DType::F64);
        let frequencies = |name: &str| vb.pp(name).get(shape.latent / 4, "W")?.unsqueeze(0);
        Ok(Self { charge: frequencies("charge_embedding")?, spin: frequencies("spin_embedding")? })
    }

    /// `[n, latent]`, one row a condition: sines and cosines of the charge, then of the spin, zeros where it is not said.
    pub(super) fn forward(&self, conditions: &[Condition], device: &Device) -> Result<Tensor> {
        let column = |value: fn(&Condition) -> f64| {
            let values = conditions.iter().map(value).collect::<Vec<_>>();
            Tensor::from_vec(values, (conditions.len(), 1), device)
        };
        let waves = |frequencies: &Tensor, values: &Tensor| {
            let angles = ((values.broadcast_mul(frequencies)? * 2.0)? * PI)?;
            Tensor::cat(&[angles.sin()?, angles.cos()?], D::Minus1)
        };
        let charge = waves(&self.charge, &column(|condition| f64::from(condition.charge))?)?;
        let spin = waves(&self.spin, &column(|condition| f64::from(condition.spin))?)?;
        let said = column(|condition| if condition.spin == 0 { 0.0 } else { 1.0 })?;
        Tensor::cat(&[charge, spin.broadcast_mul(&said)?], D::Minus1)
    }
}
