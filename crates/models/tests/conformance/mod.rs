//! What every potential must satisfy, whatever it computes: checks that take any [`Potential`] in double precision.
//!
//! Each panics with the name of what is violated. Limits are relative to the largest number compared where that
//! is above 1.

#![allow(
    dead_code,
    unused_macros,
    unused_imports,
    clippy::unwrap_used,
    reason = "compiled into several tests, each of which uses a part; a test that cannot go on fails"
)]

use mlip_atoms::{Deadline, Lattice, Potential, Prediction, Request, Species, Structure};

/// Step of the finite differences: Å, or strain.
const STEP: f64 = 5e-5;
/// Of finite differences; their own error was below 2e-9 (forces of up to 30 eV/Å).
const SLOPE_LIMIT: f64 = 1e-8;
/// Of equalities that hold up to the order of sums.
const LIMIT: f64 = 1e-9;

type Matrix = [[f64; 3]; 3];

/// A test of each of these checks, for all cases: potentials, each with the structures that it is checked on.
macro_rules! checks {
    ($cases:expr => $($(#[$attribute:meta])* $name:ident),* $(,)?) => {$(
        $(#[$attribute])*
        #[test]
        fn $name() {
            for (potential, structures) in $cases {
                for structure in &structures {
                    $crate::conformance::$name(&potential, structure);
                }
            }
        }
    )*};
}
pub(crate) use checks;

/// Strontium titanate without any symmetry left, in a skewed cell. No angle of it is nearly straight: where an upstream holds
/// a cosine at its limit, the energy has no slope in it.
pub(crate) fn crystal() -> Structure {
    let lattice = Lattice::from_vectors([[3.9, 0.1, -0.2], [0.3, 4.0, 0.15], [-0.1, 0.25, 3.8]]).unwrap();
    let species = [38, 22, 8, 8, 8].map(|z| Species::from_atomic_number(z).unwrap()).to_vec();
    let fractional =
        vec![[0.01, -0.02, 0.03], [0.52, 0.49, 0.47], [0.5, 0.53, 0.02], [0.48, 0.01, 0.51], [-0.03, 0.5, 0.46]];
    Structure::new(lattice, species, fractional).unwrap()
}

/// These potentials, each checked on that crystal.
pub(crate) fn on_the_crystal<P>(potentials: Vec<P>) -> Vec<(P, Vec<Structure>)> {
    potentials.into_iter().map(|potential| (potential, vec![crystal()])).collect()
}

pub(crate) fn predict(potential: &dyn Potential, structure: &Structure) -> Prediction {
    potential.predict(&[structure], Request { forces: true, atom_features: true }, &Deadline::NONE).remove(0).unwrap()
}

fn energy(potential: &dyn Potential, structure: &Structure) -> f64 {
    let request = Request { forces: false, atom_features: false };
    potential.predict(&[structure], request, &Deadline::NONE).remove(0).unwrap().energy
}

pub(crate) fn assert_close(what: &str, found: &[f64], expected: &[f64], limit: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= limit * scale, "{what} [{index}]: {a}, expected {b}, limit {limit:e} of {scale}");
    }
}

/// Five-point central difference of `f` at 0.
fn slope(f: impl Fn(f64) -> f64) -> f64 {
    (8.0 * (f(STEP) - f(-STEP)) - (f(2.0 * STEP) - f(-2.0 * STEP))) / (12.0 * STEP)
}

fn with_positions(structure: &Structure, lattice: Lattice, cartesian: &[[f64; 3]]) -> Structure {
    let fractional = cartesian.iter().map(|x| lattice.fractional(*x)).collect();
    Structure::new(lattice, structure.species().to_vec(), fractional).unwrap()
}

/// `rows · matrix`
fn times(rows: &[[f64; 3]], matrix: &Matrix) -> Vec<[f64; 3]> {
    rows.iter().map(|row| [0, 1, 2].map(|axis| (0..3).map(|k| row[k] * matrix[k][axis]).sum())).collect()
}

fn lattice(rows: &[[f64; 3]]) -> Lattice {
    Lattice::from_vectors([rows[0], rows[1], rows[2]]).unwrap()
}

/// Every component of every force is the negative slope of the energy.
pub(crate) fn forces_are_slopes_of_the_energy(potential: &dyn Potential, structure: &Structure) {
    let expected = predict(potential, structure).forces.concat();
    let positions = structure.cartesian();
    let moved = |component: usize, by: f64| {
        let mut positions = positions.clone();
        positions[component / 3][component % 3] += by;
        energy(potential, &with_positions(structure, structure.lattice().clone(), &positions))
    };
    let slopes = (0..expected.len()).map(|component| -slope(|by| moved(component, by))).collect::<Vec<_>>();
    assert_close("forces", &expected, &slopes, SLOPE_LIMIT);
}

/// Every component of the stress is the slope of the energy by that strain, over the volume.
pub(crate) fn stress_is_the_slope_of_the_energy(potential: &dyn Potential, structure: &Structure) {
    let volume = structure.lattice().volume();
    let strained = |(a, b): (usize, usize), by: f64| {
        let mut deformation = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        deformation[a][b] += by / 2.0;
        deformation[b][a] += by / 2.0;
        let cell = lattice(&times(structure.lattice().vectors(), &deformation));
        energy(potential, &with_positions(structure, cell, &times(&structure.cartesian(), &deformation)))
    };
    let slopes = VOIGT.map(|at| slope(|by| strained(at, by)) / volume);
    assert_close("stress", &predict(potential, structure).stress.unwrap(), &slopes, SLOPE_LIMIT);
}

const VOIGT: [(usize, usize); 6] = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)];

/// Equal but for the order and orientation of what is summed; `copies`: how often `expected` repeats.
fn assert_same(what: &str, found: &Prediction, expected: &Prediction, copies: usize) {
    let energies = [found.energy, expected.energy * copies as f64];
    assert_close(&format!("{what}: energy"), &energies[..1], &energies[1..], LIMIT);
    let (forces, magmoms) = (expected.forces.concat(), expected.magmoms.clone().unwrap_or_default());
    assert_close(&format!("{what}: forces"), &found.forces.concat(), &forces.repeat(copies), LIMIT);
    assert_eq!(found.stress.is_some(), expected.stress.is_some(), "{what}: stress");
    if let (Some(found), Some(expected)) = (found.stress, expected.stress) {
        assert_close(&format!("{what}: stress"), &found, &expected, LIMIT);
    }
    let moments = found.magmoms.clone().unwrap_or_default();
    assert_close(&format!("{what}: magnetic moments"), &moments, &magmoms.repeat(copies), LIMIT);
    let [found, expected] = [found, expected].map(|prediction| prediction.atom_features.as_ref().unwrap().mean());
    assert_close(&format!("{what}: features of the structure"), &found, &expected, LIMIT);
}

/// The crystal seen in a mirror point: forces turn round, all else stays.
pub(crate) fn an_inversion_turns_forces_round(potential: &dyn Potential, structure: &Structure) {
    let fractional = structure.fractional().iter().map(|x| x.map(|x| -x)).collect();
    let inverted = Structure::new(structure.lattice().clone(), structure.species().to_vec(), fractional).unwrap();
    let mut expected = predict(potential, structure);
    expected.forces.iter_mut().flatten().for_each(|f| *f = -*f);
    assert_same("inversion", &predict(potential, &inverted), &expected, 1);
}

/// Forces and stress turn with the crystal.
pub(crate) fn a_rotation_turns_forces_and_stress(potential: &dyn Potential, structure: &Structure) {
    // Of the quaternion (1, 2, 3, 4) / √30; rows turn by its transpose.
    let turn = [[-20.0, 4.0, 22.0], [20.0, -10.0, 20.0], [10.0, 28.0, 4.0]].map(|row: [f64; 3]| row.map(|x| x / 30.0));
    let turn: Matrix = [0, 1, 2].map(|a| [0, 1, 2].map(|b| turn[b][a]));
    let cell = lattice(&times(structure.lattice().vectors(), &turn));
    let turned = with_positions(structure, cell, &times(&structure.cartesian(), &turn));
    let mut expected = predict(potential, structure);
    expected.forces = times(&expected.forces, &turn);
    let [xx, yy, zz, yz, xz, xy] = expected.stress.unwrap();
    let stress = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]];
    let element = |(a, b): (usize, usize)| {
        let terms = (0..9).map(|k| turn[k / 3][a] * stress[k / 3][k % 3] * turn[k % 3][b]);
        terms.sum::<f64>()
    };
    expected.stress = Some(VOIGT.map(element));
    assert_same("rotation", &predict(potential, &turned), &expected, 1);
}

/// Neither a shift of all atoms nor one of single atoms by whole cells changes anything.
pub(crate) fn translations_change_nothing(potential: &dyn Potential, structure: &Structure) {
    let expected = predict(potential, structure);
    let moved = |by: &dyn Fn(usize, usize) -> f64| {
        let sites = structure.fractional().iter().enumerate();
        let fractional = sites.map(|(site, x)| [0, 1, 2].map(|axis| x[axis] + by(site, axis))).collect();
        let moved = Structure::new(structure.lattice().clone(), structure.species().to_vec(), fractional).unwrap();
        predict(potential, &moved)
    };
    assert_same("translation", &moved(&|_, axis| [0.137, -0.61, 0.459][axis]), &expected, 1);
    assert_same("whole cells", &moved(&|site, axis| (site * (axis + 1) % 4) as f64 - 1.0), &expected, 1);
}

/// The order of atoms is the order of their results, and nothing else.
pub(crate) fn a_permutation_permutes_the_results(potential: &dyn Potential, structure: &Structure) {
    let n_atoms = structure.n_atoms();
    let order = (0..n_atoms).map(|site| (n_atoms + 1 - site) % n_atoms).collect::<Vec<_>>();
    let species = order.iter().map(|site| structure.species()[*site]).collect();
    let fractional = order.iter().map(|site| structure.fractional()[*site]).collect();
    let permuted = Structure::new(structure.lattice().clone(), species, fractional).unwrap();
    let mut expected = predict(potential, structure);
    expected.forces = order.iter().map(|site| expected.forces[*site]).collect();
    expected.magmoms = expected.magmoms.map(|moments| order.iter().map(|site| moments[*site]).collect());
    assert_same("permutation", &predict(potential, &permuted), &expected, 1);
}

/// Two cells side by side have twice the energy, and the same forces and stress.
pub(crate) fn a_supercell_is_its_cell_twice(potential: &dyn Potential, structure: &Structure) {
    let [a, b, c] = *structure.lattice().vectors();
    let cell = Lattice::from_vectors([a.map(|x| 2.0 * x), b, c]).unwrap();
    let first = structure.cartesian();
    let second = first.iter().map(|x| [0, 1, 2].map(|axis| x[axis] + a[axis]));
    let fractional = first.iter().copied().chain(second).map(|x| cell.fractional(x)).collect();
    let supercell = Structure::new(cell, structure.species().repeat(2), fractional).unwrap();
    assert_same("supercell", &predict(potential, &supercell), &predict(potential, structure), 2);
}

/// Other vectors of the same lattice describe the same crystal.
pub(crate) fn the_choice_of_lattice_vectors_changes_nothing(potential: &dyn Potential, structure: &Structure) {
    let basis = [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [-2.0, 1.0, 1.0]];
    let vectors = structure.lattice().vectors();
    let rows = basis.map(|row| [0, 1, 2].map(|axis| (0..3).map(|k| row[k] * vectors[k][axis]).sum::<f64>()));
    let same = with_positions(structure, lattice(&rows), &structure.cartesian());
    assert_same("lattice vectors", &predict(potential, &same), &predict(potential, structure), 1);
}
