//! Communication between the processes of a run.
//!
//! Module order: `communicator` ← `solo`, `threads`, `mpi` ← `launch`.
//!
//! Messages are point to point, buffered and of any size; the few collective operations are built
//! on them, so that a waiting rank sleeps instead of spinning on a core that its workers need.

mod communicator;
mod launch;
#[cfg(feature = "mpi")]
mod mpi;
mod solo;
mod threads;

pub use communicator::{Channel, Communicator, Pause, Rank};
pub use launch::{Launch, StartError, speaks_first, start};
#[cfg(feature = "mpi")]
pub use mpi::MpiRanks;
pub use solo::Solo;
pub use threads::ThreadRanks;
