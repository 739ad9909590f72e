//! What relaxations may not depend on, and how they end when something is wrong.

use super::support::{calculation, evaluate, question, relax, relaxed, structures};
use crate::{
    Ask, AskId, Calculation, CalculationConfig, CellMotion, Computed, Details, Embeddings, Ended, Method, Outcome,
    Relaxation, RelaxationCalculation, Relaxed, Workflow,
};
use mlip_atoms::{FailureKind, Lattice, PredictError, Prediction, Request, Species, Structure};
use std::sync::Arc;

const METHODS: [Method; 4] = [Method::Fire, Method::Bfgs, Method::Lbfgs, Method::BfgsLineSearch];

fn settings(optimizer: Method) -> Relaxation {
    Relaxation { optimizer, fmax: 1e-3, max_steps: 120, ..Relaxation::default() }
}

/// Relaxes with answers that are made up, by evaluation.
fn made_up(
    settings: Relaxation,
    structure: &Arc<Structure>,
    answer: impl Fn(u32, &Ask) -> Result<Prediction, PredictError>,
) -> Relaxed {
    let mut descent = calculation(settings).descent(structure.clone());
    while let Some(ask) = question(&mut descent) {
        descent.receive(ask.id, answer(ask.id.0, &ask));
    }
    relaxed(descent)
}

/// Two hydrogen atoms in a cube of 4 Å.
fn pair(distance: f64) -> Arc<Structure> {
    let lattice = Lattice::from_vectors([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]).unwrap();
    let species = vec![Species::from_symbol("H").unwrap(); 2];
    Arc::new(Structure::new(lattice, species, vec![[0.0; 3], [0.25 * distance, 0.0, 0.0]]).unwrap())
}

fn answer(energy: f64, force: f64, stress: f64) -> Result<Prediction, PredictError> {
    let forces = vec![[force, 0.0, 0.0], [-force, 0.0, 0.0]];
    let stress = Some([stress, stress, stress, 0.0, 0.0, 0.0]);
    Ok(Prediction { energy, forces, stress, ..Prediction::default() })
}

#[test]
fn a_run_that_is_taken_up_again_goes_on_to_the_same_bits() {
    for method in METHODS {
        let structure = &structures()[5];
        let mut first = calculation(settings(method)).start(structure.clone());
        let mut answers = Vec::new();
        while let Some(ask) = question(first.as_mut()) {
            assert_eq!(ask.id, AskId(answers.len() as u32));
            answers.push(evaluate(&ask));
            first.receive(ask.id, answers[answers.len() - 1].clone());
        }
        let mut again = calculation(settings(method)).start(structure.clone());
        let kept = answers.len() / 2;
        assert!(kept > 5);
        let mut given = answers.iter().take(kept).cloned();
        while let Some(ask) = question(again.as_mut()) {
            let answer = given.next().unwrap_or_else(|| evaluate(&ask));
            again.receive(ask.id, answer);
        }
        assert_eq!(first.finish(), again.finish(), "{method:?}");
    }
}

#[test]
fn the_order_of_atoms_does_not_matter() {
    for method in METHODS {
        let structure = &structures()[0];
        let order = |i: usize| structure.n_atoms() - 1 - i;
        let sites = (0..structure.n_atoms()).map(|i| structure.fractional()[order(i)]).collect();
        let permuted = Arc::new(structure.with_positions(sites).unwrap());
        let ((steps, one), (_, other)) = (relax(settings(method), structure), relax(settings(method), &permuted));
        assert!(steps.len() > 10);
        assert!(one.steps == other.steps && (one.final_energy - other.final_energy).abs() < 1e-10, "{method:?}");
        for (i, position) in other.fractional.iter().enumerate() {
            let expected = one.fractional[order(i)];
            assert!((0..3).all(|k| (position[k] - expected[k]).abs() < 1e-6), "{method:?} {i}");
        }
        assert!((one.rmse - other.rmse).abs() < 1e-6 && (one.rms_displacement - other.rms_displacement).abs() < 1e-6);
    }
}

#[test]
fn the_prediction_is_that_of_the_structure_as_it_was_read() {
    let structure = &structures()[2];
    for forces in [true, false] {
        let request = Request { forces, atom_features: true };
        let mut workflow =
            RelaxationCalculation { settings: settings(Method::Bfgs), forces, embeddings: Embeddings::Node }
                .start(structure.clone());
        let mut requests = Vec::new();
        while let Some(ask) = question(workflow.as_mut()) {
            requests.push(ask.request);
            workflow.receive(ask.id, evaluate(&ask));
        }
        assert_eq!(requests[0], Request { forces: true, atom_features: true });
        assert!(requests[1..].iter().all(|request| *request == Request::default()));
        let Outcome::Done(Computed { prediction, details: Some(Details::Relaxation(relaxed)) }) = workflow.finish()
        else {
            panic!()
        };
        let ask = Ask { id: AskId(0), structure: structure.clone(), request };
        assert_eq!(prediction, evaluate(&ask).unwrap());
        assert_eq!(relaxed.initial_energy, prediction.energy);
        assert!(relaxed.final_energy < prediction.energy - 0.01 && relaxed.converged());
        assert_eq!(relaxed.evaluations as usize, requests.len());
    }
}

#[test]
fn cells_do_what_they_may() {
    let structure = &structures()[8];
    let of = |cell| relax(Relaxation { cell, ..settings(Method::Fire) }, structure).1;
    let before = structure.lattice();
    let fixed = of(CellMotion::Fixed);
    assert_eq!(fixed.lattice, *before.vectors());
    let sheared = of(CellMotion::ConstantVolume);
    assert!((sheared.final_volume / before.volume() - 1.0).abs() < 1e-12 && sheared.lattice != *before.vectors());
    let scaled = of(CellMotion::Hydrostatic);
    let factor = (scaled.final_volume / before.volume()).cbrt();
    assert!((factor - 1.0).abs() > 1e-3);
    let components = scaled.lattice.iter().flatten().zip(before.vectors().iter().flatten());
    assert!(components.into_iter().all(|(after, before)| (after - factor * before).abs() < 1e-9));
    assert!(of(CellMotion::Frechet).final_energy < scaled.final_energy.min(sheared.final_energy));
}

#[test]
fn relaxed_positions_lie_in_the_cell_wherever_they_were_read() {
    let structure = &structures()[0];
    let shift = |i: usize| (i % 3) as f64 - 1.0;
    let sites = structure.fractional().iter().enumerate().map(|(i, x)| [x[0] + shift(i), x[1] - 2.0, x[2]]);
    let elsewhere = Arc::new(structure.with_positions(sites.collect()).unwrap());
    let (_, one) = relax(settings(Method::Fire), structure);
    let (_, other) = relax(settings(Method::Fire), &elsewhere);
    assert!(other.fractional.iter().flatten().all(|component| (0.0..1.0).contains(component)));
    let pairs = one.fractional.iter().flatten().zip(other.fractional.iter().flatten());
    assert!(pairs.into_iter().all(|(a, b)| ((a - b) - (a - b).round()).abs() < 1e-6));
    assert!((one.rms_displacement - other.rms_displacement).abs() < 1e-6);
}

#[test]
fn what_a_limit_of_the_run_ended_is_not_for_other_runs() {
    let structure = &structures()[2];
    for (error, for_all) in [
        (PredictError::Timeout { limit_s: 300.0 }, false),
        (PredictError::TooLarge { needed_bytes: 2, limit_bytes: 1 }, false),
        (PredictError::NotFinite { what: "energy" }, true),
    ] {
        let mut workflow = calculation(settings(Method::Fire)).start(structure.clone());
        while let Some(ask) = question(workflow.as_mut()) {
            let answer = if ask.id == AskId(2) { Err(error.clone()) } else { evaluate(&ask) };
            workflow.receive(ask.id, answer);
        }
        assert_eq!(workflow.finish().is_for_all(), for_all, "{error}");
    }
}

#[test]
fn steps_that_are_not_allowed_are_not_taken() {
    let (steps, relaxed) = relax(Relaxation { max_steps: 0, ..Relaxation::default() }, &structures()[2]);
    assert_eq!((steps.len(), relaxed.evaluations, relaxed.steps, relaxed.ended), (1, 1, 0, Ended::Steps));
    let (_, relaxed) = relax(Relaxation { max_steps: 3, ..settings(Method::BfgsLineSearch) }, &structures()[2]);
    assert_eq!((relaxed.steps, relaxed.ended), (3, Ended::Steps));
    let (_, relaxed) = relax(Relaxation { fmax: 100.0, max_steps: 0, ..Relaxation::default() }, &structures()[2]);
    assert_eq!((relaxed.steps, relaxed.ended), (0, Ended::Converged));
}

#[test]
fn a_first_evaluation_that_fails_is_the_failure_of_the_structure() {
    for (error, kind) in [
        (PredictError::Timeout { limit_s: 1.0 }, FailureKind::Timeout),
        (PredictError::NotFinite { what: "energy" }, FailureKind::NotFinite),
    ] {
        let mut workflow = calculation(Relaxation::default()).start(pair(1.0));
        let ask = question(workflow.as_mut()).unwrap();
        workflow.receive(ask.id, Err(error));
        assert!(question(workflow.as_mut()).is_none());
        let Outcome::Failed(failure) = workflow.finish() else { panic!() };
        assert_eq!(failure.kind, kind);
    }
}

#[test]
fn an_evaluation_that_fails_later_leaves_the_last_good_step() {
    let structure = &structures()[2];
    let good = relax(Relaxation { max_steps: 3, ..settings(Method::Fire) }, structure).1;
    for (error, ended) in [
        (PredictError::Timeout { limit_s: 300.0 }, Ended::Timeout),
        (PredictError::NotFinite { what: "energy" }, Ended::NotFinite),
        (PredictError::TooLarge { needed_bytes: 2, limit_bytes: 1 }, Ended::EvaluationFailed),
    ] {
        let stopped = made_up(settings(Method::Fire), structure, |n, ask| match n {
            4 => Err(error.clone()),
            _ => evaluate(ask),
        });
        assert_eq!((stopped.ended, stopped.message.clone()), (ended, Some(error.to_string())));
        assert_eq!((stopped.steps, stopped.evaluations, stopped.final_energy), (3, 5, good.final_energy));
        assert_eq!((stopped.lattice, stopped.fractional), (good.lattice, good.fractional.clone()));
    }
    let infinite = made_up(settings(Method::Fire), structure, |n, ask| {
        let prediction = evaluate(ask)?;
        Ok(if n == 4 { Prediction { energy: f64::NAN, ..prediction } } else { prediction })
    });
    assert_eq!((infinite.ended, infinite.steps), (Ended::NotFinite, 3));
}

#[test]
fn cells_that_collapse_or_explode_are_stopped() {
    let settings = Relaxation { max_steps: 500, ..settings(Method::Fire) };
    for (stress, ended) in [(1.0, Ended::Collapsed), (-1.0, Ended::Exploded)] {
        let stopped = made_up(settings, &pair(2.0), |_, _| answer(-1.0, 0.0, stress));
        assert_eq!(stopped.ended, ended, "{stopped:?}");
        assert!((6.4..=640.0).contains(&stopped.final_volume), "the last good cell is within the limits");
        assert!(stopped.message.unwrap().contains("Å^3"));
    }
}

#[test]
fn atoms_on_top_of_each_other_are_stopped() {
    let fixed = Relaxation { cell: CellMotion::Fixed, max_steps: 500, ..settings(Method::Fire) };
    let stopped = made_up(fixed, &pair(1.0), |_, _| answer(-1.0, 5.0, 0.0));
    assert_eq!(stopped.ended, Ended::Overlapping, "{stopped:?}");
    let [first, second] = stopped.fractional[..] else { panic!() };
    assert!(4.0 * (second[0] - first[0]).abs() >= 0.4, "{stopped:?}");
    // What fails there has the structure as its reason, not the message.
    let failed = made_up(fixed, &pair(1.0), |_, ask| {
        let [first, second] = ask.structure.fractional() else { panic!() };
        if second[0] - first[0] < 0.1 {
            Err(PredictError::NotFinite { what: "forces" })
        } else {
            answer(-1.0, 5.0, 0.0)
        }
    });
    assert_eq!((failed.ended, failed.steps), (Ended::Overlapping, stopped.steps));
}

#[test]
fn what_a_run_ended_within_a_line_search_is_not_the_structures() {
    // The first trial goes far; there no memory is left.
    let settings = Relaxation { cell: CellMotion::Fixed, ..settings(Method::BfgsLineSearch) };
    let error = PredictError::TooLarge { needed_bytes: 2, limit_bytes: 1 };
    let near = |ask: &Ask| {
        let [first, second] = ask.structure.fractional() else { panic!() };
        second[0] - first[0] < 0.1
    };
    let failing =
        |error: PredictError| move |_, ask: &Ask| if near(ask) { Err(error.clone()) } else { answer(-1.0, 5.0, 0.0) };
    let stopped = made_up(settings, &pair(0.6), failing(error));
    assert_eq!(stopped.ended, Ended::EvaluationFailed, "{stopped:?}");
    let isolated = PredictError::IsolatedAtom { potential: "made-up".into(), site: 0, cutoff: 6.0 };
    let stopped = made_up(settings, &pair(0.6), failing(isolated));
    assert_eq!(stopped.ended, Ended::Overlapping, "{stopped:?}");
    assert!(Ended::EvaluationFailed.by_the_run() && !Ended::Undefined.by_the_run());
}

#[test]
fn energies_that_diverge_are_stopped() {
    for (change, steps) in [(30.0, 6), (-300.0, 6)] {
        let stopped = made_up(settings(Method::Fire), &pair(2.0), |n, _| answer(f64::from(n) * change, 0.1, 0.0));
        // Two atoms: 200 eV up is allowed, or 2000 down.
        assert_eq!((stopped.ended, stopped.steps), (Ended::Diverged, steps), "{stopped:?}");
        assert_eq!(stopped.final_energy, 6.0 * change);
    }
}

#[test]
fn forces_that_do_not_belong_to_the_energies_end_a_line_search_all_the_same() {
    let settings = Relaxation { cell: CellMotion::Fixed, ..settings(Method::BfgsLineSearch) };
    let stopped = made_up(settings, &pair(2.0), |n, _| answer(f64::from(n) * 1e-3, 0.5, 0.0));
    // The optimizer takes ever shorter steps.
    assert_eq!((stopped.ended, stopped.steps), (Ended::Steps, settings.max_steps), "{stopped:?}");
}

#[test]
fn a_potential_without_stress_moves_no_cell() {
    let without = || answer(-1.0, 0.001, 0.0).map(|prediction| Prediction { stress: None, ..prediction });
    let mut workflow = calculation(Relaxation::default()).start(pair(2.0));
    let ask = question(workflow.as_mut()).unwrap();
    workflow.receive(ask.id, without());
    let Outcome::Failed(failure) = workflow.finish() else { panic!() };
    assert!(failure.message.contains("stress") && failure.message.contains("fixed"), "{}", failure.message);
    let fixed = Relaxation { cell: CellMotion::Fixed, ..Relaxation::default() };
    let relaxed = made_up(fixed, &pair(2.0), |_, _| without());
    assert_eq!((relaxed.ended, relaxed.max_stress, relaxed.max_force), (Ended::Converged, None, 0.001));
}

#[test]
fn answers_to_other_questions_are_none() {
    let mut descent = calculation(Relaxation::default()).descent(pair(2.0));
    let ask = question(&mut descent).unwrap();
    descent.receive(AskId(7), answer(-1.0, 0.0, 0.0));
    assert!(descent.progress().is_none());
    descent.receive(ask.id, answer(-1.0, 0.0, 0.0));
    assert_eq!(relaxed(descent).ended, Ended::Converged);
}

#[test]
fn memory_is_that_of_the_matrices() {
    let held = |method| {
        let mut descent = calculation(settings(method)).descent(structures()[0].clone());
        for _ in 0..5 {
            let ask = question(&mut descent).unwrap();
            descent.receive(ask.id, evaluate(&ask));
        }
        descent.held_bytes()
    };
    let n_degrees = 3 * structures()[0].n_atoms() as u64 + 9;
    for method in [Method::Bfgs, Method::BfgsLineSearch] {
        assert!((8 * n_degrees * n_degrees..12 * n_degrees * n_degrees + 5000).contains(&held(method)), "{method:?}");
    }
    assert!(held(Method::Lbfgs) > held(Method::Fire) && held(Method::Fire) < 8 * n_degrees * n_degrees);
}

#[test]
fn a_trajectory_holds_the_end_of_each_step_and_changes_nothing() {
    for method in METHODS {
        for fix_symmetry in [false, true] {
            let structure = &structures()[5];
            let without = Relaxation { fix_symmetry, ..settings(method) };
            let (_, found) = relax(Relaxation { trajectory: true, ..without }, structure);
            let (_, without) = relax(without, structure);
            let frames = found.trajectory.clone();
            assert!(without.steps > 3 && without.trajectory.is_empty());
            assert_eq!(Relaxed { trajectory: Vec::new(), ..found }, without);
            assert_eq!(frames.len(), without.steps as usize + 1);
            assert_eq!(frames[0].lattice, *structure.lattice().vectors());
            assert_eq!(frames[0].energy, without.initial_energy);
            let last = &frames[frames.len() - 1];
            assert_eq!((last.energy, last.lattice), (without.final_energy, without.lattice));
            let norm = |[x, y, z]: [f64; 3]| (x * x + y * y + z * z).sqrt();
            let largest = last.forces.iter().copied().map(norm).fold(0.0, f64::max);
            assert!((largest - without.max_force).abs() < 1e-12);
            assert_eq!(last.forces.len(), structure.n_atoms());
            assert!(last.stress.is_some());
        }
    }
}

#[test]
fn settings_are_read_as_users_write_them() {
    let text = r#"{"relaxation": {"optimizer": "bfgs-line-search", "cell": "isotropic", "pressure": 1.5}}"#;
    let config: CalculationConfig = serde_json::from_str(text).unwrap();
    let expected = Relaxation {
        optimizer: Method::BfgsLineSearch,
        cell: CellMotion::Hydrostatic,
        pressure: 1.5,
        ..Relaxation::default()
    };
    assert_eq!((config, config.name()), (CalculationConfig::Relaxation(expected), "relaxation"));
    let calculation = config.build(true, Embeddings::None);
    let key = "relaxation rules=1 optimizer=bfgs-line-search cell=hydrostatic pressure=1.5 fmax=0.02 max_steps=500 forces=true";
    assert_eq!(calculation.key(), key);
    assert_eq!(calculation.expected_evaluations(), 1.0 + 20.6 * 1.6);
    assert!(serde_json::from_str::<Relaxation>(r#"{"steps": 5}"#).is_err());
}
