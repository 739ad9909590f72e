//! What a new run is made of: which structures, which potentials, what is done.

use crate::folder::spool_path;
use crate::inputs::{Listed, Unpacked, check_all};
use crate::parts::{Part, Parts};
use crate::potentials::{find_devices, load_chosen};
use crate::{ChosenPotential, Error, RunInputs};
use mlip_atoms::{Frame, Potential};
use mlip_calculations::{CalculationConfig, Embeddings};
use mlip_driver::{Coordinates, Physics, Resources, RunConfig};
use mlip_inputs::{Manifest, portion};
use mlip_store::report::StabilitySources;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All that a new run is made of.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The folder of the run: journals, settings, report. Made if it is not there.
    pub run_dir: PathBuf,
    /// The folder from which relative paths of inputs and checkpoints start.
    pub folder: PathBuf,
    /// Its structures.
    pub inputs: RunInputs,
    /// Its potentials, in the order of the tables.
    pub potentials: Vec<ChosenPotential>,
    /// Cartesian axes of a cell that is given by lengths and angles.
    pub frame: Frame,
    /// What becomes of rounded fractional coordinates of CIFs.
    pub coordinates: Coordinates,
    /// Whether atoms on top of each other are computed.
    pub allow_overlap: bool,
    /// What is done with each structure.
    pub calculation: CalculationConfig,
    /// Whether forces and stress are computed.
    pub forces: bool,
    /// What is kept of the features of atoms.
    pub embeddings: Embeddings,
    /// Threads, memory and time.
    pub resources: Resources,
    /// What stability is measured by, in the tables.
    pub stability: StabilitySources,
    /// Entries of each hull that are compared before work, if they are among the structures.
    pub hull_check: Option<usize>,
    /// Only a part of the structures: `run_dir` is one of several folders, beside which it is written down once what they
    /// are parts of ([`Part::folder`]).
    pub part: Option<Part>,
}

impl NewRun {
    /// Of these potentials, with forces and stress, from the current folder; inputs are still to be named.
    pub fn new(run_dir: impl Into<PathBuf>, potentials: Vec<ChosenPotential>) -> Self {
        Self {
            run_dir: run_dir.into(),
            folder: PathBuf::new(),
            inputs: RunInputs::default(),
            potentials,
            frame: Frame::default(),
            coordinates: Coordinates::default(),
            allow_overlap: false,
            calculation: CalculationConfig::default(),
            forces: true,
            embeddings: Embeddings::None,
            resources: Resources::default(),
            stability: StabilitySources::default(),
            hull_check: None,
            part: None,
        }
    }

    /// Its potentials, which this host can compute.
    pub(crate) fn load(&self) -> Result<(Vec<Arc<dyn Potential>>, Physics), Error> {
        let (potentials, configs) = load_chosen(&self.potentials, &self.folder)?;
        let without = |potential: &&Arc<dyn Potential>| potential.feature_width().is_none();
        if self.embeddings != Embeddings::None
            && let Some(potential) = potentials.iter().find(without)
        {
            return Err(Error::NoEmbeddings { potential: potential.id().name.clone() });
        }
        let physics = Physics {
            frame: self.frame,
            coordinates: self.coordinates,
            calculation: self.calculation,
            allow_overlap: self.allow_overlap,
            forces: self.forces,
            embeddings: self.embeddings,
            potentials: configs,
        };
        find_devices(&potentials, &physics)?;
        Ok((potentials, physics))
    }

    /// Lists its structures, or its part of them; what archives hold is unpacked into the folder of the run.
    pub(crate) fn list(&self, strict: bool) -> Result<Listed, Error> {
        let spool = spool_path(&self.run_dir);
        let listed = match self.part {
            None => self.inputs.list(&self.folder, spool)?,
            Some(part) => {
                let unpacked = Unpacked::in_folder(&self.run_dir);
                let Listed { manifest: whole, notes, .. } = self.inputs.list(&self.folder, unpacked.0.clone())?;
                let (part, entries) = part.of_list(&whole, &self.folder)?;
                Parts::of(&part).agree(self.run_dir.parent().unwrap_or(Path::new("/")))?;
                Listed { manifest: portion(&whole, entries, &spool)?, notes, part: Some(part) }
            }
        };
        if strict {
            check_all(&listed.manifest, &self.folder)?;
        }
        Ok(listed)
    }

    /// The part of a list that a run computes, which has to be the one that is asked for now.
    pub(crate) fn same_part(
        &self,
        config: &RunConfig,
        whole: Manifest,
        unpacked: &Unpacked,
    ) -> Result<Manifest, Error> {
        let say = |part: Option<(u32, u32)>| {
            part.map_or_else(|| "the whole list".into(), |(number, of)| format!("part {number} of {of}"))
        };
        let was = config.part.as_ref().map(|part| (part.number, part.of));
        let would = self.part.map(|part| (part.number, part.of));
        if was != would {
            let difference = format!("it was {} and would be {}", say(was), say(would));
            return Err(Error::OtherInputs { difference });
        }
        let (Some(known), Some(part)) = (&config.part, self.part) else { return Ok(whole) };
        let (wanted, entries) = part.of_list(&whole, &self.folder)?;
        match Parts::of(known).difference(&Parts::of(&wanted)) {
            Some(difference) => Err(Error::OtherInputs { difference }),
            None => Ok(portion(&whole, entries, &unpacked.part())?),
        }
    }
}
