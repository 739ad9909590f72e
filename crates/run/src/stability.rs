//! What the stability of structures is measured by.

use crate::Error;
use mlip_driver::Physics;
use mlip_store::report::{ReferenceSource, StabilitySources};
use std::path::Path;

/// With whole paths, and checked before any work.
pub(crate) fn ready(sources: &StabilitySources, folder: &Path, physics: &Physics) -> Result<StabilitySources, Error> {
    let mut sources = sources.clone();
    for hull in &mut sources.hulls {
        hull.file = folder.join(&hull.file);
    }
    if let Some(ReferenceSource::File(file)) = &mut sources.reference {
        *file = folder.join(&*file);
    }
    let labels: Vec<&str> = physics.potentials.iter().map(|potential| potential.label.as_str()).collect();
    sources.check(&labels).map_err(|error| Error::Stability(Box::new(error)))?;
    Ok(sources)
}
