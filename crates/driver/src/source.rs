//! Where structures come from, as orchestration sees it.

use mlip_atoms::{Failure, Frame, Structure};
use mlip_formats::cif::Coordinates;
use mlip_inputs::{LoadOptions, Locator, Manifest};
use mlip_store::report::ReadAgain;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

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

/// Name of the input list in the folder of a run.
pub const MANIFEST: &str = "inputs.manifest";

/// Reads entries of a run again by their numbers: those of which no journal holds the structure. The list is opened with
/// the first of them.
pub struct InputsAgain {
    manifest: PathBuf,
    list: OnceLock<Result<Manifest, String>>,
    source: Arc<dyn StructureSource>,
}

impl InputsAgain {
    /// Of the run in this folder.
    pub fn new(run_dir: &Path, source: Arc<dyn StructureSource>) -> Self {
        Self { manifest: run_dir.join(MANIFEST), list: OnceLock::new(), source }
    }
}

impl ReadAgain for InputsAgain {
    fn read_again(&self, entry: u64) -> Result<Structure, String> {
        let read = || Manifest::read(&self.manifest).map_err(|error| error.to_string());
        let list = self.list.get_or_init(read).as_ref().map_err(Clone::clone)?;
        let position = usize::try_from(entry).map_err(|error| error.to_string())?;
        let found = list.get(position).map_err(|error| error.to_string())?;
        let found = found.ok_or_else(|| format!("the input list has no entry {entry}"))?;
        self.source.load(&found.locator).map(|loaded| loaded.structure).map_err(|failure| failure.message)
    }
}

/// Reads CIFs, XYZ files and POSCARs.
#[derive(Debug, Clone, Default)]
pub struct CifSource {
    /// Cartesian axes of cells given by lengths and angles.
    pub frame: Frame,
    /// What becomes of rounded fractional coordinates of CIFs.
    pub coordinates: Coordinates,
    /// The folder from which relative paths start; empty for the current folder.
    pub folder: PathBuf,
    /// Whether atoms on top of each other are a structure.
    pub allow_overlap: bool,
}

impl StructureSource for CifSource {
    fn load(&self, locator: &Locator) -> Result<Loaded, Failure> {
        let Self { frame, coordinates, allow_overlap, .. } = *self;
        let options = LoadOptions { frame, coordinates, allow_overlap };
        let (structure, warnings) = mlip_inputs::load(locator, &self.folder, &options)?;
        Ok(Loaded { structure, warnings })
    }
}
