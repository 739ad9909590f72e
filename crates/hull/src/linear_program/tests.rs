use super::factors::Factors;
use super::simplex::{Columns, Mixture, entering, leaving};
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

fn check(columns: &Columns, composition: &[f64]) -> Result<(), TestCaseError> {
    let found = columns.cheapest(composition).unwrap();
    let expected = of_all_bases(columns, composition);
    prop_assert!((found.energy - expected).abs() < TOLERANCE, "{} {}", found.energy, expected);
    for (element, part) in composition.iter().enumerate() {
        let held = found.columns.iter().map(|(column, of)| of * columns.part(element, *column).unwrap()).sum::<f64>();
        prop_assert!((held - part).abs() < 1e-7);
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

    #[test]
    fn blands_rule_leads_to_the_same_energy((columns, composition) in program(5)) {
        let mut basis: Vec<usize> = (0..5).collect();
        let mut reduced = vec![0.0; columns.n_columns()];
        let energy = loop {
            let factors = Factors::of(5, |row, at| columns.part(row, basis[at])).unwrap();
            let parts = factors.solve(&composition);
            let costs: Vec<f64> = basis.iter().map(|column| columns.energy(*column)).collect();
            columns.price(&factors.solve_transposed(&costs), &mut reduced);
            let Some(next) = entering(&reduced, &basis, false) else {
                break parts.iter().zip(&costs).map(|(part, cost)| part * cost).sum::<f64>();
            };
            let direction = factors.solve(&columns.column(next).collect::<Vec<_>>());
            let row = leaving(&parts, &direction, &basis, false).unwrap();
            basis[row] = next;
        };
        prop_assert!((energy - columns.cheapest(&composition).unwrap().energy).abs() < TOLERANCE);
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
fn many_columns_at_one_composition_do_not_cycle() {
    // All tie, and each replaces the other without progress.
    let parts: Vec<f64> = (0..500).flat_map(|n| if n % 2 == 0 { [0.5, 0.5, 0.0] } else { [0.0, 0.5, 0.5] }).collect();
    let columns = Columns::new(3, &parts, &vec![-1.0; 500]);
    let mixture = columns.cheapest(&[0.25, 0.5, 0.25]).unwrap();
    assert!((mixture.energy + 1.0).abs() < 1e-14);
}
