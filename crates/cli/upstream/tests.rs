use super::*;
use crate::args::{PresetArgs, RunArgs};
use crate::error::CommandError;
use crate::potentials::Named;
use crate::settings::{Settings, What};
use crate::values::{Seconds, Workers};

/// The keys and values of upstream's optimized configuration, in YAML.
const YAML: &str = "
type: multi_mlip_stability
use_ensemble: true  # comments are allowed
mlip_names:
  - orb
  - mace
  - uma
preprocessor_config:
  mlip_configs:
    mace: {model_type: mp, device: cuda, checkpoint: weights/m.model}
    uma:
      task: omat
  relax_structures: true
  timeout: 300
  parallel_mlips: true
  max_mlip_workers: 3
  n_jobs: 4
benchmarking:
  log_memory_usage: true
";

fn run(text: &str, name: &str) -> (tempfile::TempDir, Result<Settings, CommandError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let config = Some(path.to_string_lossy().into_owned());
    let settings = Settings::of_run(&RunArgs { preset: PresetArgs { config }, ..RunArgs::default() });
    (folder, settings)
}

#[test]
fn a_yaml_file_of_upstream_is_read_as_it_is() {
    let (folder, settings) = run(YAML, "mine.yaml");
    let settings = settings.unwrap();
    let potentials = &settings.potentials;
    let found: Vec<_> = potentials.iter().map(|one| (one.label.as_str(), one.selection.file.clone())).collect();
    let file = folder.path().join("weights/m.model");
    assert_eq!(found, [("orb", None), ("mace", Some(file)), ("uma", None)]);
    assert_eq!(potentials[2].selection.options["task"], "omat");
    assert!(potentials[0].selection.options.is_empty() && potentials[1].selection.options.is_empty());
    assert_eq!(settings.resources.timeout_s, Some(300.0));
    assert_eq!(settings.resources.structure_workers, Some(4));
    assert_eq!(settings.resources.mlip_workers, Some(3));
    assert_eq!(settings.resources.parallel_mlips, Some(true));
    assert!(settings.resources.monitor_memory);
    assert_eq!(settings.notes.len(), 2, "{:?}", settings.notes);
    assert!(settings.notes[0].contains("structures are relaxed") && !settings.notes[0].contains("embeddings"));
    assert!(settings.notes[1].contains("mace is computed on the CPU, not on `cuda`"));
}

#[test]
fn potentials_that_are_typed_take_the_options_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    std::fs::write(&path, YAML.replace("task: omat", "task: omol")).unwrap();
    let options = |models: &[&str]| {
        let config = Some(path.to_string_lossy().into_owned());
        let what = What { models: models.iter().map(|text| (*text).to_owned()).collect(), ..What::default() };
        let args = RunArgs { preset: PresetArgs { config }, what, ..RunArgs::default() };
        Settings::of_run(&args).unwrap().potentials.remove(0).selection.options
    };
    assert_eq!(options(&["uma=u.pt"])["task"], "omol");
    assert_eq!(options(&["uma=u.pt,task=omat"])["task"], "omat");
    assert!(options(&["other:uma=u.pt"]).is_empty());
}

#[test]
fn unknown_keys_and_other_types_are_named() {
    let said = |text: &str, name: &str| format!("{:?}", run(text, name).1.unwrap_err());
    let message = said(&YAML.replace("max_mlip_workers", "max_mlip_wrokers"), "a.yaml");
    assert!(message.contains("max_mlip_wrokers"), "{message}");
    assert!(said("mlip_name = []\n", "a.toml").contains("mlip_name"));
    let message = said("type: validity\ncharge_tolerance: 0.1\n", "a.yml");
    assert!(message.contains("`validity`, which computes no potentials"), "{message}");
    let message = format!("{:?}", read("validity").unwrap_err());
    assert!(message.contains("known are multi_mlip_stability, multi_mlip_stability_optimized"), "{message}");
}

#[test]
fn the_configurations_in_the_program_have_upstreams_defaults() {
    let job = |name: &str| read(name).unwrap().into_job().0;
    let (plain, optimized) = (job("multi_mlip_stability"), job("multi_mlip_stability_optimized"));
    for job in [&plain, &optimized] {
        let expected = ["orb", "mace", "uma,task=omat"].map(|text| Named::parse(text).unwrap());
        assert_eq!(job.potentials, expected);
        assert_eq!(job.how.timeout, Some(Seconds(300.0)));
    }
    assert_eq!(plain.how.structure_workers, None);
    assert_eq!(optimized.how.structure_workers.and_then(Workers::number), Some(4));
    assert_eq!(optimized.how.max_mlip_workers.and_then(Workers::number), Some(3));
    assert_eq!(optimized.how.parallel_mlips, Some(true));
}
