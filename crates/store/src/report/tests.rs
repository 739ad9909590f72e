use super::*;
use crate::journal::JournalWriter;
use crate::samples::{RUN, header};
use crate::{EntryState, Frame, MemorySample, Record, StoreError, StructureDigest, SurveyedEntry};
use mlip_atoms::{PotentialId, Precision, Prediction};
use mlip_tasks::{Failure, FailureKind, Outcome};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::Path;

const TABLES: [&str; 8] =
    ["energies", "forces", "ensemble", "forces_ensemble", "failures", "warnings", "timings", "memory"];

fn potential(name: &str) -> PotentialId {
    PotentialId {
        name: name.to_owned(),
        checkpoint: format!("{name} 1, built in"),
        digest: "00ff".to_owned(),
        precision: Precision::F64,
        settings: String::new(),
    }
}

fn plan(names: &[&str]) -> ReportPlan {
    ReportPlan {
        potentials: names.iter().map(|name| potential(name)).collect(),
        settings: "single_point".to_owned(),
        options: ReportOptions::default(),
    }
}

fn provenance() -> Provenance {
    Provenance {
        version: "0.1.0".to_owned(),
        run: RUN,
        settings: serde_json::json!({ "dtype": "f64" }),
        frame: "pymatgen".to_owned(),
    }
}

fn structure(number: u8, n_atoms: u32, warnings: &[(&str, &str)]) -> EntryState {
    let warnings = warnings.iter().map(|(class, text)| ((*class).to_owned(), (*text).to_owned())).collect();
    EntryState::Structure { digest: StructureDigest([number; 16]), n_atoms, warnings }
}

fn survey(entry: u64, state: EntryState) -> Frame {
    Frame::Surveyed(vec![SurveyedEntry { entry, state }])
}

fn failure(kind: FailureKind, line: Option<u32>, message: &str) -> Failure {
    Failure { kind, line, message: message.to_owned() }
}

/// The record of one potential for one structure.
fn record(plan: &ReportPlan, state: &EntryState, position: usize, species: &[u8], outcome: Outcome) -> Record {
    let potential = u16::try_from(position).unwrap();
    let key = plan.keys(Some(state))[position];
    Record { key, potential, species: species.to_vec(), outcome, attempts: 1, wall_s: 0.1 }
}

fn journal(run: &Path, attempt: u32, rank: u32, frames: &[Frame]) {
    let mut writer = JournalWriter::create(run, &header(attempt, rank)).unwrap();
    frames.iter().for_each(|frame| {
        writer.append(frame).unwrap();
    });
}

fn entries(rows: &[(&str, &str)]) -> Vec<Result<(String, String), Infallible>> {
    rows.iter().map(|(id, path)| Ok(((*id).to_owned(), (*path).to_owned()))).collect()
}

fn table(run: &Path, name: &str) -> String {
    fs::read_to_string(run.join("report").join(name).with_extension("csv")).unwrap()
}

/// Two potentials; a result of both, a failure of one, a file that cannot be read, one not looked at.
fn small_run(run: &Path, plan: &ReportPlan) -> Vec<Result<(String, String), Infallible>> {
    let salt = structure(1, 2, &[("rounded", "site 2: 0.3333 read as 1/3")]);
    let iron = structure(2, 1, &[]);
    let both = Prediction {
        energy: -6.75,
        forces: vec![[0.1 + 0.2, -0.0, 1e-7], [-0.5, 0.0, 1e22]],
        stress: Some([0.01, 0.02, 0.03, -0.001, 0.0, 1e-300]),
        magmoms: Some(vec![0.5, -0.25]),
        atom_features: None,
    };
    let plain = Prediction { energy: -7.25, forces: vec![[3.0, 4.0, 0.0], [-3.0, -4.0, 0.0]], ..Prediction::default() };
    let bare = Prediction { energy: 1.0, ..Prediction::default() };
    let sample = MemorySample {
        time_s: 30.0,
        resident_bytes: 1000,
        peak_bytes: 2000,
        weight_bytes: 300,
        sharing: Some([700, 300, 850]),
        held_bytes: 50,
        promised_bytes: 400,
        in_flight: 2,
        finished: 4,
        busy_s: 12.5,
    };
    let timeout = failure(FailureKind::Timeout, None, "not finished within 5 s");
    let disordered = failure(FailureKind::Cif("disordered".to_owned()), Some(12), "site Fe1 is 50 % Fe,\n50 % \"Co\"");
    journal(
        run,
        1,
        0,
        &[
            survey(0, salt.clone()),
            survey(2, EntryState::Failed(disordered)),
            Frame::Finished(record(plan, &salt, 1, &[11, 17], Outcome::Done(plain))),
            Frame::Finished(record(plan, &iron, 0, &[26], Outcome::Failed(timeout))),
        ],
    );
    journal(
        run,
        1,
        1,
        &[
            survey(1, iron.clone()),
            Frame::Finished(record(plan, &salt, 0, &[11, 17], Outcome::Done(both))),
            Frame::Finished(record(plan, &iron, 1, &[26], Outcome::Done(bare))),
            Frame::Memory(sample),
            Frame::Closed,
        ],
    );
    entries(&[("NaCl", "in/NaCl.cif"), ("Fe", "in/Fe, \u{3b1}.cif"), ("FeCo", "in/FeCo.cif"), ("late", "in/late.cif")])
}

#[test]
fn the_tables_of_a_small_run_are_these_bytes() {
    let run = tempfile::tempdir().unwrap();
    let plan = plan(&["chgnet", "lj"]);
    let entries = small_run(run.path(), &plan);
    let (counts, files) = report_from_journals(run.path(), &plan, &provenance(), entries).unwrap();
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names.last(), Some(&"run.json"));
    assert_eq!(files.len(), TABLES.len() + 1);
    let expected =
        ReportCounts { entries: 4, structures: 2, unreadable: 1, ok: 3, cached: 0, failed: 1, pending: 2, warnings: 1 };
    assert_eq!(counts, expected);

    assert_eq!(
        table(run.path(), "energies"),
        "\
structure_id,path,formula,n_atoms,potential,checkpoint,status,energy_ev,energy_per_atom_ev,max_force_ev_per_a,\
stress_xx_ev_per_a3,stress_yy_ev_per_a3,stress_zz_ev_per_a3,stress_yz_ev_per_a3,stress_xz_ev_per_a3,stress_xy_ev_per_a3,\
total_magmom_mu_b
NaCl,in/NaCl.cif,ClNa,2,chgnet,\"chgnet 1, built in 00ff\",ok,-6.75,-3.375,1e22,0.01,0.02,0.03,-0.001,0.0,1e-300,0.25
NaCl,in/NaCl.cif,ClNa,2,lj,\"lj 1, built in 00ff\",ok,-7.25,-3.625,5.0,,,,,,,
Fe,\"in/Fe, \u{3b1}.cif\",Fe,1,chgnet,\"chgnet 1, built in 00ff\",timeout,,,,,,,,,,
Fe,\"in/Fe, \u{3b1}.cif\",Fe,1,lj,\"lj 1, built in 00ff\",ok,1.0,1.0,,,,,,,,
FeCo,in/FeCo.cif,,,chgnet,\"chgnet 1, built in 00ff\",disordered,,,,,,,,,,
FeCo,in/FeCo.cif,,,lj,\"lj 1, built in 00ff\",disordered,,,,,,,,,,
late,in/late.cif,,,chgnet,\"chgnet 1, built in 00ff\",pending,,,,,,,,,,
late,in/late.cif,,,lj,\"lj 1, built in 00ff\",pending,,,,,,,,,,
"
    );
    assert_eq!(
        table(run.path(), "forces"),
        "\
structure_id,potential,site,element,fx_ev_per_a,fy_ev_per_a,fz_ev_per_a,magmom_mu_b
NaCl,chgnet,0,Na,0.30000000000000004,-0.0,1e-7,0.5
NaCl,chgnet,1,Cl,-0.5,0.0,1e22,-0.25
NaCl,lj,0,Na,3.0,4.0,0.0,
NaCl,lj,1,Cl,-3.0,-4.0,0.0,
"
    );
    assert_eq!(
        table(run.path(), "ensemble"),
        "\
structure_id,formula,n_atoms,energy_chgnet,energy_lj,energy_mean,energy_std,energy_n_mlips,\
max_force_chgnet,max_force_lj,max_force_mean,max_force_std,max_force_n_mlips,\
stress_xx_mean,stress_xx_std,stress_yy_mean,stress_yy_std,stress_zz_mean,stress_zz_std,\
stress_yz_mean,stress_yz_std,stress_xz_mean,stress_xz_std,stress_xy_mean,stress_xy_std,stress_n_mlips
NaCl,ClNa,2,-6.75,-7.25,-7.0,0.25,2,1e22,5.0,5e21,5e21,2,0.01,0.0,0.02,0.0,0.03,0.0,-0.001,0.0,0.0,0.0,1e-300,0.0,1
Fe,Fe,1,,1.0,1.0,0.0,1,,,,,,,,,,,,,,,,,,
FeCo,,,,,,,,,,,,,,,,,,,,,,,,,
late,,,,,,,,,,,,,,,,,,,,,,,,,
"
    );
    assert_eq!(
        table(run.path(), "forces_ensemble"),
        "\
structure_id,site,element,fx_mean_ev_per_a,fy_mean_ev_per_a,fz_mean_ev_per_a,\
fx_std_ev_per_a,fy_std_ev_per_a,fz_std_ev_per_a,n_mlips
NaCl,0,Na,1.65,2.0,5e-8,1.3499999999999999,2.0,5e-8,2
NaCl,1,Cl,-1.75,-2.0,5e21,1.25,2.0,5e21,2
"
    );
    assert_eq!(
        table(run.path(), "failures"),
        "\
structure_id,path,potential,line,kind,message,attempts
Fe,\"in/Fe, \u{3b1}.cif\",chgnet,,timeout,not finished within 5 s,1
FeCo,in/FeCo.cif,,12,disordered,\"site Fe1 is 50 % Fe,\n50 % \"\"Co\"\"\",1
"
    );
    assert_eq!(
        table(run.path(), "warnings"),
        "structure_id,path,class,message\nNaCl,in/NaCl.cif,rounded,site 2: 0.3333 read as 1/3\n"
    );
    assert_eq!(
        table(run.path(), "memory"),
        "\
host,rank,attempt,time_s,resident_bytes,peak_bytes,weight_bytes,private_bytes,shared_bytes,proportional_bytes,\
held_bytes,promised_bytes,in_flight,finished,busy_s
node1,1,1,30.0,1000,2000,300,700,300,850,50,400,2,4,12.5
"
    );
    assert_eq!(
        table(run.path(), "timings"),
        "\
structure_id,potential,n_atoms,host,rank,attempt,wall_s
NaCl,chgnet,2,node1,1,1,0.1
NaCl,lj,2,node0,0,1,0.1
Fe,chgnet,1,node0,0,1,0.1
Fe,lj,1,node1,1,1,0.1
"
    );
}

#[test]
fn provenance_names_potentials_hosts_and_attempts() {
    let run = tempfile::tempdir().unwrap();
    let plan = plan(&["chgnet", "lj"]);
    let entries = small_run(run.path(), &plan);
    report_from_journals(run.path(), &plan, &provenance(), entries).unwrap();
    let text = fs::read_to_string(run.path().join("report/run.json")).unwrap();
    let json: RunJson = serde_json::from_str(&text).unwrap();
    assert_eq!(json.potentials, plan.potentials);
    assert_eq!(json.hosts, ["node0", "node1"]);
    assert_eq!((json.attempts.len(), json.attempts[0].n_closed, json.attempts[0].n_records), (1, 1, 4));
    assert_eq!((json.wall_s, json.counts.ok), (30.0, 3));
}

#[test]
fn every_float_reads_back_to_the_same_bits() {
    let run = tempfile::tempdir().unwrap();
    let plan = plan(&["lj"]);
    let state = structure(1, 1, &[]);
    let numbers = [f64::MIN_POSITIVE / 3.0, 1.0 / 3.0, -f64::MAX, 9_007_199_254_740_993.0, 5e-324, -0.0];
    let mut forces: Vec<[f64; 3]> = numbers.iter().map(|number| [*number, -number, number / 7.0]).collect();
    forces.extend((0..500u64).map(|seed| {
        let bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let number = f64::from_bits(bits & !(1 << 62));
        [number, number * 0.1, number * 3.0]
    }));
    let prediction = Prediction { energy: 0.1, forces: forces.clone(), ..Prediction::default() };
    let done = record(&plan, &state, 0, &vec![18; forces.len()], Outcome::Done(prediction));
    journal(run.path(), 1, 0, &[survey(0, state), Frame::Finished(done)]);
    report_from_journals(run.path(), &plan, &provenance(), entries(&[("a", "a.cif")])).unwrap();
    let text = table(run.path(), "forces");
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let mut n_rows = 0;
    for (row, force) in rows.records().zip(&forces) {
        let row = row.unwrap();
        for (field, component) in (4..7).zip(force) {
            assert_eq!(row[field].parse::<f64>().unwrap().to_bits(), component.to_bits(), "{}", &row[field]);
        }
        n_rows += 1;
    }
    assert_eq!(n_rows, forces.len());
}

/// A run of 40 entries, some equal, some failing, written by `n_ranks` ranks in `n_attempts` attempts,
/// with a torn tail in every journal but the last attempt's.
fn large_run(run: &Path, plan: &ReportPlan, n_ranks: u32, n_attempts: u32) -> BTreeMap<&'static str, String> {
    let mut frames: BTreeMap<(u32, u32), Vec<Frame>> = BTreeMap::new();
    let state = |entry: u64| match entry % 9 {
        8 => EntryState::Failed(failure(FailureKind::Unreadable, None, "no such file")),
        // Entries 0 and 10, 1 and 11, … are equal structures.
        _ => structure(u8::try_from(entry % 10).unwrap(), 1 + u32::try_from(entry % 10).unwrap(), &[("w", "x")]),
    };
    for attempt in 1..=n_attempts {
        for entry in 0..40 {
            let owner = u32::try_from((entry * 7 + u64::from(attempt)) % u64::from(n_ranks)).unwrap();
            // An earlier attempt may have found another content, and died over it.
            let state = if attempt < n_attempts && entry == 5 {
                EntryState::Failed(failure(FailureKind::Unreadable, None, "stale"))
            } else {
                state(entry)
            };
            frames.entry((attempt, owner)).or_default().push(survey(entry, state));
        }
    }
    for number in 0..10u64 {
        let entry = (0..40).find(|entry| entry % 10 == number && entry % 9 != 8).unwrap();
        let state = state(entry);
        for position in 0..plan.potentials.len() {
            let turn = u32::try_from(number).unwrap() * 2 + u32::try_from(position).unwrap();
            let n_atoms = 1 + usize::try_from(number).unwrap();
            let outcome = if turn % 5 == 3 {
                Outcome::Failed(failure(FailureKind::NotFinite, None, "the result is not finite (energy)"))
            } else {
                let numbers: Vec<[f64; 3]> = (0..n_atoms).map(|site| [site as f64 / 3.0, 0.1, -0.7]).collect();
                Outcome::Done(Prediction { energy: -f64::from(turn) / 3.0, forces: numbers, ..Prediction::default() })
            };
            let species = vec![26; n_atoms];
            let done = Frame::Finished(record(plan, &state, position, &species, outcome));
            let place = (1 + turn % n_attempts, (turn * 5) % n_ranks);
            frames.entry(place).or_default().push(done.clone());
            // The same result once more, in the last attempt, by another rank.
            frames.entry((n_attempts, (turn + 1) % n_ranks)).or_default().push(done);
        }
    }
    for ((attempt, rank), frames) in &frames {
        let mut writer = JournalWriter::create(run, &header(*attempt, *rank)).unwrap();
        frames.iter().for_each(|frame| {
            writer.append(frame).unwrap();
        });
        if *attempt == n_attempts {
            writer.close().unwrap();
        } else {
            use std::io::Write as _;
            let mut file = fs::OpenOptions::new().append(true).open(writer.path()).unwrap();
            file.write_all(&[20, 0, 0, 0, 1, 2]).unwrap();
        }
    }
    let rows: Vec<(String, String)> = (0..40).map(|entry| (format!("s{entry}"), format!("{entry}.cif"))).collect();
    let rows = rows.into_iter().map(Ok::<_, Infallible>);
    report_from_journals(run, plan, &provenance(), rows).unwrap();
    TABLES[..6].iter().map(|name| (*name, table(run, name))).collect()
}

#[test]
fn tables_do_not_depend_on_ranks_and_attempts() {
    let plan = plan(&["chgnet", "lj"]);
    let reference = large_run(tempfile::tempdir().unwrap().path(), &plan, 1, 1);
    assert_eq!(reference["energies"].lines().count(), 81);
    assert!(!reference["energies"].contains("pending"));
    for (n_ranks, n_attempts) in [(2, 1), (3, 2), (8, 5), (1, 4)] {
        let tables = large_run(tempfile::tempdir().unwrap().path(), &plan, n_ranks, n_attempts);
        assert_eq!(tables, reference, "{n_ranks} ranks, {n_attempts} attempts");
    }
}

#[test]
fn compressed_tables_hold_the_same_and_replace_the_plain_ones() {
    let run = tempfile::tempdir().unwrap();
    let mut plan = plan(&["chgnet", "lj"]);
    let plain = large_run(run.path(), &plan, 2, 1);
    plan.options.compress = true;
    let rows = || (0..40).map(|entry| Ok::<_, Infallible>((format!("s{entry}"), format!("{entry}.cif"))));
    let compressed = || {
        report_from_journals(run.path(), &plan, &provenance(), rows()).unwrap();
        fs::read(run.path().join("report/forces.csv.zst")).unwrap()
    };
    let bytes = compressed();
    assert_eq!(zstd::decode_all(bytes.as_slice()).unwrap(), plain["forces"].as_bytes());
    assert!(!run.path().join("report/forces.csv").exists());
    assert_eq!(compressed(), bytes, "same bytes every time");
    plan.options.compress = false;
    report_from_journals(run.path(), &plan, &provenance(), rows()).unwrap();
    assert!(!run.path().join("report/forces.csv.zst").exists());
    assert_eq!(table(run.path(), "forces"), plain["forces"]);
}

#[test]
fn potentials_of_the_same_name_are_refused() {
    let run = tempfile::tempdir().unwrap();
    let error = ReportWriter::create(run.path(), &plan(&["lj", "lj"]).potentials, ReportOptions::default()).err();
    assert!(matches!(error, Some(StoreError::DuplicatePotential { name }) if name == "lj"));
}

#[test]
fn a_report_that_fails_leaves_the_one_before() {
    let run = tempfile::tempdir().unwrap();
    let plan = plan(&["chgnet", "lj"]);
    report_from_journals(run.path(), &plan, &provenance(), small_run(run.path(), &plan)).unwrap();
    let before = table(run.path(), "energies");
    let broken = vec![Ok(("NaCl".to_owned(), "x".to_owned())), Err("the manifest ends early")];
    let error = report_from_journals(run.path(), &plan, &provenance(), broken).unwrap_err();
    assert_eq!(error.to_string(), "cannot collect the entries for the report");
    assert_eq!(table(run.path(), "energies"), before);
    assert_eq!(fs::read_dir(run.path().join("report")).unwrap().count(), TABLES.len() + 1);
}

#[test]
fn a_long_list_passes_through_in_windows_without_a_gap() {
    let run = tempfile::tempdir().unwrap();
    let plan = plan(&["lj"]);
    let state = |entry: u64| {
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&entry.to_le_bytes());
        // Large structures: a window holds few of them.
        EntryState::Structure { digest: StructureDigest(digest), n_atoms: 1000, warnings: Vec::new() }
    };
    let energy = |entry: u64| entry as f64 / 8.0;
    let mut frames = Vec::new();
    for first in (0..5000).step_by(700) {
        let range = first..(first + 700).min(5000);
        frames.push(Frame::Surveyed(range.map(|entry| SurveyedEntry { entry, state: state(entry) }).collect()));
    }
    for entry in (0..5000).rev() {
        let outcome = Outcome::Done(Prediction { energy: energy(entry), ..Prediction::default() });
        frames.push(Frame::Finished(record(&plan, &state(entry), 0, &[18], outcome)));
    }
    journal(run.path(), 1, 0, &frames);
    let rows = (0..5001).map(|entry| Ok::<_, Infallible>((entry.to_string(), String::new())));
    let (counts, _) = report_from_journals(run.path(), &plan, &provenance(), rows).unwrap();
    assert_eq!((counts.ok, counts.pending), (5000, 1));
    let text = table(run.path(), "energies");
    for (entry, line) in text.lines().skip(1).take(5000).enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[0], entry.to_string());
        assert_eq!(fields[8].parse::<f64>().unwrap(), energy(entry as u64));
    }
}
