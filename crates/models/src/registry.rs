//! From names to potentials.

use crate::chgnet::{self, Chgnet};
use crate::mace::{self, Mace, RELEASED, Released};
use crate::orb::{self, Orb};
use crate::uma::{self, Uma};
use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
use mlip_atoms::{LoadOptions, Potential};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// A potential that this program can compute.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name on the command line and in the CSVs.
    pub name: &'static str,
    /// Other names that users type; the CSVs show the one that was typed.
    pub aliases: &'static [&'static str],
    /// Settings that it has, named as the flags are: `head`, `task`, …
    pub takes: &'static [&'static str],
    /// What it is, in a sentence.
    pub about: &'static str,
    /// What weights it runs with when no file is named; `None` where a file is needed.
    pub built_in: Option<&'static str>,
    /// Files that it reads, and where upstream publishes them.
    pub files: &'static str,
    /// Licence of the weights.
    pub licence: &'static str,
    load: Load,
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
struct Selection<'a> {
    /// The name as it was typed: the entry's own or an alias.
    name: &'a str,
    /// The checkpoint; without one, the weights in the program.
    file: Option<&'a Path>,
    /// Only settings that the entry has are set.
    options: &'a LoadOptions,
}

type Load = fn(Selection) -> Result<Arc<dyn Potential>, Cause>;

/// All of them.
pub static REGISTRY: &[Entry] = &[
    Entry {
        name: "chgnet",
        aliases: &[],
        takes: &[],
        about: "CHGNet 0.3.0: energy, forces, stress, magnetic moments; H to Pu, PBE(+U) of the Materials Project",
        built_in: Some("chgnet-0.3.0"),
        files: "upstream's `.pth.tar` (in the PyPI package `chgnet`, chgnet/pretrained/0.3.0), or safetensors with `model_args`",
        licence: "BSD-3-Clause-LBNL",
        load: load_chgnet,
    },
    orb_v3(
        "orb-v3-conservative-inf-omat",
        &["orb", "orb_v3_conservative_inf_omat"],
        "ORB v3: conservative model, up to 120 neighbors, OMat24",
    ),
    orb_v3(
        "orb-v3-conservative-20-omat",
        &["orb_v3_conservative_20_omat"],
        "ORB v3: conservative model, 20 neighbors, OMat24",
    ),
    orb_v3(
        "orb-v3-conservative-inf-mpa",
        &["orb_v3_conservative_inf_mpa"],
        "ORB v3: conservative model, up to 120 neighbors, MPtrj and Alexandria",
    ),
    orb_v3(
        "orb-v3-conservative-20-mpa",
        &["orb_v3_conservative_20_mpa"],
        "ORB v3: conservative model, 20 neighbors, MPtrj and Alexandria",
    ),
    orb_v3(
        "orb-v3-direct-inf-omat",
        &["orb_v3_direct_inf_omat"],
        "ORB v3: forces and stress from heads, up to 120 neighbors, OMat24",
    ),
    orb_v3(
        "orb-v3-direct-20-omat",
        &["orb_v3_direct_20_omat"],
        "ORB v3: forces and stress from heads, 20 neighbors, OMat24",
    ),
    orb_v3(
        "orb-v3-direct-inf-mpa",
        &["orb_v3_direct_inf_mpa"],
        "ORB v3: forces and stress from heads, up to 120 neighbors, MPtrj and Alexandria",
    ),
    orb_v3(
        "orb-v3-direct-20-mpa",
        &["orb_v3_direct_20_mpa"],
        "ORB v3: forces and stress from heads, 20 neighbors, MPtrj and Alexandria",
    ),
    Entry {
        name: "mace",
        aliases: &[],
        takes: &["head", "exact-radial"],
        about: "MACE foundation models of the MACE-MP family, and any MACE with energies of the same blocks: energy, forces, stress",
        built_in: None,
        files: "upstream's `.model`, or the name of a published model that lies in $MLIP_CHECKPOINTS or in upstream's cache: \
                --model mace=medium-mpa-0",
        licence: "that of the file; see below",
        load: load_mace,
    },
    Entry {
        name: "lennard-jones",
        aliases: &[],
        takes: &[],
        about: "Lennard-Jones with argon's parameters for every element, f64; for smoke jobs and tests",
        built_in: Some("epsilon 0.0104 eV, sigma 3.4 A, cutoff 6 A"),
        files: "none",
        licence: "none: it has no weights",
        load: load_lennard_jones,
    },
    uma(
        "uma-s-1p1",
        &["uma", "uma_s_1p1"],
        "UMA small 1.1: energy, forces, stress; H to Es; tasks omat (inorganic materials, the default), omol, omc, oc20, odac; as `uma` it takes the checkpoint of any UMA",
    ),
    uma("uma-s-1p2", &["uma_s_1p2"], "UMA small 1.2: energy, forces, stress; tasks oc22 and oc25 as well"),
    uma("uma-s-1p2p1", &["uma_s_1p2p1"], "UMA small 1.2.1: energy, forces, stress; tasks oc22 and oc25 as well"),
    uma("uma-m-1p1", &["uma_m_1p1"], "UMA medium 1.1: energy, forces, stress; many times as costly as the small ones"),
    Entry {
        about: "UMA small 1.0, withdrawn upstream: refused, use uma-s-1p1",
        files: "none: upstream refuses its checkpoint",
        load: refuse_uma_1,
        ..uma("uma-s-1", &["uma_s_1"], "")
    },
];

/// One of the models of ORB v3.
const fn orb_v3(name: &'static str, aliases: &'static [&'static str], about: &'static str) -> Entry {
    Entry {
        name,
        aliases,
        takes: &[],
        about,
        built_in: None,
        files: "upstream's `.ckpt` (https://github.com/orbital-materials/orb-models), named like the model",
        licence: "Apache-2.0",
        load: load_orb,
    }
}

/// One of the models of UMA.
const fn uma(name: &'static str, aliases: &'static [&'static str], about: &'static str) -> Entry {
    Entry {
        name,
        aliases,
        takes: &["task", "charge", "spin"],
        about,
        built_in: None,
        files: "upstream's `.pt` (https://huggingface.co/facebook/UMA, after agreeing to its licence), named like the model",
        licence: "FAIR Chemistry License v1",
        load: load_uma,
    }
}

/// Why a potential cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No such name.
    #[error("there is no potential `{name}`; known are {}", REGISTRY.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", "))]
    Unknown {
        /// As it was typed.
        name: String,
    },
    /// The checkpoint cannot be used.
    #[error("`{name}` cannot be loaded{}", file.as_ref().map(|file| format!(" from {}", file.display())).unwrap_or_default())]
    Checkpoint {
        /// Of the potential.
        name: String,
        /// The checkpoint, where one was named.
        file: Option<PathBuf>,
        /// Why.
        #[source]
        cause: Box<Cause>,
    },
}

/// What is wrong with a checkpoint.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Cause {
    /// CHGNet's.
    #[error(transparent)]
    Chgnet(#[from] chgnet::LoadError),
    /// MACE's.
    #[error(transparent)]
    Mace(#[from] mace::LoadError),
    /// No weights were named.
    #[error("it has no built-in weights: name a file (--model {name}=FILE) or one of {choices}")]
    NoFile {
        /// Of the potential.
        name: String,
        /// Published models.
        choices: String,
    },
    /// A published model is not on this machine.
    #[error("`{model}` is not on this machine; looked for {looked}; get it with: curl -LO {url}")]
    NotHere {
        /// Upstream's name.
        model: &'static str,
        /// Where it would lie.
        looked: String,
        /// Where upstream publishes it.
        url: &'static str,
    },
    /// ORB's.
    #[error(transparent)]
    Orb(#[from] orb::LoadError),
    /// UMA's.
    #[error(transparent)]
    Uma(#[from] uma::LoadError),
    /// A file was given to a potential without weights.
    #[error("it has no weights and takes no file")]
    Weightless,
}

/// The entry of this name or alias.
pub fn find(name: &str) -> Option<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.name == name || entry.aliases.contains(&name))
}

/// The settings of single potentials that are set, named as the flags are.
pub fn given(options: &LoadOptions) -> impl Iterator<Item = &'static str> {
    let LoadOptions { precision: _, head, task, charge, spin, exact_radial } = options;
    let set = [
        ("head", head.is_some()),
        ("task", task.is_some()),
        ("charge", charge.is_some()),
        ("spin", spin.is_some()),
        ("exact-radial", *exact_radial),
    ];
    set.into_iter().filter_map(|(name, set)| set.then_some(name))
}

/// `options` without the settings that the entry does not have: they are meant for other potentials of the run.
fn own(entry: &Entry, options: &LoadOptions) -> LoadOptions {
    let takes = |option| entry.takes.contains(&option);
    LoadOptions {
        precision: options.precision,
        head: options.head.clone().filter(|_| takes("head")),
        task: options.task.clone().filter(|_| takes("task")),
        charge: options.charge.filter(|_| takes("charge")),
        spin: options.spin.filter(|_| takes("spin")),
        exact_radial: options.exact_radial && takes("exact-radial"),
    }
}

/// Loads a potential, from `file` or with the weights in the program.
///
/// # Errors
/// When there is no such potential, or its checkpoint cannot be used.
pub fn load(name: &str, file: Option<&Path>, options: &LoadOptions) -> Result<Arc<dyn Potential>, LoadError> {
    let entry = find(name).ok_or_else(|| LoadError::Unknown { name: name.into() })?;
    (entry.load)(Selection { name, file, options: &own(entry, options) }).map_err(|cause| LoadError::Checkpoint {
        name: name.into(),
        file: file.map(Path::to_path_buf),
        cause: Box::new(cause),
    })
}

fn load_chgnet(Selection { file, options, .. }: Selection) -> Result<Arc<dyn Potential>, Cause> {
    Ok(Arc::new(match file {
        Some(file) => Chgnet::from_file(file, options.precision)?,
        None => Chgnet::built_in(options.precision)?,
    }))
}

fn load_mace(Selection { name, file, options }: Selection) -> Result<Arc<dyn Potential>, Cause> {
    let choices = || RELEASED.iter().map(|model| model.name).collect::<Vec<_>>().join(", ");
    let file = file.ok_or_else(|| Cause::NoFile { name: name.into(), choices: choices() })?;
    // A name may have become a path: job files and `resume` know files only.
    let released = file.file_name().and_then(|name| Released::find(name.to_str()?)).filter(|_| !file.exists());
    let path = match released {
        None => file.to_path_buf(),
        Some(model) => on_this_machine(model)?,
    };
    Ok(Arc::new(Mace::from_file(&path, name, options)?))
}

fn on_this_machine(model: &'static Released) -> Result<PathBuf, Cause> {
    let places = places(model);
    let shown = || places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    let found = places.iter().find(|place| place.is_file()).cloned();
    found.ok_or_else(|| Cause::NotHere { model: model.name, looked: shown(), url: model.url })
}

/// Where a published MACE model may lie on this machine: `$MLIP_CHECKPOINTS` (folders), upstream's cache.
pub fn places(model: &Released) -> Vec<PathBuf> {
    let folders = std::env::var_os("MLIP_CHECKPOINTS");
    let folders = folders.iter().flat_map(std::env::split_paths).collect::<Vec<_>>();
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    model.places(&folders, cache.as_deref())
}

fn load_orb(Selection { name, file, options }: Selection) -> Result<Arc<dyn Potential>, Cause> {
    let file = file.ok_or_else(|| orb::LoadError::NoFile(name.into()))?;
    Ok(Arc::new(Orb::from_file(name, file, options.precision)?))
}

fn load_uma(Selection { name, file, options }: Selection) -> Result<Arc<dyn Potential>, Cause> {
    let file = file.ok_or(uma::LoadError::NoFile)?;
    Ok(Arc::new(Uma::from_file(name, file, options)?))
}

fn refuse_uma_1(_: Selection) -> Result<Arc<dyn Potential>, Cause> {
    Err(uma::LoadError::FirstRelease.into())
}

fn load_lennard_jones(Selection { file, .. }: Selection) -> Result<Arc<dyn Potential>, Cause> {
    match file {
        Some(_) => Err(Cause::Weightless),
        None => Ok(Arc::new(LennardJones::new(LennardJonesParameters::default()))),
    }
}
