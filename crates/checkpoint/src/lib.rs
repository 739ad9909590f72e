//! Reads what `torch.save` wrote: a zip archive of one pickle and the raw numbers of its tensors.
//!
//! The pickle is read as data. Where Python would import a class or call a function, this crate
//! notes the name and the arguments; names that are neither harmless in themselves
//! ([`pickle::PLAIN_CLASSES`]) nor allowed by the caller are refused. Nothing in a file can make it run code,
//! and memory stays within [`Limits`] whatever the file says.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use mlip_checkpoint::Checkpoint;
//! let checkpoint = Checkpoint::open("chgnet.pth.tar".as_ref(), &[])?;
//! let weights = checkpoint.root().field("model")?.field("state_dict")?;
//! let bias = weights.field("mlp.layers.0.bias")?.tensor()?;
//! let numbers: Vec<f32> = checkpoint.read_f32(&bias)?;
//! # Ok(())
//! # }
//! ```
//!
//! Module order: `dtype` ← `error` ← `pickle` ← `tensor` ← `numbers`; `error`, `limits` ← `archive`; both ← `checkpoint`.

mod archive;
mod checkpoint;
mod dtype;
mod error;
mod limits;
mod numbers;
mod tensor;

pub mod pickle;

pub use checkpoint::Checkpoint;
pub use dtype::DType;
pub use error::{CheckpointError, Fault, Problem};
pub use limits::Limits;
pub use pickle::{Value, View};
pub use tensor::Tensor;
