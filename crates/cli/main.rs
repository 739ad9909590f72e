//! The `mlip-batch` program.
fn main() {}
