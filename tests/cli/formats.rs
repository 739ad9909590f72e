//! Reports as other tools read them.

use crate::support::{Table, crystals, program, python, run, said, script};
use std::fs;
use std::path::Path;

/// Two potentials that need no file.
const BEGIN: [&str; 6] = ["run", "--cifs", "cifs", "--model", "a:lennard-jones", "b:chgnet"];
const ALL: &str = "extxyz,parquet,jsonl,ase-db,genbench,cif";
const FORMS: [&str; 11] = [
    "structures.a.db",
    "structures.b.db",
    "structures.a.extxyz",
    "structures.b.extxyz",
    "structures.a.jsonl",
    "structures.b.jsonl",
    "genbench.jsonl",
    "energies.parquet",
    "ensemble.parquet",
    "structures.parquet",
    "sites.parquet",
];

#[test]
fn a_run_a_job_file_and_a_report_write_the_same() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 6, 2);
    let output = run(&[&BEGIN[..], &["--format", ALL, "--out", "ONE"]].concat(), folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let job = "cifs = [\"cifs\"]\nmodels = [\"a:lennard-jones\", \"b:chgnet\"]\n\
               format = [\"genbench\", \"jsonl,parquet\"]\n";
    fs::write(folder.path().join("job.toml"), job.replace("\"jsonl,parquet\"", "\"jsonl\", \"parquet\"")).unwrap();
    let output = run(&["run", "job.toml", "--out", "TWO", "--structure-workers", "1"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let path = |run: &str, name: &str| folder.path().join(run).join("report").join(name);
    assert!(!path("TWO", "structures.a.extxyz").exists() && path("TWO", "genbench.jsonl").exists());
    // The structures are in the run folder: no other file is needed.
    fs::remove_dir_all(folder.path().join("cifs")).unwrap();
    fs::remove_dir_all(folder.path().join("TWO/report")).unwrap();
    let output = run(&["report", "TWO", "--format", "extxyz,ase-db", "--format", "cif"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for name in FORMS {
        let [one, two] = ["ONE", "TWO"].map(|run| fs::read(path(run, name)).unwrap());
        assert!(one == two, "{name}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(name), "{name} is listed");
    }
    // What is not relaxed has no relaxed structures.
    assert!(!path("ONE", "relaxed.a.cif.tar").exists());
}

#[test]
fn an_unknown_format_is_refused_before_work() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let output = run(&[&BEGIN[..], &["--format", "xyz", "--out", "RUN"]].concat(), folder.path());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("there are csv, extxyz, parquet, jsonl, ase-db, genbench, cif"),
        "{}",
        said(&output)
    );
    assert!(!folder.path().join("RUN").exists());
}

#[test]
fn a_run_that_goes_on_journals_no_structure_twice() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 6, 2);
    let output = run(&[&BEGIN[..], &["--limit", "4", "--out", "RUN"]].concat(), folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let size = || fs::metadata(folder.path().join("RUN/journal/0002/rank-00000.journal")).unwrap().len();
    // Without this there would be no second attempt.
    let output = run(&["resume", "RUN", "--retry-failed", "--format", "extxyz"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    // The second attempt journals no structure again: a cell of 8 atoms takes 300 bytes.
    assert!(size() < 700, "{} bytes", size());
    let structures = fs::read_to_string(folder.path().join("RUN/report/structures.a.extxyz")).unwrap();
    assert_eq!(structures.lines().filter(|line| line.starts_with("Lattice")).count(), 3);
}

/// A relaxation with embeddings and stability over crystals of the fixtures.
fn whole_run() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 3, 1);
    fs::write(folder.path().join("cifs/012.cif"), crate::support::rock_salt(5, 1)).unwrap();
    let entries = "material_id,composition,energy\nsodium,Na1,-1.3\nchlorine,Cl2,-3.6\nsalt,Na1 Cl1,-6.8\n";
    fs::write(folder.path().join("entries.csv"), entries).unwrap();
    let flags = ["run", "--cifs", "cifs", "--model", "orb:chgnet", "mace:chgnet,precision=f64", "--relax"];
    let more = ["--relax-preset", "genbench", "--max-steps", "5", "--embeddings", "node", "--hull", "entries.csv"];
    let end = ["--space-groups", "--format", ALL, "--out", "RUN"];
    let output = program().args([&flags[..], &more, &end].concat()).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    folder
}

/// The code that the documents show, between the lines that hold it.
fn shown(page: &str, begin: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once(&format!("```python\n{begin}")).unwrap_or_else(|| panic!("{page} lacks {begin}"));
    format!("{begin}{}", rest.split_once("```").unwrap().0)
}

#[test]
fn the_script_of_the_documents_finds_every_input_of_the_metrics() {
    let Some(python) = python(&["pymatgen.core", "numpy"]) else { return };
    let folder = whole_run();
    let code = shown("migrating.md", "# What LeMat-GenBench's metrics read");
    let printed = script(&python, &code, folder.path());
    let table = Table::read(&folder.path().join("RUN/report/ensemble.csv"));
    let values = |name: &str| -> Vec<f64> { table.column(name).iter().filter_map(|text| text.parse().ok()).collect() };
    let above = values("e_above_hull_mean");
    let stable = above.iter().filter(|energy| **energy <= 0.0).count();
    let expected = format!("5 structures, {stable} stable");
    assert!(printed.contains(&expected), "{printed}");
    assert!(printed.contains("(5, 64)"), "{printed}");
    for (name, column) in [("e_above_hull", above), ("formation_energy", values("formation_energy_mean"))] {
        let mean = column.iter().sum::<f64>() / column.len() as f64;
        let line = printed.lines().find(|line| line.starts_with(name)).unwrap();
        let found: f64 = line.split_whitespace().last().unwrap().parse().unwrap();
        assert!((found - mean).abs() < 1e-12, "{line}, not {mean}");
    }
}

const ASE: &str = r#"
import csv, json, tarfile, io
import numpy as np
from ase.io import read
energies = {(row["structure_id"], row["potential"]): row for row in csv.DictReader(open("RUN/report/energies.csv"))}
forces = {}
for row in csv.DictReader(open("RUN/report/forces.csv")):
    forces.setdefault((row["structure_id"], row["potential"]), []).append(row)
cells = {row["structure_id"]: row for row in csv.DictReader(open("RUN/report/structures.csv"))}
n = 0
for label in ["orb", "mace"]:
    for atoms in read(f"RUN/report/structures.{label}.extxyz", ":"):
        name = atoms.info["structure_id"]
        assert isinstance(name, str)
        row, sites = energies[name, label], forces[name, label]
        assert atoms.get_potential_energy() == float(row["energy_ev"])
        stress = [float(row[f"stress_{k}_ev_per_a3"]) for k in ["xx", "yy", "zz", "yz", "xz", "xy"]]
        assert (atoms.get_stress() == stress).all()
        assert (atoms.get_forces() == [[float(s[f"f{k}_ev_per_a"]) for k in "xyz"] for s in sites]).all()
        assert (atoms.get_magnetic_moments() == [float(s["magmom_mu_b"]) for s in sites]).all()
        assert atoms.get_chemical_symbols() == [s["element"] for s in sites]
        cell = [[float(cells[name][v + k]) for k in "xyz"] for v in "abc"]
        assert (atoms.cell.array == cell).all() and atoms.pbc.all()
        fractional = np.array([[float(s[f"frac_{k}"]) for k in "abc"] for s in sites])
        assert np.abs(fractional @ np.array(cell) - atoms.positions).max() < 1e-12
        n += 1
    relaxed = read(f"RUN/report/relaxed.{label}.extxyz", ":")
    with tarfile.open(f"RUN/report/relaxed.{label}.cif.tar") as archive:
        for atoms, member in zip(relaxed, archive.getmembers(), strict=True):
            assert member.name == atoms.info["structure_id"] + ".cif"
            again = read(io.BytesIO(archive.extractfile(member).read()), format="cif")
            assert np.abs(again.cell.cellpar() - atoms.cell.cellpar()).max() < 1e-10
            assert again.get_chemical_symbols() == atoms.get_chemical_symbols()
print(n, "frames")
"#;

#[test]
fn ase_reads_what_the_tables_say_to_the_last_bit() {
    let Some(python) = python(&["ase", "numpy"]) else { return };
    let folder = whole_run();
    assert_eq!(script(&python, ASE, folder.path()), "10 frames\n");
}

const DATABASE: &str = r#"
import csv
import numpy as np
from ase.db import connect
from ase.io import read
energies = {(row["structure_id"], row["potential"]): row for row in csv.DictReader(open("RUN/report/energies.csv"))}
stability = {(row["structure_id"], row["potential"]): row for row in csv.DictReader(open("RUN/report/stability.csv"))}
n = 0
for label in ["orb", "mace"]:
    frames = read(f"RUN/report/structures.{label}.extxyz", ":")
    database = connect(f"RUN/report/structures.{label}.db")
    assert len(database) == len(frames) and database.metadata == {}
    for row, frame in zip(database.select(), frames, strict=True):
        atoms, name = row.toatoms(), frame.info["structure_id"]
        said, above = energies[name, label], stability[name, label]["e_above_hull_ev_per_atom"]
        assert atoms == frame and (atoms.positions == frame.positions).all() and (atoms.cell == frame.cell).all()
        assert atoms.calc.name == row.calculator == row.potential == label and row.structure_id == name
        assert row.energy == atoms.get_potential_energy() == float(said["energy_ev"])
        assert atoms.get_potential_energy(force_consistent=True) == row.energy
        assert (atoms.get_forces() == frame.get_forces()).all() and (atoms.get_stress() == frame.get_stress()).all()
        assert (atoms.get_magnetic_moments() == frame.get_magnetic_moments()).all()
        assert row.magmom == float(said["total_magmom_mu_b"]) and row.path == said["path"]
        assert row.energy_per_atom_ev == float(said["energy_per_atom_ev"]) and row.checkpoint == said["checkpoint"]
        assert row.space_group == int(said["space_group"]) and row.e_above_hull_ev_per_atom == float(above)
        assert row.data == {} and row.count_atoms() == atoms.symbols.formula.count()
        # What rows are selected by is what ASE makes of the arrays.
        columns = "natoms, fmax, smax, volume, charge, mass"
        with database.managed_connection() as connection:
            found = connection.execute(f"select {columns} from systems where id = ?", (row.id,)).fetchone()
        assert found[0] == row.natoms
        assert np.allclose(found[1:5], [row.fmax, row.smax, row.volume, row.charge], rtol=1e-14, atol=0), found
        # The masses are pymatgen's: chlorine has 35.453 there, and 35.45 in ASE.
        assert abs(found[5] / row.mass - 1) < 1e-4
        assert [other.id for other in database.select(structure_id=name)] == [row.id], name
        assert [other.id for other in database.select(f"structure_id={name}")] == [row.id]
        n += 1
    with database.managed_connection() as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert connection.execute("pragma foreign_key_check").fetchall() == []
    expected = [row.id for row in database.select() if (row.numbers == 11).sum() > 2 and row.energy < -30]
    assert [row.id for row in database.select("Na>2,energy<-30")] == expected
    # Others can add rows of their own.
    assert database.write(atoms, structure_id="mine") == len(frames) + 1
print(n, "rows")
"#;

#[test]
fn ase_opens_the_database_and_finds_what_the_tables_say_to_the_last_bit() {
    let Some(python) = python(&["ase", "numpy"]) else { return };
    let folder = whole_run();
    let database = fs::read(folder.path().join("RUN/report/structures.orb.db")).unwrap();
    assert_eq!(script(&python, DATABASE, folder.path()), "10 rows\n");
    // A report writes it again, as it was.
    let output = run(&["report", "RUN", "--format", "ase-db"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(fs::read(folder.path().join("RUN/report/structures.orb.db")).unwrap() == database);
    let query = ["-m", "ase", "db", "RUN/report/structures.orb.db", "energy<0", "-c", "structure_id,energy,formula"];
    let output = std::process::Command::new(&python).args(query).current_dir(folder.path()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("Rows: 5") && printed.contains("012"), "{printed}");
    // With the columns that it shows by itself, age and user among them.
    let output = std::process::Command::new(&python).args(&query[..4]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    // What the run did not ask for a later report removes.
    let plain = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "PLAIN"];
    for (words, is_there) in
        [(&plain[..], false), (&["report", "PLAIN", "--format", "ase-db"], true), (&["report", "PLAIN"], false)]
    {
        assert_eq!(run(words, folder.path()).status.code(), Some(0));
        assert_eq!(folder.path().join("PLAIN/report/structures.db").exists(), is_there, "{words:?}");
    }
}

const PARQUET: &str = r#"
import json
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
text = {"structure_id": str, "path": str, "formula": str}
for name in ["energies", "ensemble", "structures"]:
    table = pd.read_csv(f"RUN/report/{name}.csv", dtype=text, float_precision="round_trip")
    columns = pd.read_parquet(f"RUN/report/{name}.parquet")
    assert list(table.columns) == list(columns.columns) and len(table) == len(columns)
    for column in table:
        a, b = table[column], columns[column]
        if a.dtype == object or str(a.dtype).startswith("str"):
            assert (a.fillna("") == b.fillna("")).all(), column
        else:
            assert np.array_equal(a.to_numpy(float), b.to_numpy(float), equal_nan=True), column
forces = pd.read_csv("RUN/report/forces.csv", dtype=text, float_precision="round_trip")
sites = pd.read_parquet("RUN/report/sites.parquet")
lists = [column for column in sites if column not in ["structure_id", "potential"]]
sites = sites.explode(lists)
assert len(sites) == len(forces)
for column in sites:
    a, b = forces[column].to_numpy(), sites[column].to_numpy()
    assert (a == b).all(), column
units = json.loads(pq.read_schema("RUN/report/energies.parquet").metadata[b"units"])
assert units["stress_xy_ev_per_a3"] == "eV/Å^3" and units["volume_a3"] == "Å^3"
print(len(sites), "sites")
"#;

const OTHERS: &str = r#"
import duckdb
import polars as pl
energies = pl.read_csv("RUN/report/energies.csv", schema_overrides={"structure_id": pl.String})
columns = pl.read_parquet("RUN/report/energies.parquet")
assert columns["energy_ev"].to_list() == energies["energy_ev"].to_list()
sites = pl.read_parquet("RUN/report/sites.parquet")
flat = sites.explode([name for name in sites.columns if name not in ["structure_id", "potential"]])
forces = pl.read_csv("RUN/report/forces.csv", schema_overrides={"structure_id": pl.String})
assert flat["fx_ev_per_a"].to_list() == forces["fx_ev_per_a"].to_list()
total = "select sum(energy_ev) from 'RUN/report/energies.parquet' where status = 'ok'"
assert abs(duckdb.sql(total).fetchall()[0][0] - energies["energy_ev"].sum()) < 1e-9
count = "select count(*) from (select unnest(fx_ev_per_a) from 'RUN/report/sites.parquet')"
assert duckdb.sql(count).fetchall()[0][0] == len(forces)
"#;

#[test]
fn parquet_files_agree_with_the_tables_to_the_bit() {
    let Some(python) = python(&["pandas", "pyarrow", "numpy"]) else { return };
    let folder = whole_run();
    assert_eq!(script(&python, PARQUET, folder.path()), "80 sites\n");
    if let Some(python) = crate::support::python(&["polars", "duckdb"]) {
        script(&python, OTHERS, folder.path());
    }
}

const PYMATGEN: &str = r#"
import csv, json
import numpy as np
from pymatgen.core import Structure
rows = {(row["structure_id"], row["potential"]): row for row in csv.DictReader(open("RUN/report/energies.csv"))}
n = 0
for label in ["orb", "mace"]:
    for line in open(f"RUN/report/structures.{label}.jsonl"):
        structure = Structure.from_dict(json.loads(line))
        said = structure.properties
        row = rows[said["structure_id"], label]
        assert said["energy_ev"] == float(row["energy_ev"])
        assert len(structure.site_properties["forces"]) == len(structure) == int(row["n_atoms"])
        assert abs(structure.density / float(row["density_g_per_cm3"]) - 1) < 1e-6
        assert abs(structure.volume / float(row["volume_a3"]) - 1) < 1e-12
        assert structure.get_space_group_info(symprec=0.01)[1] == int(row["space_group"])
        again = Structure.from_dict(json.loads(json.dumps(structure.as_dict())))
        assert again == structure and (again.frac_coords == structure.frac_coords).all()
        n += 1
print(n, "structures")
"#;

#[test]
fn pymatgen_reads_what_the_tables_say() {
    let Some(python) = python(&["pymatgen.core", "numpy"]) else { return };
    let folder = whole_run();
    assert_eq!(script(&python, PYMATGEN, folder.path()), "10 structures\n");
}
