//! The keys, and which of them have an effect here.

use crate::values::{Seconds, Workers};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A configuration of type `multi_mlip_stability`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code, reason = "keys that mean something to other programs are known, so that misspelt ones are not")]
pub(crate) struct Config {
    r#type: String,
    description: String,
    version: String,
    use_ensemble: bool,
    pub(super) mlip_names: Option<Vec<String>>,
    metastable_threshold: f64,
    ensemble_config: Ensemble,
    individual_mlip_config: Individual,
    pub(super) preprocessor_config: Preprocessor,
    reporting: Reporting,
    pub(super) performance_config: Performance,
    pub(super) benchmarking: Benchmarking,
}

/// How metrics treat what succeeded.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code, reason = "for metrics")]
struct Ensemble {
    min_mlips_required: u32,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code, reason = "for metrics")]
struct Individual {
    use_all_available: bool,
    require_all_mlips: bool,
    fallback_to_single: bool,
}

/// What is computed and how.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code, reason = "names and relaxation settings")]
pub(super) struct Preprocessor {
    model_name: String,
    name: String,
    description: String,
    pub(super) mlip_configs: BTreeMap<String, Mlip>,
    pub(super) relax_structures: bool,
    pub(super) relaxation_config: Option<Relaxation>,
    pub(super) calculate_formation_energy: bool,
    calculate_energy_above_hull: bool,
    extract_embeddings: bool,
    pub(super) timeout: Option<Seconds>,
    pub(super) parallel_mlips: Option<bool>,
    pub(super) max_mlip_workers: Option<Workers>,
    pub(super) n_jobs: Option<Workers>,
}

/// One potential.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code, reason = "a checkpoint says which model it is")]
pub(super) struct Mlip {
    model_type: Option<String>,
    device: Option<String>,
    hull_type: Option<String>,
    pub(super) task: Option<String>,
    /// Of this program: the file, relative to that of the configuration.
    pub(super) checkpoint: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Relaxation {
    pub(super) fmax: Option<f64>,
    pub(super) steps: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code, reason = "the tables always hold all of it")]
struct Reporting {
    include_individual_mlip_results: bool,
    include_uncertainty_analysis: bool,
    include_ensemble_summary: bool,
    include_performance_metrics: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code, reason = "always so here")]
pub(super) struct Performance {
    pub(super) enable_parallel_mlips: Option<bool>,
    optimize_memory_usage: bool,
    reduce_tensor_operations: bool,
    cache_models_per_process: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code, reason = "times and speed-ups: timings.csv and bench")]
pub(super) struct Benchmarking {
    enable_performance_tracking: bool,
    pub(super) log_memory_usage: Option<bool>,
    report_speedup_metrics: bool,
}

impl Config {
    /// Checkpoint files start from the folder of the configuration.
    pub(super) fn start_from(&mut self, folder: &Path) {
        for file in self.preprocessor_config.mlip_configs.values_mut().filter_map(|mlip| mlip.checkpoint.as_mut()) {
            *file = folder.join(&*file);
        }
    }

    /// What was asked for and is not done.
    pub(super) fn notes(&self) -> Vec<String> {
        let preprocessor = &self.preprocessor_config;
        let mut notes = Vec::new();
        if preprocessor.relax_structures {
            notes.push(
                "structures are relaxed, as the configuration says; energies.csv and forces.csv are of the structures as they \
                 are (--relax=false leaves it out)"
                    .to_owned(),
            );
        }
        let with_flags = [
            ("calculate_energy_above_hull with --hull", preprocessor.calculate_energy_above_hull),
            ("extract_embeddings with --embeddings", preprocessor.extract_embeddings),
        ];
        let with_flags: Vec<&str> = with_flags.into_iter().filter_map(|(what, asked)| asked.then_some(what)).collect();
        if !with_flags.is_empty() {
            notes.push(format!("done only with flags of their own: {}", with_flags.join(", ")));
        }
        for (name, mlip) in &preprocessor.mlip_configs {
            if let Some(device) = mlip.device.as_deref().filter(|device| *device != "cpu") {
                notes.push(format!("{name} is computed on the CPU, not on `{device}`"));
            }
        }
        notes
    }
}
