//! Step for step as ASE: `tests/relaxation/make_goldens.py` wrote what its optimizers do, `make_symmetry_goldens.py` what
//! they do under `FixSymmetry`.

use super::support::{read, relax, relax_by, structures};
use super::symmetric::{crystals, in_field};
use crate::{CellMotion, Ended, Method, Relaxation, Relaxed};
use mlip_atoms::Lattice;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    structure: usize,
    optimizer: Method,
    cell: CellMotion,
    /// GPa.
    pressure: f64,
    end: String,
    steps: u32,
    /// Points, from the first on, that ASE itself comes to again when atoms begin 1e-14 Å elsewhere.
    reproducible: usize,
    /// Or enthalpies, eV.
    energies: Vec<f64>,
    /// eV/Å.
    fmax: Vec<f64>,
    final_energy: f64,
    final_cell: [[f64; 3]; 3],
}

impl Golden {
    fn settings(&self) -> Relaxation {
        let &Self { optimizer, cell, pressure, .. } = self;
        Relaxation { optimizer, cell, pressure, fmax: FMAX, max_steps: MAX_STEPS, ..Relaxation::default() }
    }
}

/// Energies (eV) and largest forces (eV/Å) at the end of all steps, and the end.
type Path = (Vec<(f64, f64)>, Relaxed);

/// As the script has them.
const FMAX: f64 = 1e-3;
const MAX_STEPS: u32 = 120;

/// eV. Energies are some tenths; where ASE reproduces its own to 1e-10, ours are off by up to 2e-10.
const ENERGY_TOLERANCE: f64 = 1e-9;
/// eV/Å. Ours are off by up to 4e-9.
const FORCE_TOLERANCE: f64 = 1e-8;
/// Å. Ours are off by up to 8e-9.
const CELL_TOLERANCE: f64 = 1e-7;

/// Compares all runs of a file: at least this many of them must be comparable to their last step, and this many cells
/// evaporate.
fn compare(file: &str, least_whole: usize, n_exploding: usize) {
    let structures = structures();
    compare_runs(file, least_whole, n_exploding, |golden| relax(golden.settings(), &structures[golden.structure]));
}

fn compare_runs(file: &str, least_whole: usize, n_exploding: usize, run: impl Fn(&Golden) -> Path) {
    let (mut whole, mut points, mut exploded) = (0, 0, 0);
    for golden in read::<Vec<Golden>>(file) {
        let (steps, relaxed) = run(&golden);
        let Golden { structure, optimizer, cell, pressure, .. } = golden;
        let run = format!("{file}: structure {structure}, {optimizer:?}, {cell:?}, {pressure} GPa");
        // ASE follows a cell that evaporates; ours is stopped.
        let comparable = if relaxed.ended == Ended::Exploded { steps.len() } else { golden.reproducible };
        let expected = golden.energies.iter().zip(&golden.fmax).take(comparable);
        for (step, (energy, fmax)) in expected.enumerate() {
            let Some(found) = steps.get(step) else { panic!("{run}: ended before step {step}: {relaxed:?}") };
            let (energy_error, force_error) = ((found.0 - energy).abs(), (found.1 - fmax).abs());
            assert!(energy_error < ENERGY_TOLERANCE, "{run}, step {step}: {} eV instead of {energy}", found.0);
            assert!(force_error < FORCE_TOLERANCE, "{run}, step {step}: {} eV/Å instead of {fmax}", found.1);
            points += 1;
        }
        if relaxed.ended == Ended::Exploded {
            let volume = Lattice::from_vectors(golden.final_cell).unwrap().volume();
            assert!(volume > 10.0 * relaxed.initial_volume, "{run}: {relaxed:?}");
            exploded += 1;
            continue;
        }
        if golden.reproducible <= golden.steps as usize {
            continue;
        }
        whole += 1;
        assert_eq!((relaxed.steps, relaxed.ended.name()), (golden.steps, golden.end.as_str()), "{run}");
        let (last, _) = steps[golden.steps as usize];
        assert!((last - golden.final_energy).abs() < ENERGY_TOLERANCE, "{run}: {last} {}", golden.final_energy);
        let components = relaxed.lattice.iter().flatten().zip(golden.final_cell.iter().flatten());
        let error = components.map(|(a, b)| (a - b).abs()).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max);
        assert!(error < CELL_TOLERANCE, "{run}: the cell is off by {error:e} Å");
    }
    assert!(whole >= least_whole, "{file}: only {whole} runs can be compared to the end, {points} points");
    assert_eq!(exploded, n_exploding, "{file}");
}

#[test]
fn fire_goes_as_ase_does() {
    compare("fire.json", 40, 0);
}

#[test]
fn bfgs_goes_as_ase_does() {
    compare("bfgs.json", 37, 0);
}

#[test]
fn limited_bfgs_goes_as_ase_does() {
    compare("lbfgs.json", 36, 0);
}

#[test]
fn bfgs_with_line_searches_goes_as_ase_does() {
    compare("bfgs-line-search.json", 33, 0);
}

#[test]
fn cells_that_may_not_do_everything_and_pressure_go_as_in_ase() {
    compare("variants.json", 43, 1);
}

/// Runs from structures that ASE made exactly symmetric, in a field that breaks symmetry.
fn compare_symmetric(file: &str, least_whole: usize) {
    let crystals = crystals();
    compare_runs(file, least_whole, 0, |golden| {
        let crystal = &crystals[golden.structure];
        let settings = Relaxation { fix_symmetry: true, ..golden.settings() };
        relax_by(|ask| in_field(&crystal.field, ask), settings, &crystal.exact())
    });
}

#[test]
fn atoms_that_keep_their_symmetry_go_as_ase_does() {
    compare_symmetric("symmetric_fixed.json", 54);
}

#[test]
fn cells_that_keep_their_symmetry_go_as_ase_does() {
    compare_symmetric("symmetric_frechet.json", 31);
}

#[test]
fn cells_that_keep_their_symmetry_and_may_not_do_everything_go_as_in_ase() {
    compare_symmetric("symmetric_variants.json", 18);
}
