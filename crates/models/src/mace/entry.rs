//! MACE for the registry.

#[cfg(feature = "cuda")]
use super::cuda::CudaMace;
use super::options::{OPTIONS, Options};
use super::potential::Mace;
use super::released::{PUBLISHED, Released};
use crate::device::Place;
use crate::entry::{Entry, LoadCause, Selection};
use crate::options::{self, OptionError};
use mlip_atoms::Potential;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[Entry {
    name: "mace",
    aliases: &[],
    options: OPTIONS,
    about: "MACE foundation models of the MACE-MP family, and any MACE with energies of the same blocks: energy, forces, stress",
    built_in: None,
    files: "upstream's `.model`, or the name of a published model that lies in $MLIP_CHECKPOINTS or in upstream's cache: \
            --model mace=medium-mpa-0",
    endings: &[".model"],
    any_file: Some("mace"),
    published: PUBLISHED,
    licence: "that of the file; see below",
    energies: |selection| Released::of_file(selection.file.as_deref()?)?.energies,
    check,
    load,
}];

/// Why no file can be opened.
#[derive(Debug, Error)]
enum Absent {
    #[error("it has no built-in weights: name a file (--model {name}=FILE) or one of {}", PUBLISHED.join(", "))]
    NoFile { name: String },
    #[error(
        "`{model}` is not on this machine; looked for {looked}; get it with `curl -LO {url}`, then name the file (--model mace={file}), or set MLIP_CHECKPOINTS to its folder"
    )]
    NotHere { model: &'static str, looked: String, url: &'static str, file: &'static str },
}

fn check(selection: &Selection) -> Result<(), OptionError> {
    let options = options::parse::<Options>(&selection.name, &selection.options)?;
    Place::of(selection, options.device.as_deref()).map(|_| ())
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    let options = options::parse::<Options>(&selection.name, &selection.options)?;
    let file = selection.file.as_deref().ok_or_else(|| Absent::NoFile { name: selection.name.clone() })?;
    // A name may have become a path: job files and `resume` know files only.
    let released = file.file_name().and_then(|name| Released::find(name.to_str()?)).filter(|_| !file.exists());
    let path = match released {
        None => file.to_path_buf(),
        Some(model) => on_this_machine(model)?,
    };
    let Selection { name, precision, engine, .. } = selection;
    match Place::of(selection, options.device.as_deref())? {
        Place::Cores => Ok(Arc::new(Mace::from_file(&path, name, &options, *precision, *engine)?)),
        #[cfg(feature = "cuda")]
        Place::Cuda { ordinal } => Ok(Arc::new(CudaMace::from_file(&path, name, &options, ordinal)?)),
        #[cfg(not(feature = "cuda"))]
        Place::Cuda { .. } => Err("this program was built without CUDA".into()),
    }
}

fn on_this_machine(model: &'static Released) -> Result<PathBuf, Absent> {
    let places = places(model);
    let shown = || places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    let found = places.iter().find(|place| place.is_file()).cloned();
    found.ok_or_else(|| Absent::NotHere { model: model.name, looked: shown(), url: model.url, file: model.file_name() })
}

/// Where a published MACE model may lie on this machine: `$MLIP_CHECKPOINTS` (folders), upstream's cache.
pub fn places(model: &Released) -> Vec<PathBuf> {
    let folders = std::env::var_os("MLIP_CHECKPOINTS");
    let folders = folders.iter().flat_map(std::env::split_paths).collect::<Vec<_>>();
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    model.places(&folders, cache.as_deref())
}
