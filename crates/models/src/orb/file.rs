//! Upstream's own file.

use super::error::LoadError;
use crate::weights::{Weights, is_float};
use mlip_checkpoint::Checkpoint;
use std::path::Path;
use std::sync::Arc;

/// The floating-point tensors of upstream's `.ckpt`, a torch archive of a state dictionary.
///
/// # Errors
/// When the file cannot be read, or holds something else.
pub fn read(path: &Path) -> Result<Weights, LoadError> {
    let checkpoint = Arc::new(Checkpoint::open(path, &[])?);
    let mut tensors = Vec::new();
    for (name, value) in checkpoint.root().entries() {
        let Some(name) = name.as_str() else { continue };
        let tensor = value.tensor().map_err(|problem| checkpoint.error(problem))?;
        // Counters of batches are of no use here.
        if is_float(&tensor) {
            tensors.push((name.to_owned(), tensor));
        }
    }
    Ok(Weights::of_checkpoint(checkpoint.clone(), tensors))
}
