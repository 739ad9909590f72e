//! Makes a table of entries from runs over a reference set.

use crate::Error;
use crate::energies::{EnergyCounts, calculation_text, energies};
use crate::finished::FinishedRun;
use mlip_hull::ElementSet;
use mlip_hull::composition::parse_composition;
use mlip_hull::table::{Entry, TableFormat, TableProvenance, TableWriter};
use mlip_store::AtomicFile;
use std::path::{Path, PathBuf};

/// A table of entries that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltHull {
    /// Where its energies are from.
    pub provenance: TableProvenance,
    /// What became of the entries of each run, in their order.
    pub counts: Vec<(PathBuf, EnergyCounts)>,
    /// Elements of which there are compounds, and no entry of their own: systems with them have no hull.
    pub without_terminal: ElementSet,
}

/// Writes the energies of runs, relaxed where they relaxed, as a table of entries: `.csv`, `.csv.gz` or `.parquet`.
/// `label` says which potential of runs with several.
///
/// # Errors
/// When a folder holds no finished run, runs were computed by different potentials or with different settings, none has
/// an energy, or the table cannot be written.
pub fn build_hull(runs: &[PathBuf], label: Option<&str>, out: &Path) -> Result<BuiltHull, Error> {
    let format = TableFormat::of_name(out)?;
    let mut opened: Vec<(FinishedRun, String)> = Vec::with_capacity(runs.len());
    let mut provenance: Option<TableProvenance> = None;
    for folder in runs {
        let run = FinishedRun::open(folder)?;
        let found = of_run(&run, label)?;
        match &mut provenance {
            None => provenance = Some(found),
            Some(first) => {
                if let Some(difference) = difference(first, &found) {
                    let (first, second) = (runs.first().cloned().unwrap_or_default(), folder.clone());
                    return Err(Error::DifferentRuns { first, second, difference });
                }
                if first.runs.iter().any(|known| found.runs.contains(known)) {
                    return Err(Error::SameRun { folder: folder.clone() });
                }
                first.runs.extend(found.runs);
            }
        }
        let label = run.potential(label)?.label.clone();
        opened.push((run, label));
    }
    let provenance = provenance.ok_or(Error::NoInputs)?;
    let mut table = TableWriter::begin(AtomicFile::create(out)?, format, &provenance)?;
    let (mut elements, mut terminals) = (ElementSet::default(), ElementSet::default());
    let mut counts = Vec::with_capacity(opened.len());
    for (run, label) in &opened {
        let found = energies(run, label, |one| {
            let of = parse_composition(&one.formula)?.elements();
            elements = elements.iter().chain(of.iter()).collect();
            if of.len() == 1 {
                terminals = terminals.iter().chain(of.iter()).collect();
            }
            Ok(table.write(Entry {
                material_id: one.id,
                composition: one.formula,
                energy_ev: one.energy,
                n_atoms: one.n_atoms,
                path: one.path,
            })?)
        })?;
        counts.push((run.folder().to_owned(), found));
    }
    if counts.iter().all(|(_, counts)| counts.taken == 0) {
        return Err(Error::NoEnergies { folder: runs.first().cloned().unwrap_or_default() });
    }
    table.finish()?.commit()?;
    let without_terminal = elements.iter().filter(|element| !terminals.contains(*element)).collect();
    Ok(BuiltHull { provenance, counts, without_terminal })
}

/// Where the energies of a potential of a run are from.
fn of_run(run: &FinishedRun, label: Option<&str>) -> Result<TableProvenance, Error> {
    let (config, potential) = (run.config(), run.potential(label)?);
    Ok(TableProvenance {
        potential: potential.name.clone(),
        checkpoint: potential.checkpoint.clone(),
        digest: potential.digest.clone(),
        settings: potential.settings.clone(),
        precision: potential.precision.to_string(),
        calculation: calculation_text(&config.physics.calculation),
        frame: format!("{:?}", config.physics.frame).to_lowercase(),
        coordinates: config.physics.coordinates.name().to_owned(),
        runs: vec![config.run.clone()],
        version: env!("CARGO_PKG_VERSION").into(),
    })
}

/// In what the energies of two runs differ, for people.
fn difference(first: &TableProvenance, second: &TableProvenance) -> Option<String> {
    let potential = |of: &TableProvenance| {
        format!("{} ({}, digest {})", of.potential, of.checkpoint, of.digest.get(..16).unwrap_or(&of.digest))
    };
    if first.digest != second.digest {
        return Some(format!(
            "the potential is {} in the one and {} in the other",
            potential(first),
            potential(second)
        ));
    }
    let compared = [
        ("the settings of the potential are", &first.settings, &second.settings),
        ("the precision is", &first.precision, &second.precision),
        ("the calculation is", &first.calculation, &second.calculation),
        ("the Cartesian frame is", &first.frame, &second.frame),
        ("coordinates of CIFs are read as", &first.coordinates, &second.coordinates),
    ];
    let differs = compared.into_iter().find(|(_, first, second)| first != second);
    differs.map(|(what, first, second)| format!("{what} `{first}` in the one and `{second}` in the other"))
}
