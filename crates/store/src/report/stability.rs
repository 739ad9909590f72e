//! Formation energies and energies above the hull, from recorded energies and tables of others.

use super::pairing::pairing;
use super::potential::LabeledPotential;
use super::row::EntryRow;
use crate::StoreError;
use mlip_atoms::Species;
use mlip_hull::table::TableReader;
use mlip_hull::{AboveHull, Composition, Entries, Hull, Measures, ReferenceEnergies};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where reference energies of the elements come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceSource {
    /// Those of LeMat-GenBench.
    Genbench,
    /// A CSV or JSON file of elements and energies, eV/atom; or the folder of a run, until its energies were read.
    File(PathBuf),
    /// Each potential's own, from a run over crystals of the elements.
    Run(ElementRun),
}

/// Energies of the elements from a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElementRun {
    /// Its folder.
    pub folder: PathBuf,
    /// By label of the potential here, and symbol: the lowest energy of a crystal of this element alone, eV/atom.
    pub energies: BTreeMap<String, BTreeMap<String, f64>>,
}

/// What is done with a hull of another potential than the one whose energies are measured by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HullMismatch {
    /// Nothing is begun.
    Refuse,
    /// It is used, with a warning.
    Allow,
}

/// A table of entries whose hull is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HullSource {
    /// Of which potential; of all that have none of their own if none is named.
    pub label: Option<String>,
    /// CSV, JSON lines or Parquet.
    pub file: PathBuf,
    /// Column of the total energies, eV a cell.
    pub energy: String,
}

/// What stability is measured by; nothing by default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StabilitySources {
    /// What is done with a hull of another potential; refused if nothing is said.
    pub mismatch: Option<HullMismatch>,
    /// For formation energies; where there is a hull, by default its elements.
    pub reference: Option<ReferenceSource>,
    /// For energies above the hull.
    pub hulls: Vec<HullSource>,
}

impl StabilitySources {
    /// Whether anything is asked for.
    pub fn is_asked_for(&self) -> bool {
        self.reference.is_some() || !self.hulls.is_empty()
    }

    /// These, and where one of both is not named, that of `lower`.
    #[must_use]
    pub fn over(&self, lower: &Self) -> Self {
        Self {
            mismatch: self.mismatch.or(lower.mismatch),
            reference: self.reference.clone().or_else(|| lower.reference.clone()),
            hulls: if self.hulls.is_empty() { lower.hulls.clone() } else { self.hulls.clone() },
        }
    }

    /// Finds out what is wrong with them without reading millions of entries; gives what there is to warn of.
    ///
    /// # Errors
    /// When a label is not one of these, two tables are named for one, a file cannot be opened as what it should be, or a
    /// table says that it is of another potential.
    pub fn check(&self, potentials: &[LabeledPotential]) -> Result<Vec<String>, StoreError> {
        let labels: Vec<&str> = potentials.iter().map(|potential| potential.label.as_str()).collect();
        let mut warnings = Vec::new();
        for (number, hull) in self.hulls.iter().enumerate() {
            if self.hulls.iter().take(number).any(|other| other.label == hull.label) {
                let of = hull.label.as_deref().map_or("all potentials".into(), |label| format!("`{label}`"));
                return Err(failed("the hulls", format!("two tables are named for {of}")));
            }
            if let Some(label) = hull.label.as_deref().filter(|label| !labels.contains(label)) {
                let known = labels.join(", ");
                return Err(failed("the hulls", format!("no potential is called `{label}`; there are {known}")));
            }
            let table = TableReader::open(&hull.file, &hull.energy).map_err(|error| failed("the hull", error))?;
            let Some(provenance) = table.provenance().filter(|_| hull.energy == "energy") else { continue };
            for potential in potentials.iter().filter(|potential| self.hull_of(&potential.label) == Some(hull)) {
                let pairing = pairing(&hull.file, provenance, potential);
                match pairing.mismatch {
                    Some(said) if self.mismatch == Some(HullMismatch::Allow) => warnings.push(said),
                    Some(said) => return Err(StoreError::HullOfAnother { said }),
                    None => warnings.extend(pairing.remark),
                }
            }
        }
        self.references_of("").map(|_| warnings)
    }

    /// Those of a potential.
    fn references_of(&self, label: &str) -> Result<Option<ReferenceEnergies>, StoreError> {
        let read = match &self.reference {
            None => return Ok(None),
            Some(ReferenceSource::Genbench) => ReferenceEnergies::genbench(),
            Some(ReferenceSource::File(file)) => ReferenceEnergies::read(file),
            Some(ReferenceSource::Run(run)) => {
                let energies = run.energies.get(label).into_iter().flatten();
                let energies = energies.filter_map(|(symbol, energy)| Some((Species::from_symbol(symbol)?, *energy)));
                return Ok(Some(ReferenceEnergies::from_energies(energies)));
            }
        };
        read.map(Some).map_err(|error| failed("the reference energies", error))
    }

    /// The table of a potential.
    pub fn hull_of(&self, label: &str) -> Option<&HullSource> {
        let named = self.hulls.iter().find(|hull| hull.label.as_deref() == Some(label));
        named.or_else(|| self.hulls.iter().find(|hull| hull.label.is_none()))
    }
}

fn failed(what: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Stability { what, source: source.into() }
}

/// Hulls and references in memory.
pub(super) struct Stability {
    /// One a potential, in their order.
    references: Vec<Option<ReferenceEnergies>>,
    /// One a potential, in their order.
    hulls: Vec<Option<Arc<Hull>>>,
}

/// Of one result.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct StabilityRow {
    /// eV/atom.
    pub(super) formation_energy: Option<f64>,
    pub(super) above: Option<AboveHull>,
    /// Why something is not there.
    pub(super) errors: Vec<String>,
}

/// Of an entry, one row a potential.
pub(super) struct EntryStability {
    /// As it was read.
    pub(super) given: Vec<Option<StabilityRow>>,
    /// Where it was relaxed.
    pub(super) relaxed: Vec<Option<StabilityRow>>,
}

impl Stability {
    /// Reads all entries; a table that several potentials name is read once.
    pub(super) fn load(sources: &StabilitySources, potentials: &[LabeledPotential]) -> Result<Self, StoreError> {
        let mut read: Vec<((&Path, &str), Arc<Hull>)> = Vec::new();
        let mut hulls = Vec::new();
        for potential in potentials {
            let Some(source) = sources.hull_of(&potential.label) else {
                hulls.push(None);
                continue;
            };
            let key = (source.file.as_path(), source.energy.as_str());
            let known = read.iter().find(|(other, _)| *other == key).map(|(_, hull)| hull.clone());
            let hull = match known {
                Some(hull) => hull,
                None => {
                    let entries =
                        Entries::read(&source.file, &source.energy).map_err(|error| failed("the hull", error))?;
                    let hull = Arc::new(Hull::new(entries.entries));
                    read.push((key, hull.clone()));
                    hull
                }
            };
            hulls.push(Some(hull));
        }
        let references = match &sources.reference {
            // A file is read once.
            Some(ReferenceSource::Run(_)) => {
                potentials.iter().map(|potential| sources.references_of(&potential.label)).collect::<Result<_, _>>()?
            }
            _ => vec![sources.references_of("")?; potentials.len()],
        };
        Ok(Self { references, hulls })
    }

    /// Of each potential, in their order; `None` where it has no result.
    pub(super) fn of(&self, entry: &EntryRow<'_>, species: &[Species]) -> EntryStability {
        let composition = Composition::from_species(species.iter().copied());
        let rows = |energy: &dyn Fn(usize) -> Option<f64>| {
            let row = |position| Some(self.row(position, composition.as_ref()?, energy(position)?));
            (0..self.hulls.len()).map(row).collect()
        };
        EntryStability {
            given: rows(&|position| Some(entry.prediction(position)?.energy)),
            relaxed: rows(&|position| Some(entry.relaxed(position)?.0.final_energy)),
        }
    }

    fn row(&self, position: usize, composition: &Composition, energy: f64) -> StabilityRow {
        let hull = self.hulls.get(position).and_then(Option::as_deref);
        let references = self.references.get(position).and_then(Option::as_ref);
        let found = Measures { hull, references }.of(composition, energy);
        StabilityRow {
            formation_energy: found.formation_energy,
            above: found.above,
            errors: found.errors.iter().map(ToString::to_string).collect(),
        }
    }
}
