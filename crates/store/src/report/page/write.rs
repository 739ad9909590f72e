//! Writes the page and the plots that it shows.

use super::super::plan::ReportPlan;
use super::calculations::{ends, stability};
use super::columns::Table;
use super::cost::cost;
use super::distributions::distributions;
use super::document::{Content, Plot, document};
use super::failures::failures;
use super::pairs::{Compared, parity, spread};
use crate::report::RunJson;
use crate::{AtomicFile, StoreError};
use mlip_calculations::CalculationConfig;
use std::path::{Path, PathBuf};

/// The page.
pub(in super::super) const NAME: &str = "report.html";

/// Plots that are made for it.
pub(in super::super) const PLOTS: [&str; 7] = [
    "energy_per_atom.svg",
    "max_force.svg",
    "volume_per_atom.svg",
    "parity_energy.svg",
    "parity_force.svg",
    "spread.svg",
    "cost.svg",
];

/// Plots that a report has anyway, where there is something to draw.
const OTHERS: [(&str, &str); 3] = [
    ("relaxation.svg", "Convergence of the relaxations"),
    ("stability.svg", "Energies above the hull"),
    ("energy_volume.svg", "Energies at several volumes"),
];

/// Writes the page of the report whose files these are; gives its files.
///
/// # Errors
/// When a table cannot be read back, or the disk is full.
pub(in super::super) fn write(
    folder: &Path,
    plan: &ReportPlan,
    run: &RunJson,
    files: &[PathBuf],
) -> Result<Vec<PathBuf>, StoreError> {
    let labels: Vec<&str> = plan.potentials.iter().map(|potential| potential.label.as_str()).collect();
    let find = |name: &str| Table::find(files, name);
    let (energies, ensemble) = (find("energies"), find("ensemble"));
    let distributions = energies.as_ref().map(|table| distributions(table, &labels)).transpose()?.unwrap_or_default();
    let (mut parities, mut spread_of_all) = (Vec::new(), None);
    if let Some(ensemble) = ensemble.as_ref().filter(|_| labels.len() > 1) {
        for compared in [Compared::EnergyPerAtom, Compared::MaxForce] {
            parities.push(parity(ensemble, &labels, compared)?);
        }
        spread_of_all = Some(spread(ensemble)?);
    }
    let cost = cost(find("timings").as_ref(), find("memory").as_ref())?;
    let mut written = Vec::new();
    let mut put = |name: &str, text: &str| {
        let path = folder.join(name);
        AtomicFile::write(&path, text.as_bytes()).map(|()| written.push(path))
    };
    for distribution in &distributions {
        put(&format!("{}.svg", distribution.quantity.name), &distribution.svg)?;
    }
    for parity in &parities {
        put(&format!("{}.svg", parity.compared.name()), &parity.svg)?;
    }
    if let Some(spread) = &spread_of_all {
        put("spread.svg", &spread.svg)?;
    }
    put("cost.svg", &cost.svg)?;
    let relaxations = find("relaxation");
    let hulls = match &relaxations {
        Some(table) => Some((table.clone(), "relaxed_e_above_hull_ev_per_atom")),
        None => find("stability").map(|table| (table, "e_above_hull_ev_per_atom")),
    };
    let hulls = hulls.filter(|_| !plan.stability.hulls.is_empty());
    let failures_table = find("failures");
    let mut plots = Vec::new();
    for (file, title) in OTHERS {
        if files.iter().any(|path| path.ends_with(file)) {
            let path = folder.join(file);
            let svg = mlip_disk::read_to_string(&path).map_err(StoreError::io("read", &path))?;
            plots.push(Plot { title, svg });
        }
    }
    let file_name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let content = Content {
        name: run_name(folder),
        run,
        calculation: match plan.calculation {
            CalculationConfig::SinglePoint => "Single points",
            CalculationConfig::EnergyVolume(_) => "Energies at several volumes",
            CalculationConfig::Relaxation(_) => "Relaxations",
        },
        distributions,
        parities,
        spread: spread_of_all,
        failures: failures_table.as_ref().map(failures).transpose()?.unwrap_or_default(),
        ends: relaxations.as_ref().map(|table| ends(table, &labels)).transpose()?.unwrap_or_default(),
        stability: hulls.map(|(table, column)| stability(&table, column, &labels)).transpose()?.unwrap_or_default(),
        plots,
        cost,
        files: files.iter().map(file_name).collect(),
        ensemble: ensemble.as_ref().map(Table::file_name).unwrap_or_default(),
        failures_file: failures_table.as_ref().map(Table::file_name).unwrap_or_default(),
    };
    put(NAME, &document(&content))?;
    Ok(written)
}

/// The name of the folder of the run, in which the folder of the report is.
fn run_name(folder: &Path) -> String {
    let run = folder.parent().map(|run| std::path::absolute(run).unwrap_or_else(|_| run.to_owned()));
    let name = run.as_ref().and_then(|run| run.file_name()).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "run".into())
}
