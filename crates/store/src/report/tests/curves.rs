//! Tables and plot of energies at several volumes.

use super::parts::{entries, journal, plan, provenance, record, structure, survey, table};
use crate::Frame;
use crate::report::{ReportPlan, report_from_journals};
use mlip_atoms::{FailureKind, Prediction};
use mlip_calculations::{
    CalculationConfig, Computed, Details, EnergyVolume, EnergyVolumeCurve, EquationOfState, Outcome,
};

fn curved(minimum: f64) -> Outcome {
    let volumes: Vec<f64> = (0..7).map(|point| 38.0 + f64::from(point)).collect();
    let energies = volumes.iter().map(|volume| 0.01 * (volume - minimum).powi(2) - 8.0).collect();
    let prediction = Prediction { energy: -8.0, forces: vec![[0.0; 3]; 2], ..Prediction::default() };
    let details = Some(Details::EnergyVolume(EnergyVolumeCurve { volumes, energies }));
    Outcome::Done(Computed { prediction, details })
}

#[test]
fn every_point_has_a_row_and_every_curve_its_minimum_or_none() {
    let run = tempfile::tempdir().unwrap();
    let plan = ReportPlan { calculation: CalculationConfig::EnergyVolume(EnergyVolume::default()), ..plan(&["mine"]) };
    let states = [1, 2, 3, 4].map(|number| structure(number, 2, &[]));
    let failed = Outcome::Failed(super::parts::failure(FailureKind::Timeout, None, "at 38.000 Å^3: too late"));
    let outcomes = [curved(41.5), curved(60.0), failed];
    let mut frames: Vec<Frame> = (0..).zip(&states).map(|(entry, state)| survey(entry, state.clone())).collect();
    frames.extend(
        states
            .iter()
            .zip(outcomes)
            .map(|(state, outcome)| Frame::Finished(record(&plan, state, 0, &[11, 17], outcome))),
    );
    journal(run.path(), 1, 0, &frames);
    let list = entries(&[("a", "a.cif"), ("b", "b.cif"), ("c", "c.cif"), ("d", "d.cif")]);
    let files = report_from_journals(run.path(), &plan, &provenance(), list, 2, None).unwrap().files;

    let points = table(run.path(), "energy_volume");
    assert_eq!(points.lines().count(), 1 + 14);
    assert_eq!(points.lines().nth(1), Some("a,mine,0,38.0,-7.8775,-3.93875"));
    let states = table(run.path(), "equation_of_state");
    let rows: Vec<Vec<&str>> = states.lines().skip(1).map(|row| row.split(',').collect()).collect();
    let status: Vec<&str> = rows.iter().map(|row| row[4]).collect();
    assert_eq!(status, ["ok", "no_minimum", "timeout", "pending"]);
    let expected = match curved(41.5) {
        Outcome::Done(Computed { details: Some(Details::EnergyVolume(curve)), .. }) => {
            EquationOfState::fit(&curve.volumes, &curve.energies).unwrap()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(rows[0][5], "41.0");
    assert_eq!(rows[0][6].parse::<f64>().unwrap(), expected.volume);
    // ASE's eV/Å^3 in GPa.
    assert_eq!(rows[0][9].parse::<f64>().unwrap(), expected.bulk_modulus * 160.217_662_08);
    assert_eq!(rows[1][6..], [""; 6]);

    let plot = std::fs::read_to_string(run.path().join("report/energy_volume.svg")).unwrap();
    assert!(files.contains(&run.path().join("report/energy_volume.svg")));
    assert_eq!((plot.matches("<g>").count(), plot.matches("<circle").count()), (2, 14));
}

#[test]
fn single_points_have_no_tables_of_curves() {
    let run = tempfile::tempdir().unwrap();
    let plan = plan(&["mine"]);
    let state = structure(1, 2, &[]);
    let done = record(&plan, &state, 0, &[11, 17], Outcome::Done(Prediction::default().into()));
    journal(run.path(), 1, 0, &[survey(0, state), Frame::Finished(done)]);
    let files =
        report_from_journals(run.path(), &plan, &provenance(), entries(&[("a", "a.cif")]), 1, None).unwrap().files;
    assert!(files.iter().all(|file| !file.to_string_lossy().contains("volume")), "{files:?}");
}
