//! What other runs are measured by: hulls and reference energies from runs.

use crate::support::{Table, number, rock_salt, run, said};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

pub(crate) const BOTH: [&str; 4] = ["--model", "lennard-jones", "--model", "chgnet"];

/// Crystals of sodium, of chlorine, some of both, and a file that is no CIF.
pub(crate) fn reference_set(folder: &Path) {
    let cifs = folder.join("cifs");
    fs::create_dir_all(&cifs).unwrap();
    for (element, other) in [("Na", "Cl"), ("Cl", "Na")] {
        for (name, number) in [("one", 1), ("two", 40)] {
            let text = rock_salt(number, 1).replace(other, element);
            fs::write(cifs.join(format!("{element}-{name}.cif")), text).unwrap();
        }
    }
    for number in [0, 30, 60] {
        fs::write(cifs.join(format!("salt-{number:02}.cif")), rock_salt(number, 1)).unwrap();
    }
    fs::write(cifs.join("broken.cif"), "this is not a CIF\n").unwrap();
}

#[track_caller]
pub(crate) fn done(arguments: &[&[&str]], folder: &Path) -> String {
    let output = run(&arguments.concat(), folder);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    said(&output)
}

#[track_caller]
pub(crate) fn refused(arguments: &[&[&str]], folder: &Path, expected: &[&str]) {
    let output = run(&arguments.concat(), folder);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for text in expected {
        assert!(said.contains(text), "`{text}` is not said: {said}");
    }
}

pub(crate) fn report(folder: &Path, run: &str, table: &str) -> Table {
    Table::read(&folder.join(run).join("report").join(table))
}

/// The only columns of a table by another.
pub(crate) fn by<'t>(table: &'t Table, key: &str, value: &str) -> HashMap<&'t str, &'t str> {
    table.column(key).into_iter().zip(table.column(value)).collect()
}

#[test]
fn a_hull_is_made_of_runs_and_says_of_which_potential_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference_set(folder);
    done(&[&["run", "--cifs", "cifs", "--out", "RUN"], &BOTH], folder);
    refused(&[&["hull", "build", "RUN", "--out", "h.csv"]], folder, &["lennard-jones, chgnet", "--label"]);
    refused(
        &[&["hull", "build", "RUN", "--label", "orb", "--out", "h.csv"]],
        folder,
        &["`orb`", "lennard-jones, chgnet"],
    );
    refused(&[&["hull", "build", "RUN", "--label", "chgnet", "--out", "h.txt"]], folder, &["h.txt", ".csv.gz"]);
    refused(&[&["hull", "build", "cifs", "--out", "h.csv"]], folder, &["`cifs` is not the folder of a run"]);
    for name in ["h.csv", "h.csv.gz", "h.parquet"] {
        let said = done(&[&["hull", "build", "RUN", "--label", "chgnet", "--out", name]], folder);
        assert!(said.contains("RUN: 7 entries, 1 failed or unreadable: left out"), "{said}");
    }
    done(&[&["hull", "build", "RUN", "--label", "lennard-jones", "--out", "lj.csv"]], folder);
    let other = ["hull", "--entries", "h.csv", "--query", "lj.csv", "--out", "o.csv"];
    let both = ["the entries are of chgnet (", "the query is of lennard-jones (", "--hull-mismatch allow"];
    refused(&[&other], folder, &both);
    assert!(done(&[&other, &["--hull-mismatch", "allow"]], folder).contains("warning: the entries are of chgnet"));
    done(&[&["hull", "--entries", "h.csv", "--query", "h.parquet", "--out", "o.csv"]], folder);
    let energies = report(folder, "RUN", "energies.csv");
    let of_chgnet =
        energies.places("potential", "chgnet").into_iter().filter(|k| energies.column("status")[*k] == "ok");
    let text = fs::read_to_string(folder.join("h.csv")).unwrap();
    let (first, rows) = text.split_once('\n').unwrap();
    let said: serde_json::Value = serde_json::from_str(first.strip_prefix("# mlip-batch ").unwrap()).unwrap();
    let run_json = fs::read_to_string(folder.join("RUN/report/run.json")).unwrap();
    let run_json: serde_json::Value = serde_json::from_str(&run_json).unwrap();
    let potential = &run_json["potentials"][1];
    assert_eq!((&said["potential"], &said["digest"]), (&potential["name"], &potential["digest"]));
    assert_eq!((&said["runs"][0], &said["calculation"]), (&run_json["run"], &"as read".into()));
    assert_eq!(said["precision"], "f32");
    let mut reader = csv::Reader::from_reader(rows.as_bytes());
    assert_eq!(
        reader.headers().unwrap(),
        vec!["material_id", "composition", "energy", "energy_per_atom", "n_atoms", "path"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let expected: Vec<Vec<&str>> = of_chgnet
        .map(|k| {
            ["structure_id", "formula", "energy_ev", "energy_per_atom_ev", "n_atoms", "path"]
                .map(|c| energies.column(c)[k])
                .to_vec()
        })
        .collect();
    assert_eq!(rows.iter().map(|row| row.iter().collect::<Vec<_>>()).collect::<Vec<_>>(), expected);

    // All three forms are the same hull, and the run measured by it lies on it or above.
    let hull = |name: &str, out: &str| {
        done(&[&["hull", "--entries", name, "--query", "h.csv", "--out", out]], folder);
        fs::read(folder.join(out)).unwrap()
    };
    assert!(
        hull("h.csv", "a.csv") == hull("h.csv.gz", "b.csv") && hull("h.csv", "c.csv") == hull("h.parquet", "d.csv")
    );
    let above = Table::read(&folder.join("a.csv"));
    let energy: HashMap<&str, f64> = rows.iter().map(|row| (row.get(0).unwrap(), number(&row[3]))).collect();
    let least = |names: &[&str]| names.iter().map(|name| energy[name]).fold(f64::INFINITY, f64::min);
    let (na, cl) = (least(&["Na-one", "Na-two"]), least(&["Cl-one", "Cl-two"]));
    let salt = least(&["salt-00", "salt-30", "salt-60"]).min(0.5 * (na + cl));
    for (id, found) in by(&above, "material_id", "e_above_hull_ev_per_atom") {
        let lowest = if id.starts_with("Na") {
            na
        } else if id.starts_with("Cl") {
            cl
        } else {
            salt
        };
        assert!((number(found) - (energy[id] - lowest)).abs() < 1e-12, "{id}");
    }

    // Another run, another potential, another precision.
    done(&[&["run", "--cifs", "cifs", "--out", "F64", "--model", "x:chgnet,precision=f64"]], folder);
    done(&[&["run", "--cifs", "cifs", "--out", "LJ", "--model", "chgnet:lennard-jones"]], folder);
    refused(
        &[&["hull", "build", "RUN", "LJ", "--label", "chgnet", "--out", "n.csv"]],
        folder,
        &["`RUN` and `LJ`", "the potential is chgnet (", "lennard-jones ("],
    );
    done(&[&["run", "--cifs", "cifs", "--out", "F32", "--model", "x:chgnet"]], folder);
    refused(
        &[&["hull", "build", "F32", "F64", "--out", "n.csv"]],
        folder,
        &["`F32` and `F64`", "the precision is `f32` in the one and `f64`"],
    );
    refused(&[&["hull", "build", "F32", "F32", "--out", "n.csv"]], folder, &["`F32` is named twice"]);
    let thirds = ["--out", "THIRDS", "--model", "x:chgnet", "--coordinates", "pymatgen"];
    done(&[&["run", "--cifs", "cifs"], &thirds], folder);
    refused(
        &[&["hull", "build", "F32", "THIRDS", "--out", "n.csv"]],
        folder,
        &["`F32` and `THIRDS`", "coordinates of CIFs are read as `file` in the one and `pymatgen` in the other"],
    );
    done(&[&["hull", "build", "F32", "--out", "file.csv"]], folder);
    done(&[&["hull", "build", "THIRDS", "--out", "thirds.csv"]], folder);
    let said = done(&[&["hull", "--entries", "file.csv", "--query", "thirds.csv", "--out", "m.csv"]], folder);
    let warning = "the entries were read with --coordinates file, those of the query with --coordinates pymatgen";
    assert!(said.contains(warning), "{said}");
    assert!(!folder.join("n.csv").exists());
}

#[test]
fn a_hull_of_another_potential_stops_a_run_before_work_unless_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference_set(folder);
    done(&[&["run", "--cifs", "cifs", "--out", "LJ", "--model", "lennard-jones"]], folder);
    for hull in ["lj.csv", "lj.parquet"] {
        done(&[&["hull", "build", "LJ", "--out", hull]], folder);
        let new: &[&str] = &["run", "--cifs", "cifs", "--model", "mine:chgnet", "--hull", hull, "--out", "NEW"];
        refused(
            &[new],
            folder,
            &["is of lennard-jones (", "and the potential `mine` is chgnet (", "--hull-mismatch allow"],
        );
        assert!(!folder.join("NEW").exists());
    }
    let new = [
        "run",
        "--cifs",
        "cifs",
        "--limit",
        "1",
        "--model",
        "mine:chgnet",
        "--hull",
        "lj.csv",
        "--hull-mismatch",
        "allow",
    ];
    let said = done(&[&new, &["--out", "NEW"]], folder);
    assert!(said.contains("WARN the hull `") && said.contains("is of lennard-jones ("), "{said}");
    // It is kept for those who go on, and a report can ask for it.
    let said = done(&[&["resume", "NEW"]], folder);
    assert!(said.contains("is of lennard-jones ("), "{said}");
    done(&[&["run", "--cifs", "cifs", "--limit", "1", "--model", "chgnet", "--out", "PLAIN"]], folder);
    refused(&[&["report", "PLAIN", "--hull", "lj.csv"]], folder, &["is of lennard-jones (", "--hull-mismatch allow"]);
    let said = done(&[&["report", "PLAIN", "--hull", "lj.csv", "--hull-mismatch", "allow"]], folder);
    assert!(said.contains("warning: the hull `"), "{said}");
    // The potential of the table, and one that differs in precision alone.
    let said =
        done(&[&["run", "--cifs", "cifs", "--model", "lennard-jones", "--hull", "lj.csv", "--out", "SAME"]], folder);
    assert!(!said.contains("the hull"), "{said}");
    let f64 = ["run", "--cifs", "cifs", "--model", "chgnet,precision=f64", "--limit", "1", "--out", "F64"];
    let text = fs::read_to_string(folder.join("lj.csv")).unwrap();
    let digest = |run: &str| {
        let text = fs::read_to_string(folder.join(run).join("report/run.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["potentials"][0]["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let by_hand = format!(
        "# mlip-batch {{\"digest\": \"{}\", \"precision\": \"f32\"}}\n{}",
        digest("PLAIN"),
        text.split_once('\n').unwrap().1
    );
    fs::write(folder.join("hand.csv"), by_hand).unwrap();
    let said = done(&[&f64, &["--hull", "hand.csv"]], folder);
    assert!(said.contains("was computed in f32, and `chgnet` is in f64"), "{said}");
}

#[test]
fn entries_of_a_hull_among_the_structures_show_whether_it_is_of_the_potential() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference_set(folder);
    done(&[&["run", "--cifs", "cifs", "--out", "RUN", "--model", "lennard-jones"]], folder);
    done(&[&["hull", "build", "RUN", "--out", "h.csv"]], folder);
    let check = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--hull-check", "4", "--hull"];
    let said = done(&[&check, &["h.csv", "--out", "SAME"]], folder);
    assert!(
        said.contains("4 entries of the hull `") && said.contains("the largest difference is 0.0e0 eV/atom"),
        "{said}"
    );
    // Somebody else's table, of another potential, which says nothing of it: 8 atoms, 20 meV more each.
    let text = fs::read_to_string(folder.join("h.csv")).unwrap();
    let mut other = String::from("immutable_id,composition,energy\n");
    let rows = csv::Reader::from_reader(text.split_once('\n').unwrap().1.as_bytes()).into_records();
    for row in rows.map(Result::unwrap) {
        other.push_str(&format!("{},{},{}\n", &row[0], &row[1], number(&row[2]) + 0.16));
    }
    fs::write(folder.join("other.csv"), &other).unwrap();
    refused(
        &[&check, &["other.csv", "--out", "OTHER"]],
        folder,
        &["4 entries of the hull `", "the largest difference is -2.0e-2 eV/atom", "0.001 is allowed"],
    );
    assert!(!folder.join("OTHER").exists());
    let said = done(&[&check, &["other.csv", "--out", "OTHER", "--hull-mismatch", "allow"]], folder);
    assert!(said.contains("WARN 4 entries of the hull `"), "{said}");
    // Names alone do not make an entry: the composition has to be that of the crystal.
    fs::write(
        folder.join("names.csv"),
        other.replace("Cl8", "Cl7 Na1").replace("Na8", "Na1 K1").replace("Cl4Na4", "Cl1 Na2"),
    )
    .unwrap();
    refused(
        &[&check, &["names.csv", "--out", "NAMES"]],
        folder,
        &["none of the structures", "add the crystals of the hull to --cifs"],
    );
}

#[test]
fn each_potential_is_measured_by_its_own_elements() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference_set(folder);
    done(&[&["run", "--cifs", "cifs", "--out", "ELEMENTS"], &BOTH], folder);
    let run = ["run", "--cifs", "cifs/salt-00.cif", "--model", "a:chgnet", "b:lennard-jones"];
    done(&[&run, &["--reference", "ELEMENTS", "--out", "RUN"]], folder);
    let elements = report(folder, "ELEMENTS", "energies.csv");
    let own = |potential: &str, element: &str| {
        let of = elements.places("potential", potential).into_iter();
        let of = of.filter(|k| elements.column("structure_id")[*k].starts_with(element));
        of.map(|k| number(elements.column("energy_per_atom_ev")[k])).fold(f64::INFINITY, f64::min)
    };
    let check = || {
        let stability = report(folder, "RUN", "stability.csv");
        for (label, potential) in [("a", "chgnet"), ("b", "lennard-jones")] {
            let k = stability.places("potential", label)[0];
            let energy = number(stability.column("energy_per_atom_ev")[k]);
            let expected = energy - 0.5 * (own(potential, "Na") + own(potential, "Cl"));
            let found = number(stability.column("formation_energy_ev_per_atom")[k]);
            assert!((found - expected).abs() < 1e-12, "{label}: {found} {expected}");
        }
    };
    check();
    // They are in run.toml: the other run is not needed again.
    fs::rename(folder.join("ELEMENTS"), folder.join("gone")).unwrap();
    done(&[&["report", "RUN"]], folder);
    check();
    let other = ["run", "--cifs", "cifs", "--model", "chgnet,precision=f64", "--reference", "gone", "--out", "OTHER"];
    refused(
        &[&other],
        folder,
        &["no energies of the elements by chgnet (", "its potentials are lennard-jones (", "f64"],
    );
    done(&[&["run", "--cifs", "cifs/salt-00.cif", "--model", "chgnet", "--out", "SALT"]], folder);
    let other = ["run", "--cifs", "cifs", "--model", "chgnet", "--reference", "SALT", "--out", "OTHER"];
    refused(&[&other], folder, &["no structure of the run in", "consists of one element"]);
    done(&[&["run", "--cifs", "cifs/Na-one.cif", "--model", "chgnet", "--out", "SODIUM"]], folder);
    done(&[&["report", "SALT", "--reference", "SODIUM"]], folder);
    assert_eq!(report(folder, "SALT", "stability.csv").column("error")[0], "no reference energy for Cl");
}

#[test]
fn the_worked_example_of_the_documents_is_what_the_program_gives() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let at = |name: &str| format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let (reference, salt) = (at("stability/reference"), at("cifs/cod-cgcnn_1000041.cif"));
    done(&[&["run", "--cifs", &reference, &salt, "--model", "chgnet", "--relax", "--out", "REFERENCE"]], folder);
    done(&[&["hull", "build", "REFERENCE", "--out", "hull.csv"]], folder);
    // Other machines add in other orders: a relaxation may take a step more.
    let kept = at("stability/hull.csv");
    let entries = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let rows = csv::Reader::from_reader(text.split_once('\n').unwrap().1.as_bytes()).into_records();
        let rows = rows.map(Result::unwrap).map(|row| (row[0].to_owned(), row[1].to_owned(), number(&row[3])));
        rows.collect::<Vec<_>>()
    };
    let (found, kept_entries) = (entries(&folder.join("hull.csv")), entries(Path::new(&kept)));
    assert_eq!(found.len(), kept_entries.len());
    for (one, other) in found.iter().zip(&kept_entries) {
        assert!((&one.0, &one.1) == (&other.0, &other.1) && (one.2 - other.2).abs() < 1e-3, "{one:?} {other:?}");
    }
    let (job, candidates) = (at("../../jobs/stability.toml"), at("stability/candidates"));
    let pressed = at("cifs/cod-cgcnn_1000050.cif");
    let cifs = ["run", &job, "--cifs", &candidates, &pressed, "--relax", "--hull", &kept];
    done(&[&cifs, &["--reference", "REFERENCE", "--out", "CANDIDATES"]], folder);
    let relaxed = report(folder, "CANDIDATES", "relaxation.csv");
    let above = by(&relaxed, "structure_id", "relaxed_e_above_hull_ev_per_atom");
    let formation = by(&relaxed, "structure_id", "relaxed_formation_energy_ev_per_atom");
    for (id, expected_above, expected_formation) in [
        ("NaK3Cl4-corners", 0.025, -2.160),
        ("NaKCl2-layers", 0.040, -2.108),
        ("cod-cgcnn_1000050", 0.063, -2.159),
        ("NaCl-CsCl-type", 0.112, -1.961),
        ("KCl3-perovskite", 0.216, -0.895),
    ] {
        assert!((number(above[id]) - expected_above).abs() < 2e-3, "{id}: {}", above[id]);
        assert!((number(formation[id]) - expected_formation).abs() < 2e-3, "{id}: {}", formation[id]);
    }
    let plot = fs::read_to_string(folder.join("CANDIDATES/report/stability.svg")).unwrap();
    assert!(plot.contains(">chgnet (5 structures)<") && plot.matches("<circle").count() == 5, "{plot}");
}
