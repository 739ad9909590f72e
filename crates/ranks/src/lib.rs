//! Communication between the processes of a run.
//!
//! Module order: `communicator` ← `solo`, `threads`, `mpi`.
