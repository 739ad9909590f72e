//! Settings of LeMat-GenBench's multi-MLIP preprocessor, as its YAML files hold them.
//!
//! Keys are those of `src/config/multi_mlip_stability.yaml` and `multi_mlip_stability_optimized.yaml`; a TOML file may
//! hold the same. `docs/migrating.md` has the table old → new.

mod keys;

use crate::error::CommandError;
use crate::potentials::Named;
use crate::settings::{How, JobFile, is_yaml};
pub(crate) use keys::Config;
use mlip_models::registry;
use std::path::Path;

/// The configurations that are in the program.
const BUILT_IN: [(&str, &str); 2] = [
    ("multi_mlip_stability", include_str!("../../../configs/multi_mlip_stability.toml")),
    ("multi_mlip_stability_optimized", include_str!("../../../configs/multi_mlip_stability_optimized.toml")),
];

/// The one type of configuration that computes potentials.
const TYPE: &str = "multi_mlip_stability";

/// Reads a configuration by its name, or a file.
pub(crate) fn read(config: &str) -> Result<Config, CommandError> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(name, _)| *name == config) {
        return parse(text, false).map_err(|message| CommandError::new(message).usage());
    }
    let path = Path::new(config);
    let what = || format!("cannot read the configuration `{config}`");
    if path.extension().is_none() && !path.exists() {
        let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        return Err(CommandError::new(format!("there is no configuration `{config}`; known are {}", known.join(", ")))
            .hint(
                "name a .yaml or .toml file; validity, distribution and the like are benchmarks of LeMat-GenBench that \
                 read what this program computes",
            )
            .usage());
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| CommandError::from_error(&error).while_doing(what()).usage())?;
    let mut config = parse(&text, is_yaml(path)).map_err(|message| {
        CommandError::new(message)
            .while_doing(what())
            .hint("docs/migrating.md lists the keys that are known; remove or correct the others")
            .usage()
    })?;
    config.start_from(path.parent().unwrap_or(Path::new("")));
    Ok(config)
}

/// What is wrong, as a sentence that names the key.
fn parse(text: &str, is_yaml: bool) -> Result<Config, String> {
    /// Only the type: files of other types have other keys.
    #[derive(serde::Deserialize)]
    struct OfType {
        r#type: Option<String>,
    }
    let found = if is_yaml {
        serde_yaml_ng::from_str::<OfType>(text).map_err(|error| error.to_string())?
    } else {
        toml::from_str::<OfType>(text).map_err(|error| error.to_string())?
    };
    match found.r#type {
        Some(other) if other != TYPE => Err(format!(
            "its type is `{other}`, which computes no potentials; expected `{TYPE}`: such benchmarks read what this \
             program computes"
        )),
        _ if is_yaml => serde_yaml_ng::from_str(text).map_err(|error| error.to_string()),
        _ => toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned()),
    }
}

impl Config {
    /// The same in the settings of this program, and what has no effect.
    pub(crate) fn into_job(self) -> (JobFile, Vec<String>) {
        let notes = self.notes();
        let preprocessor = self.preprocessor_config;
        let models: Vec<String> =
            self.mlip_names.unwrap_or_else(|| preprocessor.mlip_configs.keys().cloned().collect());
        let potentials = models.into_iter().map(|name| {
            let config = preprocessor.mlip_configs.get(&name);
            let file = config.and_then(|config| config.checkpoint.clone());
            let task = config.and_then(|config| config.task.clone());
            // Upstream's preprocessor writes a task for potentials that know none, too.
            let has = |key| registry::find(&name).is_some_and(|entry| entry.options.iter().any(|o| o.key == key));
            let task = task.filter(|_| has("task")).map(|task| ("task".to_owned(), task));
            Named::new(name, file, task.into_iter().collect())
        });
        let potentials = potentials.collect();
        let how = How {
            timeout: preprocessor.timeout,
            structure_workers: preprocessor.n_jobs,
            max_mlip_workers: preprocessor.max_mlip_workers,
            parallel_mlips: preprocessor.parallel_mlips.or(self.performance_config.enable_parallel_mlips),
            monitor_memory: self.benchmarking.log_memory_usage,
            ..How::default()
        };
        let job = JobFile { how, potentials, is_preset: true, ..JobFile::default() };
        (job, notes)
    }
}

#[cfg(test)]
mod tests;
