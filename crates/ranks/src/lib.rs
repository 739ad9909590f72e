//! Communication between the processes of a run.
//!
//! Module order: `rank` ← `ended` ← `communicator` ← `end`, `solo`, `threads`, `mpi` ← `launch`.
//!
//! Messages are point to point, buffered and of any size; the few collective operations are built
//! on them, so that a waiting rank sleeps instead of spinning on a core that its workers need.

mod communicator;
mod end;
mod ended;
mod launch;
#[cfg(feature = "mpi")]
mod mpi;
mod rank;
mod solo;
mod threads;

pub use communicator::{Channel, Communicator, Pause};
pub use end::{Leaving, dismiss, leave};
pub use ended::Ended;
pub use launch::{Launch, StartError, let_first_speak, may_speak, mpi_library, start};
#[cfg(feature = "mpi")]
pub use mpi::MpiRanks;
pub use rank::Rank;
pub use solo::Solo;
pub use threads::ThreadRanks;
