use super::factors::Factors;
use super::simplex::{Columns, Mixture, PATIENCE};
use proptest::prelude::*;

/// Two answers may differ by this, eV/atom: energies of some eV, rounded, and the tolerance of the search.
const TOLERANCE: f64 = 1e-10;

/// The lowest energy over all choices of n columns, each solved by itself.
fn of_all_bases(columns: &Columns, composition: &[f64]) -> f64 {
    fn choose(columns: &Columns, composition: &[f64], chosen: &mut Vec<usize>, best: &mut f64) {
        if chosen.len() < columns.n_elements {
            for column in chosen.last().map_or(0, |last| last + 1)..columns.n_columns() {
                chosen.push(column);
                choose(columns, composition, chosen, best);
                chosen.pop();
            }
            return;
        }
        let Some(factors) = Factors::of(columns.n_elements, |row, at| columns.part(row, chosen[at])) else { return };
        let parts = factors.solve(composition);
        if parts.iter().all(|part| *part > -1e-9) {
            let energy = parts.iter().zip(chosen.iter()).map(|(part, column)| part * columns.energy(*column)).sum();
            *best = best.min(energy);
        }
    }
    let mut best = f64::INFINITY;
    choose(columns, composition, &mut Vec::new(), &mut best);
    best
}

/// Parts of whole numbers; small ones, so that many columns lie on lines and planes with others.
fn parts_of(amounts: &[u8]) -> Vec<f64> {
    let sum: f64 = amounts.iter().copied().map(f64::from).sum();
    amounts.iter().map(|amount| f64::from(*amount) / sum).collect()
}

fn program(n: usize) -> impl Strategy<Value = (Columns, Vec<f64>)> {
    let amounts = proptest::collection::vec(0u8..4, n).prop_filter("atoms", |amounts| amounts.iter().any(|a| *a > 0));
    // Energies in steps, so that there are ties.
    let entries = proptest::collection::vec((amounts, 1u8..20), 0..9);
    let composition = proptest::collection::vec(1u8..5, n);
    (entries, composition).prop_map(move |(entries, composition)| {
        let parts: Vec<f64> = entries.iter().flat_map(|(amounts, _)| parts_of(amounts)).collect();
        let energies: Vec<f64> = entries.iter().map(|(_, energy)| f64::from(*energy) * -0.1).collect();
        (Columns::new(n, &parts, &energies), parts_of(&composition))
    })
}

/// By the rule of the steepest descent, by Bland's, and by both in turns.
fn check(columns: &Columns, composition: &[f64]) -> Result<(), TestCaseError> {
    let expected = of_all_bases(columns, composition);
    for patience in [0, 1, PATIENCE] {
        let found = columns.cheapest_within(composition, patience).unwrap();
        prop_assert!((found.energy - expected).abs() < TOLERANCE, "{patience}: {} {expected}", found.energy);
        for (element, part) in composition.iter().enumerate() {
            let held =
                found.columns.iter().map(|(column, of)| of * columns.part(element, *column).unwrap()).sum::<f64>();
            prop_assert!((held - part).abs() < 1e-7);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_cheapest_mixture_is_that_of_all_choices_of_two_elements((columns, composition) in program(2)) {
        check(&columns, &composition)?;
    }

    #[test]
    fn the_cheapest_mixture_is_that_of_all_choices_of_four_elements((columns, composition) in program(4)) {
        check(&columns, &composition)?;
    }
}

#[test]
fn a_column_at_the_composition_is_the_whole_mixture() {
    let third = [1.0 / 3.0, 2.0 / 3.0];
    let columns = Columns::new(2, &third, &[-0.3]);
    assert_eq!(columns.cheapest(&third), Some(Mixture { energy: -0.3, columns: vec![(2, 1.0)] }));
}

#[test]
fn one_element_is_its_own_mixture() {
    let columns = Columns::new(1, &[], &[]);
    assert_eq!(columns.cheapest(&[1.0]), Some(Mixture { energy: 0.0, columns: vec![(0, 1.0)] }));
}

#[test]
fn a_column_on_the_line_between_others_is_the_whole_mixture() {
    // Between the second and the third; a third of an atom is rounded.
    let parts = [0.5, 0.5, 1.0 / 3.0, 2.0 / 3.0, 0.1, 0.9];
    let columns = Columns::new(2, &parts, &[-0.5, -1.0 / 3.0, -0.1]);
    for (column, (at, energy)) in parts.chunks(2).zip([-0.5, -1.0 / 3.0, -0.1]).enumerate() {
        assert_eq!(columns.cheapest(at), Some(Mixture { energy, columns: vec![(column + 2, 1.0)] }));
    }
}

#[test]
fn parts_that_do_not_hold_the_composition_are_no_mixture() {
    let columns = Columns::new(2, &[0.5, 0.5], &[-0.5]);
    let mixture = |parts: [f64; 2]| columns.mixture(&[0.75, 0.25], &[0, 2], &parts);
    assert_eq!(mixture([0.5, 0.5]), Some(Mixture { energy: -0.25, columns: vec![(0, 0.5), (2, 0.5)] }));
    assert_eq!(mixture([0.5 + 1e-11, 0.5]), None);
    assert_eq!(mixture([f64::NAN, 0.5]), None);
}
