//! When a relaxation is stopped, since what it moves is no crystal any more.
//!
//! The limits are wide: what a structure does that is merely far from its minimum, however it was generated, they allow.

use crate::Ended;
use mlip_atoms::neighbors::NeighborList;
use mlip_atoms::{Deadline, PredictError, Structure};

/// Least part, and largest multiple, of the volume as it was read.
const VOLUMES: [f64; 2] = [0.1, 10.0];
/// Atoms nearer to each other lie on top of each other, Å: hydrogen molecules measure 0.74.
const LEAST_DISTANCE: f64 = 0.4;
/// Where the structure as it was read has nearer ones: this part of their distance.
const APPROACH: f64 = 0.8;
/// Most that the energy may rise above that of the structure as it was read, eV per atom: optimizers go down.
const RISE: f64 = 100.0;
/// Most that it may fall, eV per atom: generated structures begin high, and models have holes without ground.
const FALL: f64 = 1000.0;

/// Limits for one structure.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    volume: f64,
    energy: f64,
    /// Å.
    least_distance: f64,
}

impl Limits {
    /// For a structure as it was read and its energy, eV.
    pub(super) fn new(start: &Structure, energy: f64) -> Self {
        // A structure that was evaluated is not refused here, where less is looked for.
        let first = least_distance(start, LEAST_DISTANCE / APPROACH).unwrap_or_default().unwrap_or(f64::INFINITY);
        Self { volume: start.lattice().volume(), energy, least_distance: LEAST_DISTANCE.min(APPROACH * first) }
    }

    /// What is wrong with a structure that was moved, and why.
    pub(super) fn broken_by(&self, structure: &Structure) -> Option<(Ended, String)> {
        let volume = structure.lattice().volume();
        let changed = |verb: &str| format!("the cell {verb} from {:.3} to {volume:.3} Å^3", self.volume);
        if volume < VOLUMES[0] * self.volume {
            return Some((Ended::Collapsed, changed("shrank")));
        }
        if volume > VOLUMES[1] * self.volume {
            return Some((Ended::Exploded, changed("grew")));
        }
        match least_distance(structure, self.least_distance) {
            Ok(nearest) => {
                let message = |nearest: f64| format!("two atoms came within {nearest:.3} Å of each other");
                nearest.map(|nearest| (Ended::Overlapping, message(nearest)))
            }
            Err(refused) => Some((Ended::Collapsed, refused.to_string())),
        }
    }

    /// What is wrong with an energy, eV.
    pub(super) fn broken_by_energy(&self, structure: &Structure, energy: f64) -> Option<(Ended, String)> {
        let change = (energy - self.energy) / structure.n_atoms() as f64;
        let within = (-FALL..=RISE).contains(&change);
        (!within).then(|| (Ended::Diverged, format!("the energy changed by {change:.1} eV per atom")))
    }
}

/// Least distance of two atoms, Å, if it is below a limit.
///
/// # Errors
/// When the cell is so flat or sheared that too many of its images lie within so short a distance.
fn least_distance(structure: &Structure, limit: f64) -> Result<Option<f64>, PredictError> {
    let list = NeighborList::build(structure, limit, &Deadline::NONE)?;
    Ok(list.pairs().iter().map(|pair| pair.distance).reduce(f64::min))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::{Lattice, Species};

    fn pair(length: f64, distance: f64) -> Structure {
        let lattice = Lattice::from_vectors([[length, 0.0, 0.0], [0.0, length, 0.0], [0.0, 0.0, length]]).unwrap();
        let species = vec![Species::from_symbol("H").unwrap(); 2];
        Structure::new(lattice, species, vec![[0.0; 3], [distance / length, 0.0, 0.0]]).unwrap()
    }

    fn reason(start: &Structure, moved: &Structure) -> Option<Ended> {
        Limits::new(start, -7.0).broken_by(moved).map(|(ended, _)| ended)
    }

    #[test]
    fn cells_may_change_their_volume_but_not_by_a_factor_of_ten() {
        let start = pair(4.0, 0.9);
        assert_eq!(reason(&start, &pair(1.9, 0.9)), None);
        assert_eq!(reason(&start, &pair(1.8, 0.9)), Some(Ended::Collapsed));
        assert_eq!(reason(&start, &pair(8.5, 0.9)), None);
        assert_eq!(reason(&start, &pair(8.7, 0.9)), Some(Ended::Exploded));
    }

    #[test]
    fn atoms_that_began_near_each_other_may_stay_but_not_come_nearer() {
        assert_eq!(reason(&pair(4.0, 0.9), &pair(4.0, 0.41)), None);
        assert_eq!(reason(&pair(4.0, 0.9), &pair(4.0, 0.39)), Some(Ended::Overlapping));
        assert_eq!(reason(&pair(4.0, 0.3), &pair(4.0, 0.25)), None);
        assert_eq!(reason(&pair(4.0, 0.3), &pair(4.0, 0.23)), Some(Ended::Overlapping));
    }

    #[test]
    fn energies_may_fall_further_than_they_may_rise() {
        let start = pair(4.0, 0.9);
        let reason = |energy: f64| Limits::new(&start, -7.0).broken_by_energy(&start, energy).map(|(ended, _)| ended);
        assert_eq!((reason(190.0), reason(-1900.0)), (None, None));
        assert_eq!((reason(200.0), reason(-2100.0)), (Some(Ended::Diverged), Some(Ended::Diverged)));
        assert_eq!(reason(f64::NAN), Some(Ended::Diverged));
    }
}
