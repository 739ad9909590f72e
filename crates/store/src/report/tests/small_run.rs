//! Tables and provenance of a run that can be read at a glance.

use super::parts::*;
use crate::report::*;
use crate::{EntryState, Frame, MemorySample, StoreError};
use mlip_atoms::{FailureKind, Prediction};
use mlip_calculations::Outcome;
use std::convert::Infallible;
use std::fs;
use std::path::Path;

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
            Frame::Finished(record(plan, &salt, 1, &[11, 17], Outcome::Done(plain.into()))),
            Frame::Finished(record(plan, &iron, 0, &[26], Outcome::Failed(timeout))),
        ],
    );
    journal(
        run,
        1,
        1,
        &[
            survey(1, iron.clone()),
            Frame::Finished(record(plan, &salt, 0, &[11, 17], Outcome::Done(both.into()))),
            Frame::Finished(record(plan, &iron, 1, &[26], Outcome::Done(bare.into()))),
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
    let WrittenReport { counts, first_failure, files } =
        report_from_journals(run.path(), &plan, &provenance(), entries, 3, None).unwrap();
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names.last(), Some(&"run.json"));
    assert_eq!(files.len(), TABLES.len() + 1);
    let expected = ReportCounts {
        entries: 4,
        structures: 2,
        unreadable: 1,
        ok: 3,
        cached: 0,
        failed: 1,
        pending: 2,
        warnings: 1,
        failures: [("disordered", 1), ("timeout", 1)].map(|(class, count)| (class.to_owned(), count)).into(),
        without_cell: 2,
        ..ReportCounts::default()
    };
    assert_eq!(counts, expected);
    assert!(first_failure.unwrap().starts_with("in/Fe, \u{3b1}.cif: "));

    assert_eq!(
        table(run.path(), "energies"),
        "\
structure_id,path,formula,n_atoms,potential,checkpoint,status,energy_ev,energy_per_atom_ev,max_force_ev_per_a,\
stress_xx_ev_per_a3,stress_yy_ev_per_a3,stress_zz_ev_per_a3,stress_yz_ev_per_a3,stress_xz_ev_per_a3,stress_xy_ev_per_a3,\
total_magmom_mu_b,volume_a3,density_g_per_cm3,space_group
NaCl,in/NaCl.cif,ClNa,2,chgnet,\"chgnet 1, built in 00ff\",ok,-6.75,-3.375,1e22,0.01,0.02,0.03,-0.001,0.0,1e-300,0.25,,,
NaCl,in/NaCl.cif,ClNa,2,lj,\"lj 1, built in 00ff\",ok,-7.25,-3.625,5.0,,,,,,,,,,
Fe,\"in/Fe, \u{3b1}.cif\",Fe,1,chgnet,\"chgnet 1, built in 00ff\",timeout,,,,,,,,,,,,,
Fe,\"in/Fe, \u{3b1}.cif\",Fe,1,lj,\"lj 1, built in 00ff\",ok,1.0,1.0,,,,,,,,,,,
FeCo,in/FeCo.cif,,,chgnet,\"chgnet 1, built in 00ff\",disordered,,,,,,,,,,,,,
FeCo,in/FeCo.cif,,,lj,\"lj 1, built in 00ff\",disordered,,,,,,,,,,,,,
late,in/late.cif,,,chgnet,\"chgnet 1, built in 00ff\",pending,,,,,,,,,,,,,
late,in/late.cif,,,lj,\"lj 1, built in 00ff\",pending,,,,,,,,,,,,,
"
    );
    assert_eq!(
        table(run.path(), "forces"),
        "\
structure_id,potential,site,element,fx_ev_per_a,fy_ev_per_a,fz_ev_per_a,magmom_mu_b,frac_a,frac_b,frac_c
NaCl,chgnet,0,Na,0.30000000000000004,-0.0,1e-7,0.5,,,
NaCl,chgnet,1,Cl,-0.5,0.0,1e22,-0.25,,,
NaCl,lj,0,Na,3.0,4.0,0.0,,,,
NaCl,lj,1,Cl,-3.0,-4.0,0.0,,,,
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
    report_from_journals(run.path(), &plan, &provenance(), entries, 3, None).unwrap();
    let text = fs::read_to_string(run.path().join("report/run.json")).unwrap();
    let json: RunJson = serde_json::from_str(&text).unwrap();
    let expected: Vec<_> = plan.potentials.iter().map(PotentialJson::from).collect();
    assert_eq!(json.potentials, expected);
    assert_eq!((json.potentials[0].label.as_str(), json.potentials[0].name.as_str()), ("chgnet", "model-chgnet"));
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
    let done = record(&plan, &state, 0, &vec![18; forces.len()], Outcome::Done(prediction.into()));
    journal(run.path(), 1, 0, &[survey(0, state), Frame::Finished(done)]);
    report_from_journals(run.path(), &plan, &provenance(), entries(&[("a", "a.cif")]), 3, None).unwrap();
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

#[test]
fn potentials_of_the_same_name_are_refused() {
    let run = tempfile::tempdir().unwrap();
    let error = ReportWriter::create(run.path(), &plan(&["lj", "lj"])).err();
    assert!(matches!(error, Some(StoreError::DuplicatePotential { label }) if label == "lj"));
}

#[test]
fn a_report_that_fails_leaves_the_one_before() {
    let run = tempfile::tempdir().unwrap();
    let plan = plan(&["chgnet", "lj"]);
    report_from_journals(run.path(), &plan, &provenance(), small_run(run.path(), &plan), 3, None).unwrap();
    let before = table(run.path(), "energies");
    let broken = vec![Ok(("NaCl".to_owned(), "x".to_owned())), Err("the manifest ends early")];
    let error = report_from_journals(run.path(), &plan, &provenance(), broken, 3, None).unwrap_err();
    assert_eq!(error.to_string(), "cannot collect the entries for the report");
    assert_eq!(table(run.path(), "energies"), before);
    assert_eq!(fs::read_dir(run.path().join("report")).unwrap().count(), TABLES.len() + 1);
}
