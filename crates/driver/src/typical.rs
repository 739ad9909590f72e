//! What potentials cost beside each other, before anything is read.

use mlip_atoms::{Lattice, Potential, Species, Structure};
use std::sync::Arc;

/// Time that each potential predicts for a common crystal (rock salt, 8 atoms), seconds on one core, without what it
/// prepares for several.
pub fn typical_costs(potentials: &[Arc<dyn Potential>]) -> Vec<f64> {
    let corner = [[0.0; 3], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
    let fractional: Vec<_> = corner.iter().copied().chain(corner.map(|[x, y, z]| [x + 0.5, y, z])).collect();
    let salt = Species::from_symbol("Na").zip(Species::from_symbol("Cl")).and_then(|(sodium, chlorine)| {
        let lattice = Lattice::from_vectors([[5.64, 0.0, 0.0], [0.0, 5.64, 0.0], [0.0, 0.0, 5.64]]).ok()?;
        Structure::new(lattice, [[sodium; 4], [chlorine; 4]].concat(), fractional).ok()
    });
    salt.map_or_else(Vec::new, |salt| potentials.iter().map(|potential| potential.cost(&salt)).collect())
}

/// Potentials at once that shorten the time of a structure: while the costliest is evaluated, the others are done by as
/// many workers beside it as this, by the times that the potentials predict.
pub fn useful_mlip_workers(costs: &[f64]) -> usize {
    let known = |cost: &&f64| cost.is_finite() && **cost > 0.0;
    let sum: f64 = costs.iter().filter(known).sum();
    let most = costs.iter().filter(known).copied().fold(0.0, f64::max);
    if most > 0.0 { (sum / most - 1e-9).ceil() as usize } else { costs.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};

    #[test]
    fn a_potential_that_takes_all_the_time_has_nobody_to_wait_for() {
        assert_eq!(useful_mlip_workers(&[1.0, 1.0, 1.0]), 3);
        assert_eq!(useful_mlip_workers(&[0.004, 0.01, 0.3, 0.2]), 2);
        assert_eq!(useful_mlip_workers(&[0.3]), 1);
        assert_eq!(useful_mlip_workers(&[0.0, f64::NAN]), 2);
    }

    #[test]
    fn every_potential_has_a_typical_cost() {
        let potential: Arc<dyn Potential> = Arc::new(LennardJones::new(LennardJonesParameters::default()));
        let costs = typical_costs(&[potential.clone(), potential]);
        assert_eq!(costs.len(), 2);
        assert!(costs.iter().all(|cost| *cost > 0.0));
    }
}
