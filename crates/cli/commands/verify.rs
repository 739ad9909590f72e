//! `verify`: both engines of each potential on the same structures.

use crate::allocator;
use crate::args::VerifyArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::settings::Settings;
use crate::show::say;
use mlip_atoms::Structure;
use mlip_driver::{CifSource, StructureSource};
use mlip_formats::cif::{CifOptions, parse_cif};
use mlip_models::registry::{Registry, Selection};
use mlip_models::verify::{Differences, LIMITS, Largest, Limits, Report, verify as compare};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Structures that are compared when none are named: with one element and several, skewed, magnetic, with light atoms.
static CRYSTALS: &[(&str, &str)] = &[
    ("ThSi2Ir2", include_str!("../../../tests/fixtures/cifs/aflow_JVASP-151358_ThSi2Ir2.cif")),
    ("NaFeSO4F", include_str!("../../../tests/fixtures/cifs/aflow_JVASP-153242_NaFeSO4F.cif")),
    ("CeZnPO", include_str!("../../../tests/fixtures/cifs/aflow_JVASP-149854_CeZnPO.cif")),
    ("BaSnPb", include_str!("../../../tests/fixtures/cifs/aflow_JVASP-66152_BaSnPb.cif")),
    ("Bi", include_str!("../../../tests/fixtures/cifs/cod-crystals_Bi.cif")),
];

/// Structures named among those that no engine computes; the others are counted.
const NAMED: usize = 3;

/// What compressed archives are unpacked to, as long as it is needed.
struct Unpacked(PathBuf);

impl Drop for Unpacked {
    fn drop(&mut self) {
        // Without compressed archives there is none.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Structures and what they are called.
struct Crystals {
    names: Vec<String>,
    structures: Vec<Arc<Structure>>,
    n_unreadable: usize,
}

/// Computes and compares. Exit code 0 where all engines agree, 1 where they do not or nothing could be compared.
pub(crate) fn verify(args: &VerifyArgs) -> Result<ExitCode, CommandError> {
    let settings = Settings::of_verify(args)?;
    settings.notes.iter().for_each(|note| say!("note: {note}"));
    let crystals = if settings.sources.is_empty() { embedded(&settings)? } else { named(&settings)? };
    if crystals.structures.is_empty() {
        return Err(CommandError::new("none of the structures can be read"));
    }
    allocator::keep_freed_memory();
    let mut agree = true;
    for potential in &settings.potentials {
        let selection = &potential.selection;
        let done = |index: usize| say!("{}: {} of {}", potential.label, index + 1, crystals.structures.len());
        let report = compare(&Registry::default(), selection, &crystals.structures, done).map_err(|error| {
            CommandError::from_error(&error)
                .hint("`mlip-batch models` lists the potentials that this program knows")
                .usage()
        })?;
        agree &= report.engines.agree(&LIMITS);
        super::output::print(&describe(&potential.label, selection, &report, &crystals)?)?;
    }
    Ok(if agree { ExitCode::Success } else { ExitCode::Error })
}

fn embedded(settings: &Settings) -> Result<Crystals, CommandError> {
    let mut crystals = Crystals { names: Vec::new(), structures: Vec::new(), n_unreadable: 0 };
    for (name, text) in CRYSTALS {
        let read = parse_cif(text.as_bytes(), &CifOptions { frame: settings.frame, ..CifOptions::default() });
        let read = read.map_err(|error| CommandError::from_error(&error).while_doing(format!("reading {name}")))?;
        crystals.names.push((*name).to_owned());
        crystals.structures.push(Arc::new(read.structure));
    }
    Ok(crystals)
}

fn named(settings: &Settings) -> Result<Crystals, CommandError> {
    let spool = Unpacked(std::env::temp_dir().join(format!("mlip-batch-{}.spool", std::process::id())));
    let listed = settings.inputs()?.list(Path::new(""), spool.0.clone()).map_err(CommandError::of_run)?;
    listed.notes.iter().for_each(|note| say!("note: {note}"));
    let Settings { frame, coordinates, allow_overlap, .. } = *settings;
    let source = CifSource { frame, coordinates, allow_overlap, ..CifSource::default() };
    let mut crystals = Crystals { names: Vec::new(), structures: Vec::new(), n_unreadable: 0 };
    for entry in listed.manifest.iter() {
        let entry = entry?;
        match source.load(&entry.locator) {
            Ok(loaded) => {
                crystals.names.push(entry.id.to_string());
                crystals.structures.push(Arc::new(loaded.structure));
            }
            Err(failure) => {
                say!("note: {} is left out: {}", entry.id, failure.message);
                crystals.n_unreadable += 1;
            }
        }
    }
    Ok(crystals)
}

/// What was found, for people.
fn describe(
    label: &str,
    selection: &Selection,
    report: &Report,
    crystals: &Crystals,
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let engines = &report.engines;
    let file = selection.file.as_ref().map(|file| format!(" {}", file.display())).unwrap_or_default();
    writeln!(text, "{label} ({}{file}): candle against native, both f64", selection.name)?;
    write!(text, "  structures  {} compared", engines.n_compared)?;
    let others = [
        (engines.refused.len(), "refused by both"),
        (engines.one_sided.len(), "by one only"),
        (crystals.n_unreadable, "unreadable"),
    ];
    for (n, what) in others.into_iter().filter(|(n, _)| *n > 0) {
        write!(text, ", {n} {what}")?;
    }
    writeln!(text)?;
    if engines.n_compared > 0 {
        differences(&mut text, engines, Some(&LIMITS), crystals)?;
    }
    for one in engines.refused.iter().take(NAMED) {
        writeln!(text, "  no engine computes {}: {}", name(crystals, Some(one.structure)), one.error)?;
    }
    if engines.refused.len() > NAMED {
        writeln!(text, "  nor {} more", engines.refused.len() - NAMED)?;
    }
    for one in &engines.one_sided {
        writeln!(text, "  only one engine computes {}: {}", name(crystals, Some(one.structure)), one.error)?;
    }
    let verdict = if engines.agree(&LIMITS) {
        "the engines agree"
    } else if engines.n_compared == 0 && engines.one_sided.is_empty() {
        "NOTHING COULD BE COMPARED"
    } else {
        "THE ENGINES DO NOT AGREE"
    };
    writeln!(text, "  {verdict}")?;
    if let Some(rounding) = report.rounding.as_ref().filter(|rounding| rounding.n_compared > 0) {
        writeln!(text, "  for information: native {} against f64", selection.precision)?;
        differences(&mut text, rounding, None, crystals)?;
    }
    Ok(text)
}

fn differences(
    text: &mut String,
    differences: &Differences,
    limits: Option<&Limits>,
    crystals: &Crystals,
) -> std::fmt::Result {
    let Differences { energy, forces, stress, .. } = differences;
    let rows: [(&str, &Largest, &str, Option<f64>); 3] = [
        ("energy", energy, "eV/atom", limits.map(|limits| limits.energy)),
        ("forces", forces, "eV/A", limits.map(|limits| limits.forces)),
        ("stress", stress, "eV/A^3", limits.map(|limits| limits.stress)),
    ];
    for (what, largest, unit, limit) in rows {
        let limit = limit.map(|limit| format!("  limit {limit:.0e}")).unwrap_or_default();
        writeln!(text, "  {what:<10}  {:9.2e} {unit:<7}{limit}  {}", largest.value, name(crystals, largest.structure))?;
    }
    Ok(())
}

fn name(crystals: &Crystals, structure: Option<usize>) -> &str {
    structure.and_then(|index| crystals.names.get(index)).map_or("", String::as_str)
}
