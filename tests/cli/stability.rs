//! Formation energies and energies above the hull beside the energies of a run.

use crate::support::{Table, crystals, number, run, said};
use std::fs;

const MODELS: [&str; 4] = ["--model", "lennard-jones", "--model", "chgnet"];

#[test]
fn results_are_measured_by_hulls_and_reference_energies() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 3, 1);
    let table = "material_id,composition,energy,other\nsodium,Na2,-2.6,-2.4\nchlorine,Cl2,-3.6,-3.4\nsalt,Na4 Cl4,-27.2,-26.4\n";
    fs::write(folder.path().join("entries.csv"), table).unwrap();
    fs::write(folder.path().join("mu.csv"), "element,energy\nNa,-1.0\nCl,-2.0\n").unwrap();
    let hulls = ["--hull", "entries.csv", "chgnet:entries.csv,energy=other"];
    let out = ["--cifs", "cifs", "--reference", "mu.csv", "--out", "RUN"];
    let output = run(&[&["run"], &MODELS[..], &hulls[..], &out[..]].concat(), folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = folder.path().join("RUN/report");
    let stability = Table::read(&report.join("stability.csv"));
    let computed = stability.places("status", "ok");
    assert_eq!(computed.len(), 8, "three crystals and a twin, two potentials");
    for k in computed {
        let of = |name| stability.column(name)[k];
        // Per atom, of the compound.
        let on_the_hull = if of("potential") == "chgnet" { -3.3 } else { -3.4 };
        let energy = number(of("energy_per_atom_ev"));
        assert!((number(of("e_above_hull_ev_per_atom")) - (energy - on_the_hull)).abs() < 1e-12);
        assert!((number(of("formation_energy_ev_per_atom")) - (energy + 1.5)).abs() < 1e-12);
        assert!(of("decomposition").contains("(salt)"), "{}", of("decomposition"));
        assert_eq!(of("error"), "");
    }
    let ensemble = Table::read(&report.join("ensemble.csv"));
    let both = ensemble.places("energy_n_mlips", "2")[0];
    for quantity in ["formation_energy", "e_above_hull"] {
        let one = |what: &str| number(ensemble.column(&format!("{quantity}_{what}"))[both]);
        assert!((0.5 * (one("lennard-jones") + one("chgnet")) - one("mean")).abs() < 1e-12);
        assert_eq!(one("n_mlips"), 2.0);
    }

    // The same tables from a run that knew of neither.
    let plain = ["--cifs", "cifs", "--out", "PLAIN"];
    assert_eq!(run(&[&["run"], &MODELS[..], &plain[..]].concat(), folder.path()).status.code(), Some(0));
    assert!(!folder.path().join("PLAIN/report/stability.csv").exists());
    let output = run(&[&["report", "PLAIN", "--reference", "mu.csv"], &hulls[..]].concat(), folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for name in ["stability.csv", "ensemble.csv"] {
        let [one, other] =
            ["RUN", "PLAIN"].map(|run| fs::read(folder.path().join(run).join("report").join(name)).unwrap());
        assert!(one == other, "{name}");
    }
}

#[test]
fn a_report_keeps_what_is_not_named_and_leaves_nothing_of_another() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    fs::create_dir(folder.path().join("jobs")).unwrap();
    let table = "material_id,composition,energy\nsodium,Na1,-1.3\nchlorine,Cl1,-1.8\n";
    fs::write(folder.path().join("jobs/entries.csv"), table).unwrap();
    fs::write(folder.path().join("jobs/mu.csv"), "element,energy\nNa,-1.0\nCl,-2.0\n").unwrap();
    // Paths of a job file start from its folder.
    let job = "hull = ['entries.csv']\nreference = 'mu.csv'\nmodels = ['lennard-jones']\n";
    fs::write(folder.path().join("jobs/job.toml"), job).unwrap();
    let output = run(&["run", "jobs/job.toml", "--cifs", "cifs", "--out", "RUN"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = folder.path().join("RUN/report");
    let formation = || {
        let table = Table::read(&report.join("stability.csv"));
        let k = table.places("status", "ok")[0];
        table.column("formation_energy_ev_per_atom")[k].to_owned()
    };
    let by_reference = formation();
    let output = run(&["report", "RUN", "--hull", "jobs/entries.csv"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(formation(), by_reference, "the reference energies of the run were dropped");

    let plain = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "PLAIN"];
    assert_eq!(run(&plain, folder.path()).status.code(), Some(0));
    let stability = folder.path().join("PLAIN/report/stability.csv");
    assert_eq!(run(&["report", "PLAIN", "--reference", "genbench"], folder.path()).status.code(), Some(0));
    assert!(stability.is_file());
    assert_eq!(run(&["report", "PLAIN"], folder.path()).status.code(), Some(0));
    assert!(!stability.exists(), "a table of an earlier report was left");
    let none = ["run", "jobs/job.toml", "--cifs", "cifs", "--hull", "none", "--reference", "none", "--out", "NONE"];
    assert_eq!(run(&none, folder.path()).status.code(), Some(0));
    assert!(!folder.path().join("NONE/report/stability.csv").exists());
}

#[test]
fn what_a_hull_does_not_reach_is_said_in_its_row() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    fs::write(folder.path().join("entries.csv"), "material_id,composition,energy\nsodium,Na1,-1.3\n").unwrap();
    let flags = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--hull", "entries.csv", "--out", "RUN"];
    let output = run(&flags, folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("2 results lack a formation energy or"), "{}", said(&output));
    let stability = Table::read(&folder.path().join("RUN/report/stability.csv"));
    let k = stability.places("status", "ok")[0];
    assert_eq!(stability.column("e_above_hull_ev_per_atom")[k], "");
    assert_ne!(stability.column("energy_per_atom_ev")[k], "");
    assert!(stability.column("error")[k].contains("Cl"), "{}", stability.column("error")[k]);
}

#[test]
fn a_hull_that_cannot_be_used_stops_the_run_before_work() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    fs::write(folder.path().join("entries.csv"), "material_id,composition,energy\nsodium,Na1,-1.3\n").unwrap();
    fs::write(folder.path().join("empty.csv"), "").unwrap();
    let wrong: [(&[&str], &str); 6] = [
        (&["--reference", "empty.csv"], "no element has one"),
        (&["--hull", "nowhere.csv"], "nowhere.csv"),
        (&["--hull", "entries.csv,energy=mace_ev"], "mace_ev"),
        (&["--hull", "orb:entries.csv"], "no potential is called `orb`; there are lennard-jones"),
        (&["--hull", "entries.csv", "entries.csv"], "two tables are named for all potentials"),
        (&["--reference", "nothing.json"], "nothing.json"),
    ];
    for (flags, expected) in wrong {
        let begin = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "RUN"];
        let output = run(&[&begin[..], flags].concat(), folder.path());
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {}", said(&output));
        assert!(said(&output).contains(expected), "{flags:?}: {}", said(&output));
        assert!(!folder.path().join("RUN").exists(), "{flags:?}");
    }
}
