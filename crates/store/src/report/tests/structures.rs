//! Reports of runs whose journals hold the structures: cells in the tables, and the forms for other tools.

use super::parts::*;
use crate::report::*;
use crate::{EntryState, Frame, StructureDigest, SurveyedEntry, SurveyedStructure, SurveyedStructures};
use mlip_atoms::{FailureKind, Lattice, Prediction, Species, Structure};
use mlip_calculations::{CalculationConfig, Computed, Details, Ended, Outcome, Relaxation, Relaxed, SpaceGroups};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// Rock salt; `number` decides its length.
fn salt(number: u64) -> Arc<Structure> {
    let length = 5.6 + 0.01 * number as f64;
    let lattice = Lattice::from_vectors([[length, 0.0, 0.0], [0.0, length, 0.0], [0.0, 0.0, length]]).unwrap();
    let corners = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
    let chlorine = corners.map(|[x, y, z]: [f64; 3]| [x + 0.5, y, z]);
    let of = |symbol| Species::from_symbol(symbol).unwrap();
    let species = [[of("Na"); 4], [of("Cl"); 4]].concat();
    Arc::new(Structure::new(lattice, species, [corners, chlorine].concat()).unwrap())
}

fn state(structure: &Structure) -> EntryState {
    let n_atoms = u32::try_from(structure.n_atoms()).unwrap();
    EntryState::Structure { digest: StructureDigest::of(structure), n_atoms, warnings: Vec::new() }
}

fn relaxed(structure: &Structure, ended: Ended) -> Relaxed {
    Relaxed {
        ended,
        message: (ended == Ended::Diverged).then(|| "the energy fell".to_owned()),
        steps: 7,
        evaluations: 9,
        initial_energy: -27.0,
        final_energy: -27.5,
        fmax: 0.01,
        max_force: 0.01,
        max_stress: None,
        initial_volume: 1.0,
        final_volume: 2.0,
        lattice: *structure.lattice().vectors(),
        fractional: structure.fractional().to_vec(),
        rmse: 0.125,
        rms_displacement: 0.1,
        space_groups: SpaceGroups::default(),
        trajectory: Vec::new(),
    }
}

/// 30 crystals, every tenth unreadable, journaled by this many ranks; potential `b` fails on every seventh.
fn run_of(n_ranks: u64, plan: &ReportPlan, threads: usize) -> tempfile::TempDir {
    let run = tempfile::tempdir().unwrap();
    let mut frames: Vec<Vec<Frame>> = (0..n_ranks).map(|_| Vec::new()).collect();
    for entry in 0..30u64 {
        let frames = &mut frames[usize::try_from(entry * 7 % n_ranks).unwrap()];
        if entry % 10 == 9 {
            let nothing = SurveyedStructures { first: entry, last: entry, structures: Vec::new() };
            frames.push(Frame::Structures(nothing));
            frames.push(survey(entry, EntryState::Failed(failure(FailureKind::Unreadable, None, "gone"))));
            continue;
        }
        let structure = salt(entry);
        let kept = vec![SurveyedStructure { entry, structure: structure.clone() }];
        frames.push(Frame::Structures(SurveyedStructures { first: entry, last: entry, structures: kept }));
        let state = state(&structure);
        frames.push(Frame::Surveyed(vec![SurveyedEntry { entry, state: state.clone() }]));
        for position in 0..plan.potentials.len() {
            let species: Vec<u8> = structure.species().iter().map(|species| species.atomic_number()).collect();
            let outcome = if position == 1 && entry % 7 == 3 {
                Outcome::Failed(failure(FailureKind::Timeout, None, "too long"))
            } else {
                let energy = -27.0 - 0.1 * entry as f64 - position as f64;
                let force = |site: usize| [site as f64 / 3.0, -0.1, 1e-7 * entry as f64];
                let prediction = Prediction {
                    energy,
                    forces: (0..8).map(force).collect(),
                    stress: Some([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
                    magmoms: (position == 0).then(|| vec![0.25; 8]),
                    atom_features: None,
                };
                let ended = if entry == 4 { Ended::Diverged } else { Ended::Converged };
                let details =
                    plan.has_relaxations().then(|| Details::Relaxation(Box::new(relaxed(&salt(entry + 1), ended))));
                Outcome::Done(Computed { prediction, details })
            };
            frames.push(Frame::Finished(record(plan, &state, position, &species, outcome)));
        }
    }
    for (rank, frames) in frames.iter().enumerate() {
        journal(run.path(), 1, u32::try_from(rank).unwrap(), frames);
    }
    let ids: Vec<(String, String)> = (0..30).map(|entry| (format!("00{entry}"), format!("{entry}.cif"))).collect();
    let ids: Vec<(&str, &str)> = ids.iter().map(|(id, path)| (id.as_str(), path.as_str())).collect();
    report_from_journals(run.path(), plan, &provenance(), entries(&ids), threads, None).unwrap();
    run
}

fn all_formats(mut plan: ReportPlan) -> ReportPlan {
    plan.options.formats = ReportFormat::ALL.into();
    plan.options.space_groups = true;
    plan.calculation = CalculationConfig::Relaxation(Relaxation::default());
    plan
}

const FORMS: [&str; 13] = [
    "structures.a.db",
    "structures.b.db",
    "structures.a.extxyz",
    "structures.b.extxyz",
    "structures.a.jsonl",
    "structures.b.jsonl",
    "genbench.jsonl",
    "relaxed.a.cif.tar",
    "relaxed.b.cif.tar",
    "energies.parquet",
    "ensemble.parquet",
    "structures.parquet",
    "sites.parquet",
];

fn bytes(run: &Path, name: &str) -> Vec<u8> {
    fs::read(run.join("report").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn forms_do_not_depend_on_ranks_and_threads() {
    let plan = all_formats(plan(&["a", "b"]));
    let one = run_of(1, &plan, 1);
    let four = run_of(4, &plan, 3);
    for name in FORMS {
        assert!(bytes(one.path(), name) == bytes(four.path(), name), "{name}");
    }
    for name in TABLES.iter().filter(|name| !["timings", "memory"].contains(name)) {
        assert_eq!(table(one.path(), name), table(four.path(), name), "{name}");
    }
}

#[test]
fn cells_stand_in_the_tables() {
    let mut plan = plan(&["a"]);
    plan.options.space_groups = true;
    let run = run_of(1, &plan, 2);
    let text = table(run.path(), "structures");
    let mut lines = text.lines();
    let header = "structure_id,path,formula,n_atoms,a,b,c,alpha,beta,gamma,ax,ay,az,bx,by,bz,cx,cy,cz,volume_a3,\
                  density_g_per_cm3,space_group";
    assert_eq!(lines.next().unwrap(), header);
    let first: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(first[..10], ["000", "0.cif", "Cl4Na4", "8", "5.6", "5.6", "5.6", "90.0", "90.0", "90.0"]);
    // Fm-3m; pymatgen gives 2.2104 g/cm³ for it.
    assert_eq!(first[21], "225");
    assert!((first[20].parse::<f64>().unwrap() - 4.0 * 58.442_769_28 * 1.660_539_066_6 / 175.616).abs() < 1e-12);
    assert_eq!(lines.nth(8).unwrap(), "009,9.cif,,,,,,,,,,,,,,,,,,,,");
    let energies = table(run.path(), "energies");
    assert!(energies.lines().nth(1).unwrap().ends_with(&format!(",{}", first[19..].join(","))));
    assert!(table(run.path(), "forces").lines().nth(2).unwrap().ends_with(",0.25,0.0,0.5,0.5"));
}

#[test]
fn frames_for_ase_hold_what_the_tables_hold() {
    let plan = all_formats(plan(&["a"]));
    let run = run_of(2, &plan, 2);
    let text = String::from_utf8(bytes(run.path(), "structures.extxyz")).unwrap();
    let lines: Vec<&str> = text.lines().take(3).collect();
    assert_eq!(lines[0], "8");
    assert_eq!(
        lines[1],
        "Lattice=\"5.6 0.0 0.0 0.0 5.6 0.0 0.0 0.0 5.6\" Properties=species:S:1:pos:R:3:forces:R:3:magmoms:R:1 \
         pbc=\"T T T\" structure_id=\"_JSON \\\"000\\\"\" potential=\"a\" energy=-27.0 \
         stress=\"0.1 0.6 0.5 0.6 0.2 0.4 0.5 0.4 0.3\" magmom=2.0"
    );
    assert_eq!(lines[2], "Na 0.0 0.0 0.0 0.0 -0.1 0.0 0.25");
    assert_eq!(text.lines().filter(|line| line.starts_with("Lattice")).count(), 27);
}

#[test]
fn properties_are_those_of_upstream_and_left_out_where_there_is_none() {
    let plan = all_formats(plan(&["a", "b"]));
    let run = run_of(1, &plan, 1);
    let text = String::from_utf8(bytes(run.path(), "genbench.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 27);
    let of = |entry: usize, name: &str| lines[entry]["properties"].get(name).cloned();
    let number = |entry: usize, name: &str| of(entry, name).and_then(|value| value.as_f64());
    assert_eq!(lines[0]["@class"], "Structure");
    assert_eq!(lines[0]["sites"][4]["label"], "Cl");
    assert_eq!(number(0, "energy_a"), Some(-27.0));
    assert_eq!(number(0, "energy_mean"), Some(-27.5));
    assert_eq!(of(0, "energy_n_mlips"), Some(2.into()));
    assert_eq!(number(0, "relaxation_rmse_b"), Some(0.125));
    assert_eq!(of(0, "relaxation_steps_a"), Some(7.into()));
    assert_eq!(of(0, "relaxed_structure_a").unwrap()["@class"], "Structure");
    assert_eq!(of(0, "forces_n_mlips"), Some(2.into()));
    assert_eq!(of(0, "mlip_model_a"), Some("model-a".into()));
    // Stopped: no values, and why.
    assert_eq!(of(4, "relaxation_failed_a"), Some(true.into()));
    assert_eq!(of(4, "relaxation_error_a"), Some("the energy fell".into()));
    assert_eq!((of(4, "relaxation_rmse_a"), of(4, "relaxation_rmse_mean")), (None, None));
    // Only one of the two has a result.
    assert_eq!((of(3, "energy_b"), of(3, "energy_n_mlips")), (None, Some(1.into())));
    assert_eq!(number(3, "energy_mean"), number(3, "energy_a"));
    assert_eq!((of(0, "e_above_hull_a"), of(0, "graph_embedding_a")), (None, None));
}

/// The rows of a Parquet file as a CSV would have them.
fn rows_of(run: &Path, name: &str) -> Vec<Vec<String>> {
    let file = File::open(run.join("report").join(name)).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let text = |field: &Field| match field {
        Field::Null => String::new(),
        Field::Double(number) => format!("{number:?}"),
        Field::Long(number) => number.to_string(),
        Field::Str(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| row.unwrap().get_column_iter().map(|(_, f)| text(f)).collect())
        .collect()
}

#[test]
fn parquet_files_hold_the_tables_to_the_bit() {
    let plan = all_formats(plan(&["a", "b"]));
    let run = run_of(3, &plan, 2);
    for name in ["energies", "ensemble", "structures"] {
        let text = table(run.path(), name);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let expected: Vec<Vec<String>> =
            reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        assert_eq!(rows_of(run.path(), &format!("{name}.parquet")), expected, "{name}");
    }
    let file = File::open(run.path().join("report/sites.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let metadata = reader.metadata().file_metadata();
    let units = metadata.key_value_metadata().unwrap().iter().find(|pair| pair.key == "units").unwrap();
    assert!(units.value.as_ref().unwrap().contains("\"fx_ev_per_a\":\"eV/Å\""));
    // A row a result; taken apart they are the rows of forces.csv.
    let forces = table(run.path(), "forces");
    assert_eq!(metadata.num_rows() * 8, forces.lines().count() as i64 - 1);
    let first = reader.get_row_iter(None).unwrap().next().unwrap().unwrap();
    let fields: Vec<String> = first.get_column_iter().map(|(name, field)| format!("{name}={field}")).collect();
    assert_eq!(fields[2], "element=[\"Na\", \"Na\", \"Na\", \"Na\", \"Cl\", \"Cl\", \"Cl\", \"Cl\"]");
}

#[test]
fn an_archive_of_cifs_is_read_by_others() {
    let plan = all_formats(plan(&["a", "b"]));
    let run = run_of(2, &plan, 2);
    let content = bytes(run.path(), "relaxed.a.cif.tar");
    let mut archive = tar::Archive::new(content.as_slice());
    let names: Vec<String> =
        archive.entries().unwrap().map(|member| member.unwrap().path().unwrap().display().to_string()).collect();
    assert_eq!((names.len(), names[0].as_str()), (27, "000.cif"));
}

#[test]
fn what_is_not_asked_for_any_more_is_removed() {
    let plan = all_formats(plan(&["a", "b"]));
    let run = run_of(1, &plan, 1);
    let tables = ReportPlan { options: ReportOptions::default(), ..plan };
    report_from_journals(run.path(), &tables, &provenance(), entries(&[("a", "a.cif")]), 1, None).unwrap();
    for name in FORMS {
        assert!(!run.path().join("report").join(name).exists(), "{name}");
    }
    assert!(run.path().join("report/relaxed.a.extxyz").exists());
}

struct Again(Result<Structure, String>);

impl ReadAgain for Again {
    fn read_again(&self, entry: u64) -> Result<Structure, String> {
        assert_eq!(entry, 0);
        self.0.clone()
    }
}

#[test]
fn structures_that_no_journal_holds_are_read_again_and_must_be_the_same() {
    let plan = plan(&["a"]);
    let run = tempfile::tempdir().unwrap();
    journal(run.path(), 1, 0, &[survey(0, state(&salt(0)))]);
    let report = |again: Result<Structure, String>| {
        let again: Arc<dyn ReadAgain> = Arc::new(Again(again));
        let list = entries(&[("a", "a.cif")]);
        let written = report_from_journals(run.path(), &plan, &provenance(), list, 1, Some(again)).unwrap();
        (written.counts.without_cell, table(run.path(), "structures").lines().nth(1).unwrap().to_owned())
    };
    assert!(report(Ok(salt(0).as_ref().clone())).1.starts_with("a,a.cif,Cl4Na4,8,5.6,"));
    assert_eq!(report(Ok(salt(1).as_ref().clone())), (1, "a,a.cif,,8,,,,,,,,,,,,,,,,,,".to_owned()));
    assert_eq!(report(Err("gone".to_owned())).0, 1);
}
