//! Where structures come from, as orchestration sees it.

use mlip_atoms::{Failure, Frame, Structure};
use mlip_formats::cif::CifOptions;
use mlip_inputs::Locator;
use std::path::PathBuf;

/// A structure, and what its reader remarked.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The structure.
    pub structure: Structure,
    /// Class and sentence of each warning.
    pub warnings: Vec<(String, String)>,
}

/// Reads entries. Shared by all workers of a rank.
pub trait StructureSource: Send + Sync {
    /// The structure behind a locator.
    ///
    /// # Errors
    /// A failure record when there is no structure that can be computed.
    fn load(&self, locator: &Locator) -> Result<Loaded, Failure>;
}

/// Reads CIFs, XYZ files and POSCARs.
#[derive(Debug, Clone, Default)]
pub struct CifSource {
    /// Cartesian axes of cells given by lengths and angles.
    pub frame: Frame,
    /// The folder from which relative paths start; empty for the current folder.
    pub folder: PathBuf,
}

impl StructureSource for CifSource {
    fn load(&self, locator: &Locator) -> Result<Loaded, Failure> {
        let (structure, warnings) = mlip_inputs::load(locator, &self.folder, &CifOptions { frame: self.frame })?;
        Ok(Loaded { structure, warnings })
    }
}
