//! What this program was built from and for.

/// Commit, MPI, instruction set, CUDA: a line each, behind the version.
pub(crate) fn version() -> String {
    let commit = match env!("MLIP_COMMIT") {
        "" => "unknown: not built from a repository",
        commit => commit,
    };
    let mpi = mlip_ranks::mpi_library().unwrap_or_else(|| "none (--features mpi)".to_owned());
    let simd = format!("{:?}", mlip_kernels::simd::InstructionSet::detect());
    let simd = if mlip_kernels::tiles::TileUnit::find().is_ok() { format!("{simd} and AMX") } else { simd };
    let cuda = if cfg!(feature = "cuda") { "yes" } else { "none (--features cuda)" };
    let version = env!("CARGO_PKG_VERSION");
    format!("{version}\ncommit  {commit}\nMPI     {mpi}\nSIMD    {simd}, on this processor\nCUDA    {cuda}")
}
