//! SevenNet for the registry.

use super::options::{OPTIONS, Options};
use super::potential::SevenNet;
use super::released;
use crate::energies::Energies;
use crate::entry::{Entry, LoadCause, PLAIN, Selection};
use crate::options::{self, OptionError};
use crate::released::{SEVENNET_NAMES, file_or_published};
use mlip_atoms::Potential;
use std::sync::Arc;
use thiserror::Error;

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry {
        name: "7net-0",
        aliases: &["sevennet-0"],
        options: OPTIONS,
        about: "SevenNet-0 (11Jul2024): energy, forces, stress; 89 elements, PBE(+U) of the Materials Project",
        precisions: PLAIN,
        built_in: Some("SevenNet-0 (11Jul2024)"),
        files: "upstream's `.pth`, instead of the weights in the program",
        endings: &[],
        any_file: None,
        published: &[],
        licence: "MIT",
        energies: trained_on,
        check,
        load: load_built_in,
    },
    Entry {
        name: "sevennet",
        aliases: &["7net"],
        options: OPTIONS,
        about: "SevenNet checkpoints: energy, forces, stress",
        precisions: PLAIN,
        built_in: None,
        files: "upstream's `.pth`, or the name of a published checkpoint, which `mlip-batch models get` fetches: --model \
                sevennet=7net-mf-0,modal=PBE",
        endings: &[".pth"],
        any_file: Some("sevennet"),
        published: &SEVENNET_NAMES,
        licence: "that of the file; MIT for those in the PyPI package sevenn 0.13.0",
        energies: trained_on,
        check,
        load: load_file,
    },
];

/// No file is named.
#[derive(Debug, Error)]
#[error("no file is named; give one (--model {0}=FILE) or one of {names}; 7net-0 needs none", names = SEVENNET_NAMES.join(", "))]
struct NoFile(String);

fn trained_on(selection: &Selection) -> Option<Energies> {
    match &selection.file {
        Some(file) => released::trained_on(file, selection.options.get("modal").map(String::as_str)),
        // What is in the program, SevenNet-0, was trained on MPtrj.
        None => Some(Energies::MaterialsProject),
    }
}

fn check(selection: &Selection) -> Result<(), OptionError> {
    options::parse::<Options>(&selection.name, &selection.options).map(|_| ())
}

fn load_built_in(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    if selection.file.is_some() {
        return load_file(selection);
    }
    let options = options::parse::<Options>(&selection.name, &selection.options)?;
    Ok(Arc::new(SevenNet::built_in(&selection.name, &options, selection.precision, selection.engine)?))
}

fn load_file(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    let options = options::parse::<Options>(&selection.name, &selection.options)?;
    let file = selection.file.as_deref().ok_or_else(|| NoFile(selection.name.clone()))?;
    let entry = ENTRIES.iter().find(|entry| entry.is_called(&selection.name));
    let path = file_or_published(entry.map_or("sevennet", |entry| entry.name), file)?;
    let Selection { name, precision, engine, .. } = selection;
    Ok(Arc::new(SevenNet::from_file(&path, name, &options, *precision, *engine)?))
}
