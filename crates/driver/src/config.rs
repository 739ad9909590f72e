//! What a run is: decided once, stored in `RUN/run.toml`, the same for all ranks and attempts.

use crate::potential_config::PotentialConfig;
use mlip_atoms::{Frame, PotentialId, Request};
use mlip_calculations::{Calculation, CalculationConfig, Embeddings};
use mlip_formats::cif::Coordinates;
use mlip_store::report::{LabeledPotential, ReportFormat, ReportOptions, ReportPlan, StabilitySources};
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
    /// What the stability of structures is measured by, in the tables.
    #[serde(default)]
    pub stability: StabilitySources,
    /// Which part of a list it computes; a run of its own computes all.
    #[serde(default)]
    pub part: Option<PartOf>,
}

/// Which part of a list a run computes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartOf {
    /// Number, from 1.
    pub number: u32,
    /// Parts of the list.
    pub of: u32,
    /// Entries of the list before the part.
    pub first: u64,
    /// Entries of the whole list.
    pub entries: u64,
    /// Digest of what the whole list names, 32 hexadecimal digits.
    pub list: String,
}

/// All that decides the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Physics {
    /// Cartesian axes of a cell that is given by lengths and angles.
    pub frame: Frame,
    /// What becomes of rounded fractional coordinates of CIFs.
    #[serde(default)]
    pub coordinates: Coordinates,
    /// What is done with each structure.
    #[serde(default)]
    pub calculation: CalculationConfig,
    /// Whether atoms on top of each other are computed.
    #[serde(default)]
    pub allow_overlap: bool,
    /// Whether forces and stress are computed.
    pub forces: bool,
    /// What is kept of the features of atoms.
    #[serde(default)]
    pub embeddings: Embeddings,
    /// In the order of the tables.
    pub potentials: Vec<PotentialConfig>,
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
    /// From the beginning of a structure to the end of all that is done with it, waiting included, seconds; none by default.
    pub structure_timeout_s: Option<f64>,
    /// Memory of a rank, weights included, bytes; by default that of job or machine, divided by its ranks.
    pub memory_bytes: Option<u64>,
    /// Whether memory is sampled every second and reported.
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
    /// What the report is written as beside its tables.
    pub formats: Vec<ReportFormat>,
    /// Whether tables hold the space groups of the structures as they were read.
    pub space_groups: bool,
    /// Part of the entries that may be unreadable, and of the evaluations that may fail, before the run is stopped; no
    /// limit by default.
    pub max_failure_rate: Option<f64>,
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
            formats: Vec::new(),
            space_groups: false,
            max_failure_rate: None,
            cache: None,
        }
    }
}

/// A number in `run.toml` with which nothing can be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{setting} is {value}, expected {expected}")]
pub struct ImpossibleSetting {
    setting: &'static str,
    value: f64,
    expected: &'static str,
}

impl Resources {
    /// Refuses what no clock or pool can do: `run.toml` may have been edited.
    ///
    /// # Errors
    /// Names the first such setting.
    pub fn validate(&self) -> Result<(), ImpossibleSetting> {
        let seconds = [
            ("timeout_s", self.timeout_s),
            ("structure_timeout_s", self.structure_timeout_s),
            ("drain_s", Some(self.drain_s)),
            ("sync_s", Some(self.sync_s)),
            ("sample_s", Some(self.sample_s)),
        ];
        for (setting, value) in seconds {
            // Three hundred years: what clocks can add without overflow.
            if let Some(value) = value.filter(|value| !(0.0..=1e10).contains(value)) {
                return Err(ImpossibleSetting { setting, value, expected: "seconds, 0 to 1e10" });
            }
        }
        if let Some(value) = self.max_failure_rate.filter(|rate| !(0.0..=1.0).contains(rate)) {
            let setting = "max_failure_rate";
            return Err(ImpossibleSetting { setting, value, expected: "a part, 0 to 1" });
        }
        let counts = [
            ("structure_workers", self.structure_workers),
            ("mlip_workers", self.mlip_workers),
            ("threads_per_mlip", self.threads_per_mlip),
            ("batch_size", self.batch_size),
        ];
        match counts.into_iter().find(|(_, value)| *value == Some(0)) {
            Some((setting, _)) => Err(ImpossibleSetting { setting, value: 0.0, expected: "1 or more" }),
            None => Ok(()),
        }
    }
}

impl RunConfig {
    /// What the report of the run is about.
    pub fn report_plan(&self) -> ReportPlan {
        ReportPlan {
            potentials: self.physics.labeled_potentials(),
            settings: self.physics.settings(),
            calculation: self.physics.calculation,
            embeddings: self.physics.embeddings,
            stability: self.stability.clone(),
            options: ReportOptions {
                compress: self.resources.compress,
                formats: self.resources.formats.clone(),
                space_groups: self.resources.space_groups,
            },
        }
    }
}

impl Physics {
    /// What potentials are asked for.
    pub fn request(&self) -> Request {
        self.embeddings.request(self.forces)
    }

    /// Identities of the potentials, in the order of the tables.
    pub fn potential_ids(&self) -> Vec<PotentialId> {
        self.potentials.iter().map(PotentialConfig::id).collect()
    }

    /// The potentials under their labels, in the order of the tables.
    pub fn labeled_potentials(&self) -> Vec<LabeledPotential> {
        let labeled = |config: &PotentialConfig| LabeledPotential { label: config.label.clone(), id: config.id() };
        self.potentials.iter().map(labeled).collect()
    }

    /// The canonical text of all that changes a result beside structure and potential: part of each
    /// task key, so it must never be worded differently.
    pub fn settings(&self) -> String {
        self.calculation().key()
    }

    /// What is done with each structure.
    pub fn calculation(&self) -> Arc<dyn Calculation> {
        self.calculation.build(self.forces, self.embeddings)
    }

    /// What would change if a run begun with `self` went on with `wanted`: one sentence, or nothing.
    pub fn changes(&self, wanted: &Self) -> Option<String> {
        let mut changes = Vec::new();
        if self.frame != wanted.frame {
            changes.push(format!("the Cartesian frame was {:?} and would become {:?}", self.frame, wanted.frame));
        }
        if self.coordinates != wanted.coordinates {
            let (old, new) = (self.coordinates.name(), wanted.coordinates.name());
            changes.push(format!("coordinates were read as `{old}` and would be read as `{new}`"));
        }
        if self.forces != wanted.forces {
            let word = |on| if on { "computed" } else { "left out" };
            changes.push(format!("forces were {} and would be {}", word(self.forces), word(wanted.forces)));
        }
        if self.allow_overlap != wanted.allow_overlap {
            let word = |on| if on { "computed" } else { "refused" };
            let (old, new) = (word(self.allow_overlap), word(wanted.allow_overlap));
            changes.push(format!("atoms on top of each other were {old} and would be {new}"));
        }
        if self.embeddings != wanted.embeddings {
            let (old, new) = (self.embeddings.name(), wanted.embeddings.name());
            changes.push(format!("the embeddings kept were `{old}` and would be `{new}`"));
        }
        if self.calculation != wanted.calculation {
            changes.push(format!("the calculation was {} and would become {}", self.settings(), wanted.settings()));
        }
        let labels = |physics: &Self| {
            physics.potentials.iter().map(|potential| potential.label.as_str()).collect::<Vec<_>>().join(", ")
        };
        if labels(self) == labels(wanted) {
            for (old, new) in self.potentials.iter().zip(&wanted.potentials) {
                old.changes(new, &mut changes);
            }
        } else {
            changes.push(format!("the potentials were {} and would become {}", labels(self), labels(wanted)));
        }
        (!changes.is_empty()).then(|| changes.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::{EngineKind, Precision};
    use mlip_store::report::{HullSource, ReferenceSource};
    use std::collections::BTreeMap;

    fn physics() -> Physics {
        let id = PotentialId {
            name: "chgnet".into(),
            checkpoint: "chgnet-0.3.0 (built in)".into(),
            digest: "0123456789abcdef".into(),
            precision: Precision::F32,
            settings: String::new(),
        };
        let potential = PotentialConfig::new("mine".into(), &id, None, EngineKind::Native, BTreeMap::new());
        Physics {
            frame: Frame::Pymatgen,
            coordinates: Coordinates::File,
            calculation: CalculationConfig::SinglePoint,
            allow_overlap: false,
            forces: true,
            embeddings: Embeddings::None,
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
        assert!(said(|p| p.coordinates = Coordinates::Pymatgen).contains("as `file` and would be read as `pymatgen`"));
        assert!(said(|p| p.forces = false).contains("forces were computed and would be left out"));
        assert!(said(|p| p.allow_overlap = true).contains("were refused and would be computed"));
        assert!(said(|p| p.embeddings = Embeddings::Graph).contains("were `none` and would be `graph`"));
        assert!(said(|p| p.potentials[0].precision = Precision::F64).contains("mine ran in f32 and would run in f64"));
        assert!(
            said(|p| p.potentials[0].settings = "head=b".into())
                .contains("mine ran with `` and would run with `head=b`")
        );
        assert!(
            said(|p| p.potentials[0].engine = EngineKind::Candle)
                .contains("mine ran on the engine native and would run on candle")
        );
        assert!(said(|p| p.potentials[0].name = "orb".into()).contains("mine was the model chgnet and would be orb"));
        assert!(said(|p| p.potentials[0].digest = "ffff".into()).contains("digest 0123456789ab"));
        assert!(said(|p| p.potentials.clear()).contains("potentials were mine and would become "));
    }

    #[test]
    fn impossible_numbers_are_refused() {
        assert_eq!(Resources::default().validate(), Ok(()));
        let said = |resources: Resources| resources.validate().unwrap_err().to_string();
        let resources = Resources { timeout_s: Some(f64::NAN), ..Resources::default() };
        assert_eq!(said(resources), "timeout_s is NaN, expected seconds, 0 to 1e10");
        let resources = Resources { max_failure_rate: Some(10.0), ..Resources::default() };
        assert_eq!(said(resources), "max_failure_rate is 10, expected a part, 0 to 1");
        let resources = Resources { batch_size: Some(0), ..Resources::default() };
        assert_eq!(said(resources), "batch_size is 0, expected 1 or more");
    }

    #[test]
    fn settings_survive_their_file() {
        let config = RunConfig {
            run: "00".repeat(16),
            version: "0.1.0".into(),
            folder: "/home".into(),
            physics: physics(),
            resources: Resources { timeout_s: Some(2.5), ..Resources::default() },
            stability: StabilitySources {
                mismatch: Some(mlip_store::report::HullMismatch::Allow),
                reference: Some(ReferenceSource::Genbench),
                hulls: vec![HullSource { label: None, file: "/entries.csv".into(), energy: "energy".into() }],
            },
            part: Some(PartOf { number: 2, of: 3, first: 4, entries: 9, list: "ab".repeat(16) }),
        };
        let folder = tempfile::tempdir().unwrap();
        mlip_store::write_run_file(folder.path(), &config).unwrap();
        assert_eq!(mlip_store::read_run_file::<RunConfig>(folder.path()).unwrap(), config);
    }

    /// Begun by version 0.1.0 with `--model lennard-jones chgnet --dtype f64`.
    const OLDER: &str = include_str!("../tests/older_run.toml");

    #[test]
    fn the_settings_of_an_older_run_keep_their_identities() {
        let config: RunConfig = toml::from_str(OLDER).unwrap();
        let potentials = &config.physics.potentials;
        let labels: Vec<&str> = potentials.iter().map(|potential| potential.label.as_str()).collect();
        assert_eq!(labels, ["lennard-jones", "chgnet"]);
        assert!(potentials.iter().all(|potential| potential.precision == Precision::F64));
        assert!(
            potentials.iter().all(|potential| potential.engine == EngineKind::Native && potential.options.is_empty())
        );
        assert_eq!(potentials[1].id().name, "chgnet");
        assert_eq!(potentials[1].id().checkpoint, "chgnet-0.3.0 (built in)");
    }

    #[test]
    fn options_of_an_older_run_are_those_that_were_set() {
        let text = OLDER.replacen(
            "exact_radial = false",
            "exact_radial = true\nhead = \"b\"\ntask = \"omol\"\ncharge = -1\nspin = 2",
            1,
        );
        let config: RunConfig = toml::from_str(&text).unwrap();
        let options = &config.physics.potentials[0].options;
        let options: Vec<(&str, &str)> = options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            options,
            [("charge", "-1"), ("exact_radial", "true"), ("head", "b"), ("spin", "2"), ("task", "omol")]
        );
    }

    #[test]
    fn ranks_send_each_other_what_the_file_holds() {
        let config: RunConfig = toml::from_str(OLDER).unwrap();
        let bytes = postcard::to_stdvec(&config).unwrap();
        assert_eq!(postcard::from_bytes::<RunConfig>(&bytes).unwrap(), config);
        assert_eq!(toml::from_str::<RunConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn an_unknown_setting_of_a_potential_is_named() {
        let text = OLDER.replacen("checkpoint =", "chekpoint =", 1);
        let error = toml::from_str::<RunConfig>(&text).unwrap_err().to_string();
        assert!(error.contains("chekpoint"), "{error}");
    }
}
