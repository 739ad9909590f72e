//! The neighbor search against trying every image of every pair.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use mlip_atoms::neighbors::{NeighborList, Pair, brute_force_pairs};
use mlip_atoms::{Deadline, Frame, Lattice, PredictError, Species, Structure};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn structure(lattice: Lattice, fractional: Vec<[f64; 3]>) -> Structure {
    let species = vec![Species::from_symbol("Si").unwrap(); fractional.len()];
    Structure::new(lattice, species, fractional).unwrap()
}

fn sorted(mut pairs: Vec<Pair>) -> Vec<(u32, u32, [i32; 3])> {
    pairs.sort_by_key(|p| (p.i, p.j, p.shift));
    pairs.iter().map(|p| (p.i, p.j, p.shift)).collect()
}

/// Cells from far smaller than the cutoff to far larger, skewed down to flat.
fn any_lattice() -> impl Strategy<Value = Lattice> {
    let length = 0.8f64..14.0;
    let angle = 12.0f64..168.0;
    ([length.clone(), length.clone(), length], [angle.clone(), angle.clone(), angle]).prop_filter_map(
        "angles that close and a cell that is not a needle",
        |(lengths, angles)| {
            let lattice = Lattice::from_parameters(lengths, angles, Frame::Pymatgen).ok()?;
            lattice.heights().iter().all(|height| *height > 0.4).then_some(lattice)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn cell_list_equals_brute_force(
        lattice in any_lattice(),
        sites in prop::collection::vec([-1.6f64..2.6, -1.6f64..2.6, -1.6f64..2.6], 1..9),
        cutoff in 2.0f64..6.0,
    ) {
        let structure = structure(lattice, sites);
        let expected = brute_force_pairs(&structure, cutoff);
        // A pair within rounding of the cutoff may go either way.
        prop_assume!(expected.iter().all(|p| (p.distance - cutoff).abs() > 1e-9));
        let list = NeighborList::build(&structure, cutoff, &Deadline::NONE).unwrap();
        prop_assert_eq!(sorted(list.pairs().to_vec()), sorted(expected));
    }

    #[test]
    fn vectors_belong_to_the_coordinates_as_given(
        lattice in any_lattice(),
        sites in prop::collection::vec([-3.0f64..3.0, -3.0f64..3.0, -3.0f64..3.0], 2..6),
    ) {
        let structure = structure(lattice, sites);
        for pair in NeighborList::build(&structure, 5.0, &Deadline::NONE).unwrap().pairs() {
            let (from, to) = (structure.fractional()[pair.i as usize], structure.fractional()[pair.j as usize]);
            let difference = std::array::from_fn(|k| to[k] - from[k] + f64::from(pair.shift[k]));
            let expected = structure.lattice().cartesian(difference);
            for (found, expected) in pair.vector.into_iter().zip(expected) {
                prop_assert!((expected - found).abs() < 1e-10);
            }
            prop_assert!(pair.i <= pair.j);
        }
    }
}

/// Many bins: every atom of a simple cubic crystal has the same shells.
#[test]
fn thousands_of_atoms_all_have_the_neighbors_of_their_crystal() {
    let n = 15;
    let lattice = Lattice::from_vectors([[30.0, 0.0, 0.0], [0.0, 30.0, 0.0], [0.0, 0.0, 30.0]]).unwrap();
    let sites = (0..n * n * n)
        .map(|k| [k / (n * n), k / n % n, k % n].map(|x| f64::from(x) / f64::from(n)))
        .collect::<Vec<_>>();
    let list = NeighborList::build(&structure(lattice, sites), 5.0, &Deadline::NONE).unwrap();
    // Points of the cubic lattice with 0 < |v|^2 <= 6.25.
    assert!((0..list.n_atoms()).all(|atom| list.edges_of(atom).len() == 80));
}

#[test]
fn edges_are_the_pairs_seen_from_both_ends() {
    let lattice = Lattice::from_parameters([3.0, 4.0, 5.0], [70.0, 80.0, 100.0], Frame::Ase).unwrap();
    let structure = structure(lattice, vec![[0.1; 3], [0.6, 0.4, 0.5]]);
    let list = NeighborList::build(&structure, 6.0, &Deadline::NONE).unwrap();
    assert_eq!(list.n_edges(), 2 * list.pairs().len());
    for atom in 0..2 {
        for edge in list.edges_of(atom) {
            let pair = list.pairs()[edge.pair as usize];
            let (from, to) = if edge.reversed { (pair.j, pair.i) } else { (pair.i, pair.j) };
            assert_eq!((from as usize, to), (atom, edge.neighbor));
        }
    }
}

/// What a search says, which must not take long.
fn refusal(vectors: [[f64; 3]; 3], n_atoms: usize, cutoff: f64, deadline: Deadline) -> PredictError {
    let lattice = Lattice::from_vectors(vectors).unwrap();
    let sites = (0..n_atoms).map(|k| [k as f64 / n_atoms as f64, 0.3, 0.7]).collect();
    let begin = Instant::now();
    let error = NeighborList::build(&structure(lattice, sites), cutoff, &deadline).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(20), "{error}");
    error
}

fn cube(edge: f64) -> [[f64; 3]; 3] {
    [[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]]
}

#[test]
fn cells_with_endless_images_are_refused_before_the_search() {
    // In metres; a shear of one number by half a million; a layer as thin as rounding; a cutoff without bounds.
    let sheared = [[4.9, 0.0, 0.0], [-2.4, 4.2, 0.0], [0.0, 500_000.0, 7.4]];
    let thin = [[4.9, 0.0, 0.0], [0.0, 4.2, 0.0], [0.0, 0.0, 1e-7]];
    for (vectors, n_atoms, cutoff) in [
        (cube(1e-5), 1, 6.0),
        (cube(4e-10), 2, 6.0),
        (cube(1e-90), 1, 6.0),
        (cube(0.1), 1, 6.0),
        (sheared, 6, 6.0),
        (thin, 3, 6.0),
        (cube(5.0), 2, 1e4),
        (cube(5.0), 2, f64::INFINITY),
    ] {
        let error = refusal(vectors, n_atoms, cutoff, Deadline::NONE);
        assert!(matches!(error, PredictError::TooManyImages { .. }), "{error}");
    }
    assert_eq!(
        refusal(cube(1e-5), 1, 6.0, Deadline::NONE).to_string(),
        "a cutoff of 6 Å reaches over too many images of the cell, whose opposite faces are 1.0e-5, 1.0e-5 and 1.0e-5 \
         Å apart; give the lattice in Å, and shorter vectors for a sheared cell"
    );
}

#[test]
fn more_pairs_than_a_list_can_hold_are_refused() {
    let error = refusal(cube(5.0), 20_000, 6.0, Deadline::NONE);
    assert!(matches!(error, PredictError::TooManyNeighbors { n_atoms: 20_000, .. }), "{error}");
}

#[test]
fn the_deadline_reaches_into_the_search() {
    let begin = Instant::now();
    // 200,000 bins around each of 4,000 atoms: a minute at least.
    let thin = [[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 0.002]];
    let error = refusal(thin, 900, 0.9, Deadline::after(Duration::from_millis(50)));
    assert!(matches!(error, PredictError::Timeout { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}
