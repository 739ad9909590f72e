//! Potentials as the command line names them: `NAME` or `NAME=FILE`.

use mlip_atoms::LoadOptions;
use mlip_models::registry::{Options, Selection};
use std::path::PathBuf;

/// A potential, and the checkpoint it is to be loaded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelSpec {
    /// Its name.
    pub(crate) name: String,
    /// Its checkpoint; without one, the weights in the program.
    pub(crate) file: Option<PathBuf>,
}

impl ModelSpec {
    /// From `NAME` or `NAME=FILE`.
    pub(crate) fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((name, file)) => Self { name: name.into(), file: Some(file.into()) },
            None => Self { name: text.into(), file: None },
        }
    }

    /// What is asked for, with those of the options that the model has: the others are meant for other models of the run.
    pub(crate) fn selection(&self, options: &LoadOptions) -> Selection {
        let known = mlip_models::registry::find(&self.name).map(|entry| entry.options).unwrap_or_default();
        let own = given(options).into_iter().filter(|(key, _)| known.iter().any(|option| option.key == key));
        Selection {
            name: self.name.clone(),
            file: self.file.clone(),
            options: own.collect(),
            precision: options.precision,
            ..Selection::default()
        }
    }
}

/// The options that are set, by key.
pub(crate) fn given(options: &LoadOptions) -> Options {
    let LoadOptions { precision: _, head, task, charge, spin, exact_radial } = options;
    let set = [
        ("head", head.clone()),
        ("task", task.clone()),
        ("charge", charge.map(|charge| charge.to_string())),
        ("spin", spin.map(|spin| spin.to_string())),
        ("exact_radial", exact_radial.then(|| true.to_string())),
    ];
    set.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
