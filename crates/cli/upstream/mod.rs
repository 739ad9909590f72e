//! Settings of LeMat-GenBench's multi-MLIP preprocessor, as its YAML files hold them.
//!
//! Keys are those of `src/config/multi_mlip_stability.yaml` and `multi_mlip_stability_optimized.yaml`; a TOML file may
//! hold the same. `docs/migrating.md` has the table old → new.
//!
//! Module order: `keys` ← `read`, `job`.

mod job;
mod keys;
mod read;

#[cfg(test)]
mod tests;

pub(crate) use keys::Config;
pub(crate) use read::read;
