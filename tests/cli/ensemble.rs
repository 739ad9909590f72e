//! Several potentials, and everything that users of other preprocessors type.

use crate::support::{crystals, run, said, tables};
use std::path::Path;

const TWO: [&str; 3] = ["--model", "chgnet", "lennard-jones"];

fn ends_well(arguments: &[&str], folder: &Path) -> String {
    let output = run(arguments, folder);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    said(&output)
}

fn report(folder: &Path, run: &str, table: &str) -> String {
    std::fs::read_to_string(folder.join(run).join("report").join(table)).unwrap()
}

#[test]
fn an_ensemble_has_means_of_energies_forces_and_stresses() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 3, 1);
    ends_well(&[&["run", "--cifs", "cifs", "--out", "A"], &TWO[..]].concat(), folder.path());
    let text = report(folder.path(), "A", "ensemble.csv");
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let columns = table.headers().unwrap().clone();
    let row = table.records().map(Result::unwrap).find(|row| &row[0] == "salt-0001").unwrap();
    let number = |name: &str| -> f64 {
        let column = columns.iter().position(|column| column == name);
        row[column.unwrap_or_else(|| panic!("{name} is missing in {columns:?}"))].parse().unwrap()
    };
    for quantity in ["energy", "max_force"] {
        let (a, b) = (number(&format!("{quantity}_chgnet")), number(&format!("{quantity}_lennard-jones")));
        assert!((number(&format!("{quantity}_mean")) - 0.5 * (a + b)).abs() <= 1e-12 * (a.abs() + b.abs()));
        assert!((number(&format!("{quantity}_std")) - 0.5 * (a - b).abs()).abs() <= 1e-12 * (a.abs() + b.abs()));
        assert_eq!(number(&format!("{quantity}_n_mlips")), 2.0);
    }
    assert!(number("stress_xy_std") >= 0.0 && number("stress_n_mlips") == 2.0);
    let forces = report(folder.path(), "A", "forces_ensemble.csv");
    // Three crystals of eight atoms, and the twin of the first.
    assert_eq!(forces.lines().count(), 1 + 4 * 8);
    assert!(forces.lines().nth(1).unwrap().ends_with(",2"), "{forces}");
    ends_well(&["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "B"], folder.path());
    assert!(!folder.path().join("B/report/forces_ensemble.csv").exists());
}

#[test]
fn a_configuration_of_lemat_genbench_and_its_flags_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 6, 1);
    ends_well(&[&["run", "--cifs", "cifs", "--out", "plain"], &TWO[..]].concat(), folder.path());
    let yaml = "type: multi_mlip_stability\nmlip_names: [chgnet, lennard-jones]\npreprocessor_config:\n  \
                relax_structures: true\n  timeout: 300\n  n_jobs: 4\n";
    std::fs::write(folder.path().join("mine.yaml"), yaml).unwrap();
    let flags = ["--max-mlip-workers", "3", "--batch-size", "2", "--monitor-memory", "--parallel-mlips"];
    let arguments = [&["run", "--cifs", "cifs", "--config", "mine.yaml", "--name", "mine"], &flags[..]].concat();
    let text = ends_well(&arguments, folder.path());
    assert!(text.contains("structures are relaxed, as the configuration says"), "{text}");
    assert!(text.contains("memory on ") && !text.contains(": 0 MB resident"), "{text}");
    let same = |names: &[&str]| {
        for name in names {
            let [mine, plain] = ["runs/mine", "plain"]
                .map(|run| std::fs::read_to_string(folder.path().join(run).join("report").join(name)).unwrap());
            assert_eq!(mine, plain, "{name}");
        }
    };
    // Energies are of the structures as they are; what was relaxed stands apart.
    same(&["energies.csv", "forces.csv", "failures.csv", "warnings.csv"]);
    assert!(folder.path().join("runs/mine/report/relaxation.csv").is_file());
    let without = [&arguments[..5], &["--name", "without", "--relax=false"]].concat();
    ends_well(&without, folder.path());
    assert_eq!(tables(&folder.path().join("runs/without")), tables(&folder.path().join("plain")));
    let output = run(&["run", "--cifs", "cifs", "--config", "validity"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("known are multi_mlip_stability"), "{}", said(&output));
}

#[test]
fn a_structure_over_its_time_fails_for_all_its_potentials() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    ends_well(&[&["run", "--cifs", "cifs", "--structure-timeout", "0"], &TWO[..]].concat(), folder.path());
    let failures = report(folder.path(), "RUN", "failures.csv");
    let of = |name: &str| failures.lines().filter(|line| line.contains(name) && line.contains(",timeout,")).count();
    assert_eq!((of(",chgnet,"), of(",lennard-jones,")), (3, 3), "{failures}");
}

#[test]
fn what_does_not_fit_into_the_memory_of_a_rank_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    let text = ends_well(&["run", "--cifs", "cifs", "--model", "lennard-jones", "--memory-limit", "1"], folder.path());
    assert!(text.contains("leaves little room"), "{text}");
    assert!(report(folder.path(), "RUN", "failures.csv").contains(",too_large,"));
}

#[test]
fn a_second_run_takes_its_results_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 4, 1);
    let arguments = |out| [&["run", "--cifs", "cifs", "--cache", "cache", "--out", out], &TWO[..]].concat();
    let first = ends_well(&arguments("A"), folder.path());
    assert!(!first.contains("from the cache"), "{first}");
    let second = ends_well(&arguments("B"), folder.path());
    assert!(second.contains("10 evaluations done (10 from the cache)"), "{second}");
    assert_eq!(tables(&folder.path().join("A")), tables(&folder.path().join("B")));
    assert!(report(folder.path(), "B", "run.json").contains("\"cached\": 10"));
}

#[test]
fn bench_measures_and_compares() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 8, 1);
    let arguments =
        ["bench", "--cifs", "cifs", "--model", "lennard-jones", "--limit", "6", "--splits", "2", "--repeat", "1"];
    let output = run(&arguments, folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.lines().filter(|line| line.ends_with("  identical")).count(), 2, "{text}");
    let table = std::fs::read_to_string(folder.path().join("BENCH/bench.csv")).unwrap();
    assert!(table.lines().nth(2).unwrap().starts_with("2x1x1,1,2,1,1,2,1,"), "{table}");
    assert!(std::fs::read_to_string(folder.path().join("BENCH/bench.svg")).unwrap().ends_with("</svg>\n"));
    assert!(!folder.path().join("BENCH/runs").exists());
}
