//! A configuration in the settings of this program.

use super::keys::Config;
use crate::potentials::Named;
use crate::settings::{How, JobFile, What};
use crate::stability::ReferenceName;
use crate::values::{RelaxPreset, Seconds};
use mlip_models::registry;
use mlip_store::report::ReferenceSource;

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
        let potentials: Vec<Named> = potentials.collect();
        // Upstream's limit is for all that one potential does with a structure; here the structure has one for all of them.
        let n_potentials = potentials.len() as f64;
        let structure_timeout = preprocessor
            .timeout
            .filter(|_| preprocessor.relax_structures)
            .map(|Seconds(limit)| Seconds(limit * n_potentials));
        let how = How {
            timeout: preprocessor.timeout,
            structure_timeout,
            structure_workers: preprocessor.n_jobs,
            max_mlip_workers: preprocessor.max_mlip_workers,
            parallel_mlips: preprocessor.parallel_mlips.or(self.performance_config.enable_parallel_mlips),
            monitor_memory: self.benchmarking.log_memory_usage,
            ..How::default()
        };
        let reference = preprocessor.calculate_formation_energy.then_some(ReferenceName(ReferenceSource::Genbench));
        let relaxation = preprocessor.relaxation_config.unwrap_or_default();
        let what = match preprocessor.relax_structures {
            true => What {
                reference,
                relax: Some(true),
                relax_preset: Some(RelaxPreset::Genbench),
                fmax: relaxation.fmax,
                max_steps: relaxation.steps,
                ..What::default()
            },
            false => What { reference, ..What::default() },
        };
        let job = JobFile { what, how, potentials, is_preset: true, ..JobFile::default() };
        (job, notes)
    }
}
