//! What is to be loaded, from what was typed and what holds for all.

use super::named::{Named, is_label};
use crate::error::CommandError;
use mlip_atoms::{EngineKind, Precision};
use mlip_models::registry::{self, Options, Selection};
use mlip_models::released::{self, NotHere, Places};
use std::path::{Path, PathBuf};

/// A potential of the run, before its weights are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Its name in all tables.
    pub(crate) label: String,
    /// What is to be loaded.
    pub(crate) selection: Selection,
}

/// Adds to potentials what a configuration says of those of the same label, where they say nothing themselves.
pub(crate) fn complete_from(named: &mut [Named], presets: &[Named]) {
    for potential in named {
        let Ok((label, name, _)) = potential.meaning() else { continue };
        let Some(preset) = presets.iter().find(|preset| preset.described() == label) else { continue };
        let known = registry::find(&name).map(|entry| entry.options).unwrap_or_default();
        for (key, value) in &preset.options {
            if known.iter().any(|option| option.key == key) {
                potential.options.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

/// A setting that is an option of one potential: `--task omol`.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// Key of the option, its flag with `_` for `-`.
    pub(crate) key: &'static str,
    pub(crate) value: String,
    /// Whether it wins over what a potential says itself: a flag over a potential of a job file.
    pub(crate) wins: Option<bool>,
}

impl Common {
    /// Gives it to the one potential that has this option.
    pub(crate) fn apply(&self, named: &mut [Named]) -> Result<(), CommandError> {
        let Self { key, value, wins } = self;
        let flag = key.replace('_', "-");
        let mut having: Vec<&mut Named> = named.iter_mut().filter(|potential| potential.has(key)).collect();
        let labels: Vec<String> = having.iter().map(|potential| potential.described()).collect();
        let [one] = having.as_mut_slice() else {
            return Err(match labels.as_slice() {
                [] => CommandError::new(format!("--{flag} is given, but none of the potentials has that option"))
                    .hint("`mlip-batch models` says which potential has which options"),
                [first, ..] => {
                    CommandError::new(format!("--{flag} {value} may be meant for each of {}", labels.join(", ")))
                        .hint(format!("say it with the potential: --model {first}:NAME=FILE,{key}={value}"))
                }
            }
            .usage());
        };
        match one.options.get(*key) {
            Some(own) if own != value && wins.is_none() => {
                Err(CommandError::new(format!("--{flag} {value} contradicts {key}={own} of {}", one.described()))
                    .hint("say it once")
                    .usage())
            }
            Some(_) if *wins == Some(false) => Ok(()),
            _ => {
                one.options.insert((*key).to_owned(), value.clone());
                Ok(())
            }
        }
    }
}

/// Gives a potential the device of all, or takes `cpu` away from those that know nothing else.
fn place(label: &str, name: &str, options: &mut Options, device: Option<&str>) -> Result<(), CommandError> {
    let can = |entry: &&mlip_models::registry::Entry| entry.options.iter().any(|option| option.key == "device");
    let Some(asked) = options.get("device").map(String::as_str).or(device) else { return Ok(()) };
    if registry::find(name).as_ref().is_some_and(can) {
        if asked != "cpu" {
            options.insert("device".into(), asked.to_owned());
        }
        return Ok(());
    }
    if asked == "cpu" {
        options.remove("device");
        return Ok(());
    }
    let able: Vec<&str> = registry::entries().filter(can).map(|entry| entry.name).collect();
    Err(CommandError::new(format!("device={asked}: {label} is computed on cores only"))
        .hint(format!("on cards run {}; say it with the potential: --model NAME=FILE,device={asked}", able.join(", ")))
        .usage())
}

/// A published checkpoint, where it lies in this folder. One that lies elsewhere is found when it is loaded.
fn published_in(folder: &Path, name: &str, file: Option<&Path>) -> Result<Option<PathBuf>, NotHere> {
    let Some(entry) = registry::find(name) else { return Ok(None) };
    let release = match file {
        Some(file) if file.exists() => None,
        Some(file) => released::published_as(entry.name, file),
        None => released::find(entry.name),
    };
    let Some(release) = release else { return Ok(None) };
    // `run.toml` keeps the path: later attempts may start elsewhere.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    match Places::default().with_folder(&folder).find(release) {
        Some(path) => Ok(Some(path)),
        None => Places::of_this_machine().with_folder(folder).require(release).map(|_| None),
    }
}

/// What is to be loaded, under labels that differ. Precision, engine and device hold where a potential says nothing itself.
pub(crate) fn choose(
    named: &[Named],
    precision: Precision,
    engine: EngineKind,
    device: Option<&str>,
    models_dir: Option<&Path>,
) -> Result<Vec<Chosen>, CommandError> {
    let mut chosen: Vec<Chosen> = Vec::with_capacity(named.len());
    for potential in named {
        let (label, name, file) = potential.meaning()?;
        if !is_label(&label) {
            return Err(CommandError::new(format!("`{label}` cannot be a label"))
                .hint("a label is a letter or digit, then letters, digits, `_` and `-`")
                .usage());
        }
        if ["mean", "std", "n_mlips"].contains(&label.as_str()) {
            return Err(CommandError::new(format!(
                "`{label}` cannot be a label: ensemble.csv has a column of that name"
            ))
            .hint("give the potential another: --model LABEL:NAME…")
            .usage());
        }
        if chosen.iter().any(|other| other.label == label) {
            return Err(CommandError::new(format!("two potentials have the label `{label}`"))
                .hint(format!("give each a label of its own: --model {label}-a:{name}… {label}-b:{name}…"))
                .usage());
        }
        let mut options = potential.options.clone();
        let mut take = |key: &str, known: &[&str]| match options.remove(key) {
            Some(value) if !known.contains(&value.as_str()) => {
                Err(CommandError::new(format!("{key}={value} of {label}: expected {}", known.join(" or "))).usage())
            }
            value => Ok(value),
        };
        let precision = match take("precision", &["f32", "f64", "int8x6"])?.as_deref() {
            Some("f64") => Precision::F64,
            Some("int8x6") => Precision::Int8x6,
            Some(_) => Precision::F32,
            None => precision,
        };
        let engine = match take("engine", &["native", "candle"])?.as_deref() {
            Some("candle") => EngineKind::Candle,
            Some(_) => EngineKind::Native,
            None => engine,
        };
        place(&label, &name, &mut options, device)?;
        let published = models_dir.map(|folder| published_in(folder, &name, file.as_deref())).transpose();
        let published = published.map_err(|error| {
            CommandError::from_error(&error).while_doing(format!("`{name}` cannot be loaded")).usage()
        })?;
        let file = published.flatten().or(file);
        chosen.push(Chosen { label, selection: Selection { name, file, options, precision, engine } });
    }
    Ok(chosen)
}
