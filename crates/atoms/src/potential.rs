//! The interface between orchestration and models.

use crate::{Deadline, DeviceError, Engine, EngineResources, PredictError, Prediction, Request, Species, Structure};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Floating-point type that a model computes in. Energies are summed in `f64` either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision, as upstream runs.
    #[default]
    F32,
    /// Double precision.
    F64,
    /// Single precision, with products of weights in three digits of eight bits, of whose nine products six are summed,
    /// by a matrix unit of the processor. Its errors are like those of single precision for ORB, and about three times those
    /// for UMA (docs/performance.md, "Matrix units"). Of models that say so; others are refused with it.
    Int8x6,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Int8x6 => "int8x6",
        })
    }
}

/// How a potential is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// By kernels for the CPU with hand-written gradients.
    #[default]
    Native,
    /// By layers of candle, differentiated by candle: independent of the kernels, slower, larger.
    Candle,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Candle => "candle",
        })
    }
}

/// What makes two evaluations the same physics: part of every task key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PotentialId {
    /// Name in the CSVs and on the command line: `chgnet`.
    pub name: String,
    /// Which weights, in words: `chgnet-0.3.0 (built in)` or a file's name.
    pub checkpoint: String,
    /// blake3 digest of the weights (hexadecimal), or of the parameters of a weightless potential.
    pub digest: String,
    /// Precision of the evaluation.
    pub precision: Precision,
    /// The choices that change its numbers, in one fixed wording: `head=default`; empty where there are none.
    #[serde(default)]
    pub settings: String,
}

impl PotentialId {
    /// The weights in one line: their name, the first digits of their digest, and the settings that change numbers.
    pub fn weights(&self) -> String {
        let digest = self.digest.get(..16).unwrap_or(&self.digest);
        let mut text = format!("{} {digest}", self.checkpoint);
        if !self.settings.is_empty() {
            text.push(' ');
            text.push_str(&self.settings);
        }
        text
    }
}

/// Work that evaluations of several structures share: UMA mixes its experts once for all structures of a composition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preparation {
    /// The same for all structures that share it.
    pub key: u64,
    /// Predicted time, seconds on one core, on the scale of [`Potential::cost`].
    pub cost: f64,
}

/// A machine-learned (or analytic) interatomic potential with its weights.
///
/// A prediction depends on the structure alone: not on the batch it came in, nor on
/// the number of threads.
pub trait Potential: Send + Sync {
    /// Name, weights and precision.
    fn id(&self) -> &PotentialId;

    /// The digest that earlier versions of this program gave to the same weights, where their rule was another: results
    /// under it are results of this potential.
    fn former_digest(&self) -> Option<&str> {
        None
    }

    /// Whether the potential was made for this element.
    fn supports(&self, species: Species) -> bool;

    /// Whether it computes with the charge and spin that a structure carries; the others leave them aside.
    fn uses_charge(&self) -> bool {
        false
    }

    /// The charge (elementary charges) and spin multiplicity (0: not said) that it computes this structure with: the
    /// structure's own, or else those that were chosen for the potential. `None` where it knows neither.
    fn charge_and_spin(&self, _structure: &Structure) -> Option<(i32, i32)> {
        None
    }

    /// Whether its predictions have magnetic moments.
    fn has_magmoms(&self) -> bool {
        false
    }

    /// Numbers of the feature vector of an atom; none where it has no features.
    fn feature_width(&self) -> Option<usize> {
        None
    }

    /// Predicted time of one evaluation in seconds on one core of a common server, or on its [device](Self::device),
    /// without its [`preparation`](Self::preparation); only ratios matter.
    fn cost(&self, structure: &Structure) -> f64;

    /// What must be prepared for this structure, and serves others as well while they come one after the other.
    fn preparation(&self, _structure: &Structure) -> Option<Preparation> {
        None
    }

    /// Bytes of weights in memory, shared by all workers of a rank.
    fn weight_bytes(&self) -> u64;

    /// Bytes that one evaluation of this structure needs at its peak, weights apart.
    fn working_bytes(&self, structure: &Structure) -> u64;

    /// Where it is computed, as users write it: `cuda:0`, `cuda` where each process has a card of its own; none where
    /// workers compute on their cores. On a device one engine serves all workers of a process, and has a
    /// [`Preparer`](crate::engine::Preparer).
    fn device(&self) -> Option<String> {
        None
    }

    /// Whether this host has that device, without opening it. A plan does not need it, and a run does.
    ///
    /// # Errors
    /// When it is not there, or cannot be used.
    fn find_device(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    /// What one worker, or one card, computes with.
    ///
    /// # Errors
    /// When the device cannot be used, or has no room for the weights.
    fn open(self: Arc<Self>, resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError>;

    /// One result a structure, in order.
    fn predict(
        &self,
        structures: &[&Structure],
        request: Request,
        deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>>;
}
