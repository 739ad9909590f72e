//! Relaxations that keep symmetry, of crystals of many space groups in a field that breaks it:
//! `tests/relaxation/make_symmetry_goldens.py` says how both were made.

use super::support::{evaluate, question, read, relax, relax_by, structures};
use crate::symmetry::Symmetry;
use crate::{
    Ask, Calculation, CellMotion, Embeddings, Ended, Method, Relaxation, RelaxationCalculation, SYMPREC, SpaceGroup,
    space_group,
};
use mlip_atoms::{Lattice, PredictError, Prediction, Species, Structure};
use serde::Deserialize;
use std::sync::Arc;

const METHODS: [Method; 4] = [Method::Fire, Method::Bfgs, Method::Lbfgs, Method::BfgsLineSearch];

#[derive(Debug, Deserialize)]
struct Places {
    cell: [[f64; 3]; 3],
    fractional: Vec<[f64; 3]>,
}

/// A crystal that is off its symmetry by some 1e-3 Å.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Crystal {
    /// Within 0.01 Å, by spglib.
    group: u8,
    numbers: Vec<u8>,
    found: Places,
    /// As ASE makes it.
    exact: Places,
    /// `[n_atoms]` forces that have no symmetry, eV/Å.
    pub(super) field: Vec<[f64; 3]>,
}

impl Crystal {
    fn structure(&self, places: &Places) -> Arc<Structure> {
        let species = self.numbers.iter().map(|number| Species::from_atomic_number(*number).unwrap()).collect();
        let lattice = Lattice::from_vectors(places.cell).unwrap();
        Arc::new(Structure::new(lattice, species, places.fractional.clone()).unwrap())
    }

    fn found(&self) -> Arc<Structure> {
        self.structure(&self.found)
    }

    pub(super) fn exact(&self) -> Arc<Structure> {
        self.structure(&self.exact)
    }

    fn group(&self) -> Option<SpaceGroup> {
        SpaceGroup::from_number(self.group)
    }
}

pub(super) fn crystals() -> Vec<Crystal> {
    read("symmetric_structures.json")
}

/// Lennard-Jones and `- sum g_i r_i`, with the field g and positions that are not wrapped.
pub(super) fn in_field(field: &[[f64; 3]], ask: &Ask) -> Result<Prediction, PredictError> {
    let mut prediction = evaluate(ask)?;
    let volume = ask.structure.lattice().volume();
    let mut stress = prediction.stress.unwrap_or_default();
    for ((g, r), force) in field.iter().zip(ask.structure.cartesian()).zip(&mut prediction.forces) {
        prediction.energy -= g[0] * r[0] + g[1] * r[1] + g[2] * r[2];
        (0..3).for_each(|k| force[k] += g[k]);
        for (component, (i, j)) in stress.iter_mut().zip([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]) {
            *component -= 0.5 * (g[i] * r[j] + g[j] * r[i]) / volume;
        }
    }
    Ok(Prediction { stress: Some(stress), ..prediction })
}

fn settings(optimizer: Method) -> Relaxation {
    Relaxation { optimizer, fmax: 1e-3, max_steps: 60, fix_symmetry: true, ..Relaxation::default() }
}

/// Largest distance of two sites, or difference of two components of cells, Å.
fn distance(a: &Structure, b: &Structure) -> f64 {
    let cells = a.lattice().vectors().iter().flatten().zip(b.lattice().vectors().iter().flatten());
    let sites = a.cartesian().into_iter().flatten().zip(b.cartesian().into_iter().flatten()).collect::<Vec<_>>();
    cells
        .map(|(a, b)| (a - b).abs())
        .chain(sites.iter().map(|(a, b)| (a - b).abs()))
        .inspect(|x| assert!(!x.is_nan()))
        .fold(0.0, f64::max)
}

#[test]
fn space_groups_are_those_of_spglib() {
    let crystals = crystals();
    assert!(crystals.len() >= 12);
    for crystal in &crystals {
        assert_eq!(space_group(&crystal.found(), SYMPREC).ok(), crystal.group());
        assert_eq!(space_group(&crystal.exact(), 1e-6).ok(), crystal.group());
    }
}

#[test]
fn a_structure_becomes_exactly_symmetric_near_where_ase_makes_it_so() {
    for crystal in crystals() {
        let (found, exact) = (crystal.found(), crystal.exact());
        let symmetry = Symmetry::find(&found, SYMPREC).unwrap();
        let refined = symmetry.refined(&found).unwrap().unwrap();
        // A supercell has those operations that its cell allows, and is exact for those.
        let n = |structure, symprec| Symmetry::find(structure, symprec).unwrap().n_operations();
        assert_eq!(n(&refined, 1e-8), n(&found, SYMPREC), "{}", crystal.group);
        assert_eq!(space_group(&refined, SYMPREC).ok(), crystal.group());
        assert!(distance(&found, &refined) < 5e-3, "{}", crystal.group);
        assert!(distance(&exact, &refined) < SYMPREC, "{}", crystal.group);
        let center = |structure: &Structure, k: usize| structure.fractional().iter().map(|x| x[k]).sum::<f64>();
        assert!((0..3).all(|k| (center(&found, k) - center(&refined, k)).abs() < 1e-12));
        // What is exact stays.
        assert_eq!(Symmetry::find(&refined, SYMPREC).unwrap().refined(&refined), Ok(None), "{}", crystal.group);
        assert_eq!(Symmetry::find(&exact, SYMPREC).unwrap().refined(&exact), Ok(None), "{}", crystal.group);
    }
}

#[test]
fn a_mean_over_all_operations_is_the_same_after_another() {
    for crystal in crystals() {
        let exact = crystal.exact();
        let (symmetry, lattice) = (Symmetry::find(&exact, SYMPREC).unwrap(), exact.lattice());
        let once = symmetry.vectors(lattice, &crystal.field);
        let twice = symmetry.vectors(lattice, &once);
        let differences = once.iter().flatten().zip(twice.iter().flatten()).map(|(a, b)| (a - b).abs());
        assert!(
            differences.inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max) < 1e-16 && once != crystal.field,
            "{}",
            crystal.group
        );
        let tensor = [[1.0, 0.3, -0.2], [0.3, -0.8, 0.1], [-0.2, 0.1, 0.7]];
        let once = symmetry.tensor(lattice, &tensor);
        let twice = symmetry.tensor(lattice, &once);
        let pairs = once.iter().flatten().zip(twice.iter().flatten());
        assert!(
            pairs.map(|(a, b)| (a - b).abs()).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max) < 1e-13,
            "{}",
            crystal.group
        );
        // It is symmetric, and has the trace that it had.
        assert!((once[0][0] + once[1][1] + once[2][2] - 0.9).abs() < 1e-12, "{}", crystal.group);
        assert!((0..3).all(|i| (0..3).all(|j| (once[i][j] - once[j][i]).abs() < 1e-13)), "{}", crystal.group);
    }
}

#[test]
fn symmetry_is_kept_where_forces_break_it() {
    for crystal in crystals() {
        let start = crystal.found();
        for method in METHODS {
            for cell in [CellMotion::Frechet, CellMotion::Fixed] {
                let kept = Relaxation { cell, ..settings(method) };
                let run = |settings| relax_by(|ask| in_field(&crystal.field, ask), settings, &start).1;
                let relaxed = run(kept);
                let end = Lattice::from_vectors(relaxed.lattice).unwrap();
                let end = start.with_positions(relaxed.fractional.clone()).unwrap().with_lattice(end);
                assert_eq!(relaxed.space_groups.initial, crystal.group());
                // It may gain symmetry, and has what it had to the last digits.
                let exactly = Symmetry::find(&end, 1e-6).unwrap().n_operations();
                assert!(
                    exactly >= Symmetry::find(&start, SYMPREC).unwrap().n_operations(),
                    "{} {method:?}",
                    crystal.group
                );
                // With the one of the exact structure.
                assert!(relaxed.evaluations >= 2 + relaxed.steps);
                let free = run(Relaxation { fix_symmetry: false, ..kept });
                let end = Lattice::from_vectors(free.lattice).unwrap();
                let end = start.with_positions(free.fractional.clone()).unwrap().with_lattice(end);
                let group = space_group(&end, 1e-3).ok();
                assert_eq!(group, SpaceGroup::from_number(1), "{} {method:?} {cell:?}", crystal.group);
                assert_eq!(free.initial_energy, relaxed.initial_energy);
            }
        }
    }
}

#[test]
fn taken_up_again_it_goes_on_to_the_same_bits() {
    let crystal = &crystals()[3];
    for method in METHODS {
        let calculation =
            RelaxationCalculation { settings: settings(method), forces: true, embeddings: Embeddings::None };
        let mut first = calculation.start(crystal.found());
        let mut answers = Vec::new();
        while let Some(ask) = question(first.as_mut()) {
            answers.push(in_field(&crystal.field, &ask));
            first.receive(ask.id, answers[answers.len() - 1].clone());
        }
        let mut again = calculation.start(crystal.found());
        let mut given = answers.iter().take(answers.len() / 2).cloned();
        while let Some(ask) = question(again.as_mut()) {
            let answer = given.next().unwrap_or_else(|| in_field(&crystal.field, &ask));
            again.receive(ask.id, answer);
        }
        assert_eq!(first.finish(), again.finish(), "{method:?}");
    }
}

#[test]
fn without_symmetry_nothing_changes() {
    let structure = &structures()[2];
    assert_eq!(space_group(structure, SYMPREC).map(SpaceGroup::number), Ok(1));
    for method in METHODS {
        let kept = settings(method);
        let free = Relaxation { fix_symmetry: false, ..kept };
        assert_eq!(relax(kept, structure), relax(free, structure), "{method:?}");
    }
}

#[test]
fn symmetry_that_is_not_found_ends_a_relaxation_before_its_first_step() {
    let start = crystals()[7].found();
    let (_, relaxed) = relax(Relaxation { symprec: 1e-300, ..settings(Method::Fire) }, &start);
    assert_eq!((relaxed.ended, relaxed.steps, relaxed.evaluations), (Ended::NoSymmetry, 0, 1));
    assert!(relaxed.message.unwrap().contains("within 1e-300 Å"));
    assert_eq!((relaxed.lattice, relaxed.final_energy), (*start.lattice().vectors(), relaxed.initial_energy));
    assert_eq!(relaxed.space_groups, crate::SpaceGroups::default());
}

#[test]
fn an_evaluation_of_the_exact_structure_that_fails_leaves_the_one_that_was_read() {
    let start = crystals()[7].found();
    let (_, relaxed) = relax_by(
        |ask| if ask.id.0 == 1 { Err(PredictError::Timeout { limit_s: 1.0 }) } else { evaluate(ask) },
        settings(Method::Bfgs),
        &start,
    );
    assert_eq!((relaxed.ended, relaxed.steps, relaxed.evaluations), (Ended::Timeout, 0, 2));
    assert_eq!((relaxed.lattice, relaxed.rmse), (*start.lattice().vectors(), 0.0));
}
