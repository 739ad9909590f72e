//! SevenNet for the registry.

use super::options::{OPTIONS, Options};
use super::potential::SevenNet;
use super::released::{PUBLISHED, Released, places};
use crate::energies::Energies;
use crate::entry::{Entry, LoadCause, Selection};
use crate::options::{self, OptionError};
use mlip_atoms::Potential;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry {
        name: "7net-0",
        aliases: &["sevennet-0"],
        options: OPTIONS,
        about: "SevenNet-0 (11Jul2024): energy, forces, stress; 89 elements, PBE(+U) of the Materials Project",
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
        built_in: None,
        files: "upstream's `.pth`, or the name of a published checkpoint that lies in $MLIP_CHECKPOINTS (a copy of sevenn's \
                folder pretrained_potentials) or in upstream's cache: --model sevennet=7net-mf-0,modal=PBE",
        endings: &[".pth"],
        any_file: Some("sevennet"),
        published: PUBLISHED,
        licence: "that of the file; MIT for those in the PyPI package sevenn 0.13.0",
        energies: trained_on,
        check,
        load: load_file,
    },
];

/// Why no file can be opened.
#[derive(Debug, Error)]
enum Absent {
    #[error("no file is named; give one (--model {name}=FILE) or one of {}; 7net-0 needs none", PUBLISHED.join(", "))]
    NoFile { name: String },
    #[error("`{model}` is not on this machine; looked for {looked}; upstream publishes it: {source_of}")]
    NotHere { model: &'static str, looked: String, source_of: &'static str },
}

fn trained_on(selection: &Selection) -> Option<Energies> {
    match &selection.file {
        Some(file) => Released::of_file(file)?.energies(selection.options.get("modal").map(String::as_str)),
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
    let file = selection.file.as_deref().ok_or_else(|| Absent::NoFile { name: selection.name.clone() })?;
    // A name may have become a path: job files and `resume` know files only.
    let released = file.file_name().and_then(|name| Released::find(name.to_str()?)).filter(|_| !file.exists());
    let path = match released {
        None => file.to_path_buf(),
        Some(model) => on_this_machine(model)?,
    };
    let Selection { name, precision, engine, .. } = selection;
    Ok(Arc::new(SevenNet::from_file(&path, name, &options, *precision, *engine)?))
}

fn on_this_machine(model: &'static Released) -> Result<PathBuf, Absent> {
    let places = places(model);
    let shown = || places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    let found = places.iter().find(|place| place.is_file()).cloned();
    found.ok_or_else(|| Absent::NotHere { model: model.name, looked: shown(), source_of: model.source })
}
