//! Relaxations: what is asked for, and what the tables say of it.

use crate::support::{Table, crystals, number, program, python, rock_salt, run, said, script};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const CHGNET: [&str; 6] = ["run", "--cifs", "cifs", "--model", "chgnet", "--relax"];

#[test]
fn structures_are_relaxed_and_every_end_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 3, 1);
    let entries = "material_id,composition,energy\nsodium,Na1,-1.3\nchlorine,Cl2,-3.6\nsalt,Na1 Cl1,-6.8\n";
    fs::write(folder.path().join("entries.csv"), entries).unwrap();
    let more = ["--hull", "entries.csv", "--optimizer", "bfgs", "--trajectory", "--out", "RUN"];
    let output = run(&[&CHGNET[..], &more].concat(), folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("relaxations: 4 converged"), "{}", said(&output));
    let report = folder.path().join("RUN/report");
    let (relaxation, energies) =
        (Table::read(&report.join("relaxation.csv")), Table::read(&report.join("energies.csv")));
    let done = relaxation.places("status", "ok");
    assert_eq!(done.len(), 4, "three crystals and a twin");
    for &k in &done {
        let of = |name| relaxation.column(name)[k];
        assert_eq!((of("converged"), of("ended"), of("message")), ("true", "converged", ""));
        assert!(number(of("fmax_final_ev_per_a")) < 0.02 && number(of("steps")) > 1.0);
        assert!(number(of("energy_final_ev")) < number(of("energy_initial_ev")));
        assert_ne!(of("volume_final_a3"), of("volume_initial_a3"));
        // What the other tables say is about the structure as it was read.
        assert_eq!(energies.column("energy_ev")[k], of("energy_initial_ev"));
        let above = number(of("relaxed_e_above_hull_ev_per_atom"));
        assert!((above - (number(of("energy_final_per_atom_ev")) + 3.4)).abs() < 1e-12);
    }
    let ensemble = Table::read(&report.join("ensemble.csv"));
    for (name, other) in [("energy", "energy_final_ev"), ("rmse", "relaxation_rmse_a")] {
        let value = ensemble.column(&format!("relaxation_{name}_chgnet"))[done[0]];
        assert_eq!(value, relaxation.column(other)[done[0]]);
    }
    assert_eq!(ensemble.column("relaxation_ended_chgnet")[done[0]], "converged");
    let structures = fs::read_to_string(report.join("relaxed.chgnet.extxyz")).unwrap();
    assert_eq!(structures.lines().filter(|line| line.starts_with("Lattice=")).count(), 4);
    let steps: f64 = done.iter().map(|&k| number(relaxation.column("steps")[k]) + 1.0).sum();
    let ways = fs::read_to_string(report.join("trajectory.chgnet.extxyz")).unwrap();
    assert_eq!(ways.lines().filter(|line| line.starts_with("Lattice=")).count() as f64, steps);
    ase_reads_trajectories(folder.path());
    let plot = fs::read_to_string(report.join("relaxation.svg")).unwrap();
    assert!(plot.contains("% of relaxations") && plot.contains(">100<") && plot.contains(">chgnet<"), "{plot}");

    // What was relaxed is at its minimum: relaxed again it takes no step.
    let again = ["run", "--cifs", "RUN/report/relaxed.chgnet.extxyz", "--model", "chgnet", "--relax", "--out", "AGAIN"];
    let output = run(&again, folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let again = Table::read(&folder.path().join("AGAIN/report/relaxation.csv"));
    assert_eq!(again.column("steps"), ["0"; 4]);

    let few = ["--cell", "fixed", "--max-steps", "1", "--fmax", "1e-6", "--out", "FEW"];
    assert_eq!(run(&[&CHGNET[..], &few].concat(), folder.path()).status.code(), Some(0));
    let few = Table::read(&folder.path().join("FEW/report/relaxation.csv"));
    let of = |name| few.column(name)[done[0]];
    assert_eq!((of("converged"), of("ended"), of("steps"), of("volume_change")), ("false", "steps", "1", "0.0"));
}

const TRAJECTORIES: &str = r#"
import csv
import numpy as np
from ase.io import read
relaxations = {row["structure_id"]: row for row in csv.DictReader(open("RUN/report/relaxation.csv"))}
forces = {}
for row in csv.DictReader(open("RUN/report/forces.csv")):
    forces.setdefault(row["structure_id"], []).append([float(row[f"f{k}_ev_per_a"]) for k in "xyz"])
ways = {}
for atoms in read("RUN/report/trajectory.chgnet.extxyz", ":"):
    ways.setdefault(atoms.info["structure_id"], []).append(atoms)
relaxed = {atoms.info["structure_id"]: atoms for atoms in read("RUN/report/relaxed.chgnet.extxyz", ":")}
for name, way in ways.items():
    row = relaxations[name]
    assert [atoms.info["step"] for atoms in way] == list(range(int(row["steps"]) + 1))
    assert way[0].get_potential_energy() == float(row["energy_initial_ev"])
    assert (way[0].get_forces() == forces[name]).all()
    assert way[-1].get_potential_energy() == float(row["energy_final_ev"])
    assert way[-1].info["ended"] == row["ended"]
    assert (way[-1].cell.array == relaxed[name].cell.array).all()
    assert abs(np.abs(way[-1].get_stress()).max() - float(row["max_stress_final_ev_per_a3"])) < 1e-15
    for a, b in zip(way, way[1:]):
        assert np.abs(a.positions - b.positions).max() < 0.3
print(len(ways), "ways")
"#;

fn ase_reads_trajectories(folder: &Path) {
    let Some(python) = python(&["ase", "numpy"]) else { return };
    assert_eq!(script(&python, TRAJECTORIES, folder), "4 ways\n");
}

#[test]
fn settings_of_relaxations_are_refused_where_they_have_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let wrong: [(&[&str], &str); 8] = [
        (&["--fmax", "0.01"], "add --relax"),
        (&["--relax", "--calculation", "energy-volume"], "leave out one of them"),
        (&["--relax", "--fmax", "0"], "must be a positive number"),
        (&["--relax", "--cell", "fixed", "--pressure", "1"], "changes nothing"),
        (&["--relax", "--volume-points", "9"], "--calculation energy-volume"),
        (&["--fix-symmetry"], "add --relax"),
        (&["--relax", "--symprec", "0.1"], "without fix_symmetry = true"),
        (&["--relax", "--fix-symmetry", "--symprec", "2"], "at most 0.5 Å"),
    ];
    for (flags, expected) in wrong {
        let begin = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "RUN"];
        let output = run(&[&begin[..], flags].concat(), folder.path());
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {}", said(&output));
        assert!(said(&output).contains(expected), "{flags:?}: {}", said(&output));
    }
}

#[test]
fn killed_within_relaxations_a_run_goes_on_to_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let cifs = folder.path().join("cifs");
    fs::create_dir(&cifs).unwrap();
    for number in 0..16 {
        fs::write(cifs.join(format!("{number}.cif")), rock_salt(number, 1)).unwrap();
    }
    let settings = ["--optimizer", "fire", "--fmax", "1e-4", "--max-steps", "60", "--sync", "0.05", "--out"];
    let whole = run(&[&CHGNET[..], &settings, &["WHOLE"]].concat(), folder.path());
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    let mut command = program();
    command.args([&CHGNET[..], &settings, &["KILLED"]].concat()).current_dir(folder.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Some have ended, others are under way.
    let journal = folder.path().join("KILLED/journal/0001/rank-00000.journal");
    let begin = Instant::now();
    let large = || fs::metadata(&journal).is_ok_and(|file| file.len() > 60_000);
    while !large() && child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(child.try_wait().unwrap().is_none(), "the run was over before it could be killed");
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = run(&["resume", "KILLED"], folder.path());
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    for name in ["relaxation.csv", "energies.csv", "forces.csv", "ensemble.csv", "relaxed.chgnet.extxyz"] {
        let [one, other] =
            ["WHOLE", "KILLED"].map(|run| fs::read(folder.path().join(run).join("report").join(name)).unwrap());
        assert!(one == other, "{name}");
    }
}

#[test]
fn symmetry_is_kept_where_a_relaxation_breaks_it() {
    let folder = tempfile::tempdir().unwrap();
    let cifs = folder.path().join("cifs");
    fs::create_dir(&cifs).unwrap();
    // Lennard-Jones is lower without the symmetry of these.
    let expected = [
        ("aflow_JVASP-153242_NaFeSO4F", "15", "C2/c"),
        ("alexandria_agm002254498", "69", "Fmmm"),
        ("alexandria_agm005737257", "72", "Ibam"),
        ("oqmd_oqmd-2032155", "164", "P-3m1"),
    ];
    for (name, ..) in expected {
        let file = format!("{name}.cif");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cifs").join(&file);
        fs::copy(from, cifs.join(file)).unwrap();
    }
    let settings = ["--model", "lennard-jones", "--relax", "--fmax", "1e-4", "--max-steps", "400", "--out"];
    for (more, kept) in [(&["KEPT", "--fix-symmetry"][..], true), (&["FREE"], false)] {
        let output = run(&[&["run", "--cifs", "cifs"][..], &settings, more].concat(), folder.path());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let relaxation = Table::read(&folder.path().join(more[0]).join("report/relaxation.csv"));
        for (name, number, symbol) in expected {
            let row = relaxation.places("structure_id", name)[0];
            let of = |column| relaxation.column(column)[row];
            assert_eq!((of("spacegroup_initial"), of("spacegroup_symbol_initial")), (number, symbol), "{name}");
            let end = (of("spacegroup_final"), of("spacegroup_symbol_final"));
            assert_eq!(end == (number, symbol), kept, "{name}: {end:?}");
        }
    }
}

#[test]
fn a_plan_measures_a_sample() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 12, 3);
    // A busy machine must not make relaxations last longer than answers stay out of journals.
    let what = ["--cifs", "cifs", "--model", "chgnet", "--relax", "--max-steps", "4", "--sync", "1000"];
    let plan = ["--measure", "200", "--ranks", "64", "--structure-workers", "1", "--threads-per-mlip", "1"];
    let output = program().args([&["plan"], &what[..], &plan].concat()).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let line =
        |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
    let steps = line("forecast");
    assert!(steps.contains("chgnet:") && steps.contains(" evaluations (") && steps.contains("on one core for all"));
    assert!(
        line("slurm").contains("sbatch --ntasks=64 --cpus-per-task=1 ") && line("slurm").contains("--time=0:10:00")
    );

    // 200 draws are all structures: what journals take is then known to the frames of ranks and attempts.
    let begin = ["--out", "RUN", "--structure-workers", "1"];
    let output = run(&[&["run"], &what[..], &begin].concat(), folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let journal = fs::metadata(folder.path().join("RUN/journal/0001/rank-00000.journal")).unwrap().len() as f64;
    let forecast = number(line("journals").split_whitespace().nth(1).unwrap());
    assert!((forecast * 1e3 - journal).abs() < 0.1 * journal, "{forecast} kB, {journal} B");
    let relaxation = Table::read(&folder.path().join("RUN/report/relaxation.csv"));
    let done = relaxation.places("status", "ok");
    let most = done.iter().map(|&k| number(relaxation.column("evaluations")[k])).fold(0.0, f64::max);
    assert!(steps.contains(&format!("to {most:.0})")), "{steps}, {most}");
}
