//! Several real processes. Skipped, with a line that says so, in a build without MPI.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "mpi")]
mod ends;
#[cfg(feature = "mpi")]
mod job;
#[cfg(feature = "mpi")]
mod killed;

#[cfg(not(feature = "mpi"))]
#[test]
fn several_ranks() {
    eprintln!("skipped: this build has no MPI; `cargo test --features mpi` tests it");
}
