//! What the stability of structures is measured by.

use crate::Error;
use crate::energies::energies;
use crate::finished::FinishedRun;
use mlip_driver::{Physics, PotentialConfig};
use mlip_hull::composition::parse_composition;
use mlip_store::report::{ElementRun, ReferenceSource, StabilitySources};
use std::collections::BTreeMap;
use std::path::Path;

/// What was found out before any work.
#[derive(Debug)]
pub(crate) struct Ready {
    /// With whole paths, and energies that were read from a run.
    pub(crate) sources: StabilitySources,
    /// What there is to warn of.
    pub(crate) warnings: Vec<String>,
}

/// With whole paths, and checked before any work.
pub(crate) fn ready(sources: &StabilitySources, folder: &Path, physics: &Physics) -> Result<Ready, Error> {
    let mut sources = sources.clone();
    for hull in &mut sources.hulls {
        hull.file = folder.join(&hull.file);
    }
    if let Some(ReferenceSource::File(file)) = &mut sources.reference {
        *file = folder.join(&*file);
        if file.is_dir() {
            sources.reference = Some(ReferenceSource::Run(element_run(file, physics)?));
        }
    }
    let warnings = sources.check(&physics.labeled_potentials()).map_err(|error| Error::Stability(Box::new(error)))?;
    Ok(Ready { sources, warnings })
}

/// The energies of the elements by each of these potentials: of all crystals of an element alone in the run the lowest.
fn element_run(folder: &Path, physics: &Physics) -> Result<ElementRun, Error> {
    let run = FinishedRun::open(folder)?;
    let mut all = BTreeMap::new();
    for potential in &physics.potentials {
        let same = |other: &&PotentialConfig| {
            other.digest == potential.digest
                && other.settings == potential.settings
                && other.precision == potential.precision
        };
        let Some(own) = run.config().physics.potentials.iter().find(same) else {
            return Err(Error::NoElementEnergies {
                folder: folder.into(),
                potential: described(potential),
                known: run.config().physics.potentials.iter().map(described).collect(),
            });
        };
        let mut lowest: BTreeMap<String, f64> = BTreeMap::new();
        energies(&run, &own.label, |one| {
            let elements = parse_composition(&one.formula)?.elements();
            if let (Some(element), 1) = (elements.iter().next(), elements.len()) {
                let energy = one.energy / f64::from(one.n_atoms);
                let known = lowest.entry(element.symbol().to_owned()).or_insert(energy);
                *known = known.min(energy);
            }
            Ok(())
        })?;
        if lowest.is_empty() {
            return Err(Error::NoElements { folder: folder.into() });
        }
        all.insert(potential.label.clone(), lowest);
    }
    Ok(ElementRun { folder: folder.into(), energies: all })
}

/// For people.
fn described(potential: &PotentialConfig) -> String {
    let PotentialConfig { label, precision, .. } = potential;
    format!("{label} ({}, {precision})", potential.id().weights())
}
