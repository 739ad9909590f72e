//! `--hull-check`: entries of a hull that are among the structures of a run are evaluated, and compared.
//!
//! Tables of entries hold compositions and energies, not crystals. Where the list of the run has the crystal of an entry,
//! under the name of the entry, its energy shows whether the table is of this potential.

use crate::Error;
use mlip_atoms::engine::predict;
use mlip_atoms::{Deadline, DeviceError, EngineResources, Frame, Potential, PredictError, Request, Structure};
use mlip_driver::{CifSource, Physics, StructureSource};
use mlip_hull::Composition;
use mlip_hull::table::{TableError, TableReader};
use mlip_inputs::Manifest;
use mlip_store::StoreError;
use mlip_store::report::{HullMismatch, HullSource, StabilitySources};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// What energies of the same potential differ by at most, eV/atom: single precision and other machines change 1e-5, other
/// checkpoints of a model some 1e-2.
const ALLOWED: f64 = 1e-3;
/// Parts of the atoms that are the same.
const SAME_PART: f64 = 1e-6;

/// Where the structures of a run are.
#[derive(Clone, Copy)]
pub(crate) struct Listing<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) folder: &'a Path,
    pub(crate) frame: Frame,
    pub(crate) allow_overlap: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) notes: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// An entry and its crystal.
struct Known {
    id: String,
    structure: Arc<Structure>,
    /// By the table, eV/atom.
    energy: f64,
}

/// Compares up to `n` entries of each hull.
pub(crate) fn check(
    n: usize,
    sources: &StabilitySources,
    listing: Listing<'_>,
    physics: &Physics,
    potentials: &[Arc<dyn Potential>],
) -> Result<Checked, Error> {
    let mut checked = Checked::default();
    if sources.hulls.is_empty() {
        checked.warnings.push("there is no hull to check: --hull names one".into());
    }
    for hull in &sources.hulls {
        let known = known(n, hull, listing)?;
        for (config, potential) in physics.potentials.iter().zip(potentials) {
            if sources.hull_of(&config.label) != Some(hull) {
                continue;
            }
            let (file, label) = (hull.file.display(), &config.label);
            let mut largest: Option<(f64, &str)> = None;
            let mut n_compared = 0;
            let no_device = |source| Error::NoDevice { label: label.clone(), source };
            let mut engine = potential.clone().open(EngineResources::default()).map_err(no_device)?;
            for one in &known {
                let request = Request { forces: false, ..Request::default() };
                let prediction = match predict(engine.as_mut(), one.structure.clone(), request, Deadline::NONE) {
                    Ok(prediction) => prediction,
                    Err(PredictError::Device(source @ DeviceError::Lost(_))) => return Err(no_device(source)),
                    Err(_) => continue,
                };
                n_compared += 1;
                let difference = prediction.energy / one.structure.species().len() as f64 - one.energy;
                if largest.is_none_or(|(known, _)| difference.abs() > known.abs()) {
                    largest = Some((difference, one.id.as_str()));
                }
            }
            let Some((difference, id)) = largest else {
                return Err(Error::NothingToCheck { file: hull.file.clone(), label: label.clone() });
            };
            let said = format!(
                "{n_compared} entries of the hull `{file}` were evaluated by {label}: the largest difference is \
                 {difference:.1e} eV/atom, of {id}"
            );
            match (difference.abs() <= ALLOWED, sources.mismatch) {
                (true, _) => checked.notes.push(said),
                (false, Some(HullMismatch::Allow)) => checked.warnings.push(said),
                (false, _) => {
                    let said = format!("{said}; {ALLOWED} is allowed");
                    return Err(Error::Stability(Box::new(StoreError::HullOfAnother { said })));
                }
            }
        }
    }
    Ok(checked)
}

/// The first entries of a table whose crystals are in the list.
fn known(n: usize, hull: &HullSource, listing: Listing<'_>) -> Result<Vec<Known>, Error> {
    let failed = |error: TableError| {
        Error::Stability(Box::new(StoreError::Stability { what: "the hull", source: Box::new(error) }))
    };
    let mut places: HashMap<String, usize> = HashMap::new();
    for (place, entry) in listing.manifest.iter().enumerate() {
        places.insert(entry?.id, place);
    }
    let source =
        CifSource { frame: listing.frame, folder: listing.folder.into(), allow_overlap: listing.allow_overlap };
    let mut known = Vec::new();
    for row in TableReader::open(&hull.file, &hull.energy).map_err(failed)? {
        if known.len() == n {
            break;
        }
        let row = row.map_err(failed)?;
        let (Some(place), Ok(Some((composition, energy)))) = (places.get(&row.id), row.content) else { continue };
        let Some(entry) = listing.manifest.get(*place)? else { continue };
        // What cannot be read is a failure of the run, with its reason there.
        let Ok(loaded) = source.load(&entry.locator) else { continue };
        let structure = Arc::new(loaded.structure);
        if Composition::from_species(structure.species().iter().copied()).is_some_and(|own| same(&own, &composition)) {
            known.push(Known { id: row.id, structure, energy: energy / composition.n_atoms() });
        }
    }
    Ok(known)
}

/// Whether both are the same compound, in cells of any size.
fn same(one: &Composition, other: &Composition) -> bool {
    one.elements() == other.elements() && one.fractions().zip(other.fractions()).all(|(a, b)| (a - b).abs() < SAME_PART)
}
