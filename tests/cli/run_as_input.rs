//! Runs whose structures are the input of others.

use crate::runs::{BOTH, by, done, reference_set, refused, report};
use crate::support::{number, run, said};
use std::fs;

#[test]
fn a_run_is_input_of_another_as_it_is_filtered_or_relaxed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference_set(folder);
    let relax = ["--relax", "--optimizer", "bfgs", "--max-steps", "8", "--model", "chgnet"];
    done(
        &[
            &[
                "run",
                "--cifs",
                "cifs/Na-one.cif",
                "cifs/salt-00.cif",
                "cifs/salt-60.cif",
                "cifs/broken.cif",
                "--out",
                "FIRST",
            ],
            &relax,
        ],
        folder,
    );
    let relaxation = report(folder, "FIRST", "relaxation.csv");
    let converged: Vec<&str> =
        relaxation.places("converged", "true").iter().map(|k| relaxation.column("structure_id")[*k]).collect();
    assert!(!converged.is_empty() && converged.len() < 3, "the test needs both: {converged:?}");
    let ids = |run: &str| {
        let table = report(folder, run, "energies.csv");
        table.column("structure_id").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    // From another folder: relative paths of the first run start where that was begun.
    let elsewhere = folder.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    done(&[&["run", "--cifs", "../FIRST", "--model", "chgnet", "--out", "../ALL"]], &elsewhere);
    assert_eq!(ids("ALL"), ["Na-one", "salt-00", "salt-60", "broken"]);
    let (first, all) = (report(folder, "FIRST", "energies.csv"), report(folder, "ALL", "energies.csv"));
    assert_eq!(first.column("energy_ev"), all.column("energy_ev"));

    // By a column of each kind of table, and with a value that is missing.
    let initial = by(&relaxation, "structure_id", "energy_initial_ev");
    let limit = number(initial["salt-60"]);
    let filter = format!("energy < {limit} or relaxation_steps < 0");
    let said = done(&[&["run", "--cifs", "FIRST", "--where", &filter, "--model", "chgnet", "--out", "LOW"]], folder);
    let expected: Vec<&str> =
        ["Na-one", "salt-00", "salt-60"].into_iter().filter(|id| number(initial[id]) < limit).collect();
    assert_eq!(ids("LOW"), expected);
    assert!(
        said.contains(&format!("{} satisfy `{filter}` and 1 of the others lack a value", expected.len())),
        "{said}"
    );
    let said = done(
        &[&[
            "run",
            "--cifs",
            "FIRST",
            "--where",
            "converged = true and n_atoms <= 8",
            "--model",
            "chgnet",
            "--out",
            "CONVERGED",
        ]],
        folder,
    );
    assert_eq!(ids("CONVERGED"), converged, "{said}");

    // Relaxed structures have the energies that the relaxations ended with.
    let said = done(&[&["run", "--cifs", "FIRST", "--relaxed", "--model", "chgnet", "--out", "RELAXED"]], folder);
    assert_eq!(ids("RELAXED"), converged);
    assert!(
        said.contains(&format!(
            "{} relaxed and converged, {} did not converge and are left out, 1 have no relaxation",
            converged.len(),
            3 - converged.len()
        )),
        "{said}"
    );
    let (final_energy, relaxed) =
        (by(&relaxation, "structure_id", "energy_final_ev"), report(folder, "RELAXED", "energies.csv"));
    for (id, energy) in by(&relaxed, "structure_id", "energy_ev") {
        assert!((number(energy) - number(final_energy[id])).abs() < 1e-4, "{id}: {energy} {}", final_energy[id]);
        assert_ne!(number(energy), number(initial[id]));
    }
    // The same from compressed tables, by a job file, together with a filter.
    done(&[&["report", "FIRST", "--csv-zst"]], folder);
    fs::write(
        folder.join("job.toml"),
        "cifs = ['FIRST']\nrelaxed = 'chgnet'\nwhere = 'converged=true'\nmodels = ['chgnet']\nout = 'JOB'\n",
    )
    .unwrap();
    done(&[&["run", "job.toml"]], folder);
    let job = report(folder, "JOB", "energies.csv");
    assert_eq!(job.column("energy_ev"), relaxed.column("energy_ev"));
    // Going on finds the same list.
    done(&[&["run", "job.toml", "--resume"]], folder);
    done(&[&["hull", "build", "FIRST", "--out", "h.csv"]], folder);
    let text = fs::read_to_string(folder.join("h.csv")).unwrap();
    assert!(text.starts_with("# mlip-batch {") && text.contains("optimizer=bfgs"));
    let entries = csv::Reader::from_reader(text.split_once('\n').unwrap().1.as_bytes())
        .into_records()
        .map(Result::unwrap)
        .map(|row| (row[0].to_owned(), row[2].to_owned()))
        .collect::<Vec<_>>();
    assert_eq!(entries, converged.iter().map(|id| ((*id).to_owned(), final_energy[id].to_owned())).collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_taken_of_a_run_is_said_with_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference_set(folder);
    done(&[&["run", "--cifs", "cifs", "--out", "FIRST", "--reference", "genbench"], &BOTH], folder);
    let new = ["run", "--model", "lennard-jones", "--out", "NEW"];
    let wrong: [(&[&str], &[&str]); 11] = [
        (
            &["--cifs", "FIRST", "--where", "energy < 0"],
            &["`energy` has a value for each potential", "lennard-jones:energy, chgnet:energy, energy_mean"],
        ),
        (
            &["--cifs", "FIRST", "--where", "formation_enrgy_mean < 0"],
            &["no table of the run in", "`formation_enrgy_mean`", "formation_energy_mean"],
        ),
        (&["--cifs", "FIRST", "--where", "orb:energy < 0"], &["is called `orb`; there are lennard-jones, chgnet"]),
        (&["--cifs", "FIRST", "--where", "formula < 0"], &["`formula`", "holds `Cl8`", "Cl-one"]),
        (
            &["--cifs", "FIRST", "--where", "n_atoms < 1"],
            &["none of the 8 structures", "satisfies `n_atoms < 1`; 1 lack a value"],
        ),
        (&["--cifs", "FIRST", "--where", "n_atoms <"], &["nothing where a number"]),
        (&["--cifs", "cifs", "--where", "n_atoms < 9"], &["--where takes structures of runs, and `cifs` is none"]),
        (&["--cifs", "FIRST", "cifs", "--relaxed"], &["relaxed nothing", "begin that run with --relax"]),
        (&["--cifs", "cifs", "--relaxed"], &["--relaxed takes structures of runs, and `cifs` is none"]),
        (&["--cifs", "FIRST", "--relaxed=chgnet"], &["relaxed nothing"]),
        (&["--cifs", "nowhere", "--where", "n_atoms < 9"], &["nowhere"]),
    ];
    for (flags, expected) in wrong {
        let output = run(&[&new, flags].concat(), folder);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{flags:?}: {}", said(&output));
        for text in expected {
            assert!(said(&output).contains(text), "{flags:?}: `{text}` is not said: {}", said(&output));
        }
        assert!(!folder.join("NEW").exists(), "{flags:?}");
    }
    // One potential of several, by its label; the mean of all.
    let filter = "chgnet:energy < 0 and formation_energy_mean > -1000 and chgnet:max_force_ev_per_a >= 0";
    done(&[&new, &["--cifs", "FIRST", "--where", filter]], folder);
    let found = report(folder, "NEW", "energies.csv").column("structure_id").len();
    let energies = report(folder, "FIRST", "energies.csv");
    let expected = energies
        .places("potential", "chgnet")
        .into_iter()
        .filter(|k| energies.column("energy_ev")[*k].starts_with('-'))
        .count();
    assert_eq!(found, expected);

    // A run that is not at its end.
    let path = folder.join("FIRST/report/run.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"pending\": 0", "\"pending\": 3")).unwrap();
    let filter = ["run", "--cifs", "FIRST", "--where", "n_atoms < 9", "--model", "lennard-jones", "--out", "LATER"];
    refused(&[&filter], folder, &["is not finished: 3 evaluations are pending", "mlip-batch resume"]);
    fs::remove_file(&path).unwrap();
    refused(
        &[&["hull", "build", "FIRST", "--label", "chgnet", "--out", "h.csv"]],
        folder,
        &["is not finished: it has no report"],
    );
    // All structures of its list can be had all the same.
    done(&[&["run", "--cifs", "FIRST", "--model", "lennard-jones", "--out", "LATER"]], folder);
}
