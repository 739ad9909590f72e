//! What is computed of a checkpoint: one task, with a charge and spin for structures that have none of their own.

use super::checkpoint::Contents;
use super::error::LoadError;
use super::options::Options;
use super::routing::{CHARGES, Composition, Router, SPINS};
use super::tasks::{Task, TaskError, head_expert};
use mlip_atoms::{PredictError, Structure};

/// What is computed where nothing is said.
const DEFAULT_TASK: &str = "omat";

/// A task, charge and spin.
pub(super) struct Choice {
    name: String,
    pub(super) task: Task,
    /// Of the task's embedding.
    pub(super) dataset: String,
    charge: i32,
    spin: i32,
    /// Which of how many experts the head has for the task.
    pub(super) expert: Option<(usize, usize)>,
}

impl Choice {
    pub(super) fn new(contents: &Contents, options: &Options) -> Result<Self, LoadError> {
        let name = options.task.as_deref().unwrap_or(DEFAULT_TASK);
        let datasets = contents.config.backbone.datasets()?;
        let unknown = || TaskError::Unknown { task: name.into(), known: datasets.keys().cloned().collect() };
        let dataset = datasets.get(name).cloned().ok_or_else(unknown)?;
        let task = Task::from_json(&contents.tasks, name)?;
        let charge = options.charge.unwrap_or(0);
        let spin = options.spin.unwrap_or(if name == "omol" { 1 } else { 0 });
        for (what, found, range) in [("charge", charge, CHARGES), ("spin", spin, SPINS)] {
            if !range.contains(&found) {
                let (least, most) = range.into_inner();
                return Err(TaskError::OutOfRange { what, found, least, most }.into());
            }
        }
        let expert = head_expert(&datasets, name).map(|index| (index, datasets.len()));
        Ok(Self { name: name.into(), task, dataset, charge, spin, expert })
    }

    /// As results are labelled with.
    pub(super) fn settings(&self) -> String {
        let Self { name, charge, spin, .. } = self;
        format!("task={name} charge={charge} spin={spin}")
    }

    /// Those of the structure, or those chosen. A spin beyond all ranges stays beyond.
    pub(super) fn charge_and_spin(&self, structure: &Structure) -> (i32, i32) {
        let spin = structure.spin().map_or(self.spin, |spin| i32::try_from(spin).unwrap_or(i32::MAX));
        (structure.charge().unwrap_or(self.charge), spin)
    }

    /// With the charge and spin that this structure is computed with.
    pub(super) fn composition(&self, router: &Router, structure: &Structure) -> Composition {
        let (charge, spin) = self.charge_and_spin(structure);
        router.composition(structure.species().iter().map(|species| species.atomic_number()), charge, spin)
    }
}

impl Composition {
    /// Refuses a charge or spin without an embedding. `potential`: its name.
    pub(super) fn check(&self, potential: &str) -> Result<(), PredictError> {
        for (what, found, range) in [("charge", self.charge, CHARGES), ("spin", self.spin, SPINS)] {
            if !range.contains(&found) {
                let (potential, (least, most)) = (potential.into(), range.into_inner());
                return Err(PredictError::OutOfRange { potential, what, found: found.into(), least, most });
            }
        }
        Ok(())
    }
}

/// Refuses a file of another generation than the potential's name promises; `uma` takes any.
pub(super) fn check_generation(name: &str, contents: &Contents) -> Result<(), LoadError> {
    let expected = match name.replace('_', "-").as_str() {
        "uma-s-1" => "UMA-1.0",
        "uma-s-1p1" | "uma-m-1p1" => "UMA-1.1",
        "uma-s-1p2" => "UMA-S-1.2",
        "uma-s-1p2p1" => "UMA-S-1.2.1",
        _ => return Ok(()),
    };
    let found = contents.config.generation.name();
    let known = ["UMA-1.0", "UMA-1.1", "UMA-S-1.2", "UMA-S-1.2.1"];
    match known.contains(&found) && found != expected {
        true => Err(LoadError::OtherGeneration { found: found.into(), expected }),
        false => Ok(()),
    }
}
