//! What a run is: decided once, stored in `RUN/run.toml`, the same for all ranks and attempts.

use mlip_atoms::{Frame, LoadOptions, PotentialId, Request};
use mlip_calculations::{Calculation, CalculationConfig};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// The resolved settings of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Identity of the run, 32 hexadecimal digits; each journal repeats it.
    pub run: String,
    /// Version of the program that began it.
    pub version: String,
    /// The folder in which it was begun: relative paths of the input list start there.
    pub folder: PathBuf,
    /// What is computed. `resume` refuses a change.
    pub physics: Physics,
    /// How it is computed. May differ from attempt to attempt.
    pub resources: Resources,
}

/// All that decides the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Physics {
    /// Cartesian axes of a cell that is given by lengths and angles.
    pub frame: Frame,
    /// What is done with each structure.
    #[serde(default)]
    pub calculation: CalculationConfig,
    /// Whether forces and stress are computed.
    pub forces: bool,
    /// In the order of the tables.
    pub potentials: Vec<PotentialConfig>,
}

/// A potential of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PotentialConfig {
    /// Name in the tables.
    pub name: String,
    /// Which weights, in words.
    pub checkpoint: String,
    /// Digest of the weights.
    pub digest: String,
    /// The choices that change its numbers, in one fixed wording.
    #[serde(default)]
    pub settings: String,
    /// Checkpoint file; none for built-in weights. It may move: the digest tells.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// How it is loaded.
    pub options: LoadOptions,
}

/// All that decides time and memory, not numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// Structures in flight on a rank; by default the cores of the rank divided by the other two.
    pub structure_workers: Option<usize>,
    /// Potentials at once for one structure, at most.
    pub mlip_workers: Option<usize>,
    /// All potentials of a structure at once, as far as cores and `mlip_workers` allow (true), or one after the other.
    pub parallel_mlips: Option<bool>,
    /// Threads inside one evaluation.
    pub threads_per_mlip: Option<usize>,
    /// Whether more threads than cores are granted.
    pub oversubscribe: bool,
    /// Structures handed out to a rank at a time, at most.
    pub batch_size: Option<usize>,
    /// Limit of one evaluation, seconds; none by default.
    pub timeout_s: Option<f64>,
    /// Limit of all evaluations of one structure together, seconds; none by default.
    pub structure_timeout_s: Option<f64>,
    /// Memory of a rank, weights included, bytes; by default that of job or machine, divided by its ranks.
    pub memory_bytes: Option<u64>,
    /// Whether memory is sampled every second and told of.
    pub monitor_memory: bool,
    /// Deaths after which a structure is given up; 0 means never.
    pub max_crashes: u32,
    /// Longest wait for evaluations in flight after a signal, seconds.
    pub drain_s: f64,
    /// Time between syncs of the journals to disk, seconds.
    pub sync_s: f64,
    /// Time between memory samples, seconds.
    pub sample_s: f64,
    /// Tables as `.csv.zst`.
    pub compress: bool,
    /// Folder of results that runs share; none by default.
    pub cache: Option<PathBuf>,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            structure_workers: None,
            mlip_workers: None,
            parallel_mlips: None,
            threads_per_mlip: None,
            oversubscribe: false,
            batch_size: None,
            timeout_s: None,
            structure_timeout_s: None,
            memory_bytes: None,
            monitor_memory: false,
            max_crashes: 3,
            drain_s: 20.0,
            sync_s: 5.0,
            sample_s: 10.0,
            compress: false,
            cache: None,
        }
    }
}

impl PotentialConfig {
    /// Of a loaded potential.
    pub fn new(id: &PotentialId, file: Option<PathBuf>, options: LoadOptions) -> Self {
        Self {
            name: id.name.clone(),
            checkpoint: id.checkpoint.clone(),
            digest: id.digest.clone(),
            settings: id.settings.clone(),
            file,
            options: LoadOptions { precision: id.precision, ..options },
        }
    }

    /// Its identity in task keys and tables.
    pub fn id(&self) -> PotentialId {
        PotentialId {
            name: self.name.clone(),
            checkpoint: self.checkpoint.clone(),
            digest: self.digest.clone(),
            precision: self.options.precision,
            settings: self.settings.clone(),
        }
    }
}

impl Physics {
    /// What potentials are asked for.
    pub fn request(&self) -> Request {
        Request { forces: self.forces, atom_features: false }
    }

    /// Identities of the potentials, in the order of the tables.
    pub fn potential_ids(&self) -> Vec<PotentialId> {
        self.potentials.iter().map(PotentialConfig::id).collect()
    }

    /// The canonical text of all that changes a result beside structure and potential: part of each
    /// task key, so it must never be worded differently.
    pub fn settings(&self) -> String {
        self.calculation().key()
    }

    /// What is done with each structure.
    pub fn calculation(&self) -> Arc<dyn Calculation> {
        self.calculation.build(self.request())
    }

    /// What would change if a run begun with `self` went on with `wanted`: one sentence, or nothing.
    pub fn changes(&self, wanted: &Self) -> Option<String> {
        let mut changes = Vec::new();
        if self.frame != wanted.frame {
            changes.push(format!("the Cartesian frame was {:?} and would become {:?}", self.frame, wanted.frame));
        }
        if self.forces != wanted.forces {
            let word = |on| if on { "computed" } else { "left out" };
            changes.push(format!("forces were {} and would be {}", word(self.forces), word(wanted.forces)));
        }
        if self.calculation != wanted.calculation {
            changes.push(format!("the calculation was {} and would become {}", self.settings(), wanted.settings()));
        }
        let names = |physics: &Self| {
            physics.potentials.iter().map(|potential| potential.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        if names(self) != names(wanted) {
            changes.push(format!("the potentials were {} and would become {}", names(self), names(wanted)));
        } else {
            for (old, new) in self.potentials.iter().zip(&wanted.potentials) {
                let (was, would) = (old.options.precision, new.options.precision);
                if was != would {
                    changes.push(format!("{} ran in {was} and would run in {would}", old.name));
                }
                if old.settings != new.settings {
                    let (was, would) = (&old.settings, &new.settings);
                    changes.push(format!("{} ran with `{was}` and would run with `{would}`", old.name));
                }
                if old.digest != new.digest {
                    changes.push(format!(
                        "the weights of {} were {} (digest {}) and would become {} (digest {})",
                        old.name,
                        old.checkpoint,
                        short(&old.digest),
                        new.checkpoint,
                        short(&new.digest)
                    ));
                }
            }
        }
        (!changes.is_empty()).then(|| changes.join("; "))
    }
}

/// The first digits of a digest: enough for a person to tell two apart.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::Precision;

    fn physics() -> Physics {
        let potential = PotentialConfig {
            name: "chgnet".into(),
            checkpoint: "chgnet-0.3.0 (built in)".into(),
            digest: "0123456789abcdef".into(),
            settings: String::new(),
            file: None,
            options: LoadOptions::default(),
        };
        Physics {
            frame: Frame::Pymatgen,
            calculation: CalculationConfig::SinglePoint,
            forces: true,
            potentials: vec![potential],
        }
    }

    #[test]
    fn equal_physics_changes_nothing_even_if_the_file_moved() {
        let mut moved = physics();
        moved.potentials[0].file = Some("/elsewhere".into());
        assert_eq!(physics().changes(&moved), None);
    }

    #[test]
    fn every_change_of_physics_is_named() {
        let said = |change: fn(&mut Physics)| {
            let mut wanted = physics();
            change(&mut wanted);
            physics().changes(&wanted).unwrap()
        };
        assert!(said(|p| p.frame = Frame::Ase).contains("frame was Pymatgen and would become Ase"));
        assert!(said(|p| p.forces = false).contains("forces were computed and would be left out"));
        assert!(
            said(|p| p.potentials[0].options.precision = Precision::F64)
                .contains("chgnet ran in f32 and would run in f64")
        );
        assert!(
            said(|p| p.potentials[0].settings = "head=b".into())
                .contains("chgnet ran with `` and would run with `head=b`")
        );
        assert!(said(|p| p.potentials[0].digest = "ffff".into()).contains("digest 0123456789ab"));
        assert!(said(|p| p.potentials.clear()).contains("potentials were chgnet and would become "));
    }

    #[test]
    fn settings_survive_their_file() {
        let config = RunConfig {
            run: "00".repeat(16),
            version: "0.1.0".into(),
            folder: "/home".into(),
            physics: physics(),
            resources: Resources { timeout_s: Some(2.5), ..Resources::default() },
        };
        let folder = tempfile::tempdir().unwrap();
        mlip_store::write_run_file(folder.path(), &config).unwrap();
        assert_eq!(mlip_store::read_run_file::<RunConfig>(folder.path()).unwrap(), config);
    }
}
