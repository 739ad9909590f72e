use super::*;
use crate::args::{RunArgs, WhatArgs, Workers};
use crate::settings::Settings;

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

fn run(text: &str, name: &str) -> (tempfile::TempDir, Result<Settings, Complaint>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let config = Some(path.to_string_lossy().into_owned());
    let settings =
        Settings::of_run(&RunArgs { what: WhatArgs { config, ..WhatArgs::default() }, ..RunArgs::default() });
    (folder, settings)
}

#[test]
fn a_yaml_file_of_upstream_is_read_as_it_is() {
    let (folder, settings) = run(YAML, "mine.yaml");
    let settings = settings.unwrap();
    let models: Vec<_> = settings.models.iter().map(|model| (model.name.as_str(), model.file.clone())).collect();
    let file = folder.path().join("weights/m.model");
    assert_eq!(models, [("orb", None), ("mace", Some(file)), ("uma", None)]);
    assert_eq!(settings.options.task.as_deref(), Some("omat"));
    assert_eq!(settings.resources.timeout_s, Some(300.0));
    assert_eq!(settings.resources.structure_workers, Some(4));
    assert_eq!(settings.resources.mlip_workers, Some(3));
    assert_eq!(settings.resources.parallel_mlips, Some(true));
    assert!(settings.resources.monitor_memory);
    assert_eq!(settings.notes.len(), 2, "{:?}", settings.notes);
    assert!(settings.notes[0].contains("relax_structures") && !settings.notes[0].contains("embeddings"));
    assert!(settings.notes[1].contains("mace is computed on the CPU, not on `cuda`"));
}

#[test]
fn unknown_keys_and_other_types_are_named() {
    let said = |text: &str, name: &str| format!("{:?}", run(text, name).1.unwrap_err());
    let complaint = said(&YAML.replace("max_mlip_workers", "max_mlip_wrokers"), "a.yaml");
    assert!(complaint.contains("max_mlip_wrokers"), "{complaint}");
    assert!(said("mlip_name = []\n", "a.toml").contains("mlip_name"));
    let complaint = said("type: validity\ncharge_tolerance: 0.1\n", "a.yml");
    assert!(complaint.contains("`validity`, which computes no potentials"), "{complaint}");
    let complaint = format!("{:?}", read("validity").unwrap_err());
    assert!(complaint.contains("known are multi_mlip_stability, multi_mlip_stability_optimized"), "{complaint}");
}

#[test]
fn the_configurations_in_the_program_have_upstreams_defaults() {
    let job = |name: &str| read(name).unwrap().into_job().0;
    let (plain, optimized) = (job("multi_mlip_stability"), job("multi_mlip_stability_optimized"));
    for job in [&plain, &optimized] {
        assert_eq!(job.models, ["orb", "mace", "uma"]);
        assert_eq!(job.timeout, Some(300.0));
        assert_eq!(job.task.as_deref(), Some("omat"));
    }
    assert_eq!(plain.structure_workers, None);
    assert_eq!(optimized.structure_workers, Some(Workers::Number(4)));
    assert_eq!(optimized.max_mlip_workers, Some(Workers::Number(3)));
    assert_eq!(optimized.parallel_mlips, Some(true));
}
