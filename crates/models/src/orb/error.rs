//! Why ORB cannot be loaded.

use super::kind::Kind;
use crate::engine::PrecisionError;
use crate::weights::WeightsError;
use mlip_checkpoint::CheckpointError;
use thiserror::Error;

/// Why ORB cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A tensor is missing or has another shape.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file cannot be read.
    #[error(transparent)]
    Torch(#[from] CheckpointError),
    /// The name belongs to none of the models.
    #[error(
        "there is no model `{0}`; upstream's names are orb-v3-(conservative|direct)-(inf|20)-(omat|mpa) and orb-v3-(conservative|direct)-omol"
    )]
    Name(String),
    /// The model, the engine or this processor does not have the precision.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// The device has no room for the weights, or is not there.
    #[error("the weights cannot be put onto the device: {0}")]
    Device(#[source] candle_core::Error),
    /// No weights come with this program.
    #[error("its weights do not come with this program; give upstream's file, `--model {0}=FILE.ckpt`")]
    NoFile(String),
    /// The file's name is that of another model.
    #[error(
        "the file is named after `{found}`, and `{expected}` was asked for; say `--model {found}=FILE`, or rename a file that is misnamed"
    )]
    OtherModel {
        /// The model asked for.
        expected: &'static str,
        /// The model in the name of the file.
        found: &'static str,
    },
    /// The heads are those of the other kind.
    #[error("the file holds a {} model ({evidence}), and `{name}` is a {} one", found.name(), expected.name())]
    OtherKind {
        /// The model asked for.
        name: &'static str,
        /// Its kind.
        expected: Kind,
        /// That of the file.
        found: Kind,
        /// What tells.
        evidence: &'static str,
    },
    /// One of file and name has charge and spin.
    #[error(
        "the file holds a model {} charge and spin (tensors `model.conditioner.*`), and `{name}` is one {} them; OrbMol's models are orb-v3-conservative-omol and orb-v3-direct-omol",
        if *found { "with" } else { "without" },
        if *found { "without" } else { "with" }
    )]
    OtherConditioning {
        /// The model asked for.
        name: &'static str,
        /// Whether the file has them.
        found: bool,
    },
    /// A charge or spin that is not computed.
    #[error("{what} {found} is out of range: {least} to {most} are computed")]
    OutOfRange {
        /// `charge` or `spin`.
        what: &'static str,
        /// What was asked for.
        found: i32,
        /// Least value.
        least: i32,
        /// Largest value.
        most: i32,
    },
    /// A tensor that this architecture does not have.
    #[error("tensor `{0}` does not belong to ORB v3: this is another model")]
    Unknown(String),
    /// An architecture that this port does not compute.
    #[error("{what}: expected {expected}, got {found}; only the architecture of ORB v3 is supported")]
    Architecture {
        /// Which part of it.
        what: &'static str,
        /// Of ORB v3.
        expected: String,
        /// Of the file.
        found: String,
    },
}
