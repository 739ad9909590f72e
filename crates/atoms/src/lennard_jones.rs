//! A weightless potential: for smoke jobs and for testing everything that is not a model.

use crate::engine::OneByOne;
use crate::gradient::PairGradient;
use crate::neighbors::NeighborList;
use crate::{
    Deadline, DeviceError, Engine, EngineResources, Potential, PotentialId, Precision, PredictError, Prediction,
    Request, Species, Structure,
};
use std::sync::Arc;

/// Parameters, the same for all elements. The default is argon's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LennardJonesParameters {
    /// Depth of the well, eV.
    pub epsilon: f64,
    /// Distance at which the energy of a pair crosses zero, Å.
    pub sigma: f64,
    /// Å.
    pub cutoff: f64,
}

impl Default for LennardJonesParameters {
    fn default() -> Self {
        Self { epsilon: 0.0104, sigma: 3.4, cutoff: 6.0 }
    }
}

/// `Σ 4ε((σ/r)^12 - (σ/r)^6)` over pairs within the cutoff, shifted to zero there (the force jumps
/// there). Always in `f64`.
#[derive(Debug, Clone)]
pub struct LennardJones {
    id: PotentialId,
    parameters: LennardJonesParameters,
}

impl LennardJones {
    /// With these parameters.
    pub fn new(parameters: LennardJonesParameters) -> Self {
        let LennardJonesParameters { epsilon, sigma, cutoff } = parameters;
        Self {
            id: PotentialId {
                name: "lennard-jones".into(),
                checkpoint: format!("epsilon {epsilon} eV, sigma {sigma} A, cutoff {cutoff} A"),
                digest: format!("{:016x}{:016x}{:016x}", epsilon.to_bits(), sigma.to_bits(), cutoff.to_bits()),
                precision: Precision::F64,
                settings: String::new(),
            },
            parameters,
        }
    }

    fn evaluate(
        &self,
        structure: &Structure,
        request: Request,
        deadline: &Deadline,
    ) -> Result<Prediction, PredictError> {
        let LennardJonesParameters { epsilon, sigma, cutoff } = self.parameters;
        let sixth = |r: f64| (sigma / r).powi(6);
        let shift = 4.0 * epsilon * (sixth(cutoff) * sixth(cutoff) - sixth(cutoff));
        let list = NeighborList::build(structure, cutoff, deadline)?;
        let mut energy = 0.0;
        let mut gradient = PairGradient::new(structure.n_atoms());
        for pair in list.pairs() {
            let s = sixth(pair.distance);
            energy += 4.0 * epsilon * (s * s - s) - shift;
            if request.forces {
                let slope = -24.0 * epsilon * (2.0 * s * s - s) / (pair.distance * pair.distance);
                gradient.add(pair, pair.vector.map(|component| slope * component));
            }
        }
        let stress = request.forces.then(|| gradient.stress(structure.lattice().volume()));
        let forces = if request.forces { gradient.forces } else { Vec::new() };
        Ok(Prediction { energy, forces, stress, magmoms: None, atom_features: None })
    }
}

impl Potential for LennardJones {
    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, _species: Species) -> bool {
        true
    }

    fn cost(&self, structure: &Structure) -> f64 {
        let density = structure.n_atoms() as f64 / structure.lattice().volume();
        let pairs = 0.5 * structure.n_atoms() as f64 * density * 4.19 * self.parameters.cutoff.powi(3);
        2e-6 + 2e-8 * pairs
    }

    fn weight_bytes(&self) -> u64 {
        0
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        let density = structure.n_atoms() as f64 / structure.lattice().volume();
        (100.0 * structure.n_atoms() as f64 * density * 4.19 * self.parameters.cutoff.powi(3)) as u64
    }

    fn open(self: Arc<Self>, _resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        Ok(Box::new(OneByOne::new(move |structure: &Structure, request, deadline: &Deadline| {
            self.evaluate(structure, request, deadline)
        })))
    }

    fn predict(
        &self,
        structures: &[&Structure],
        request: Request,
        deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>> {
        structures.iter().map(|structure| self.evaluate(structure, request, deadline)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, Lattice};

    fn argon(lengths: [f64; 3], angles: [f64; 3]) -> Structure {
        let lattice = Lattice::from_parameters(lengths, angles, Frame::Pymatgen).unwrap();
        let species = vec![Species::from_symbol("Ar").unwrap(); 4];
        let sites = vec![[0.02, 0.0, 0.0], [0.5, 0.53, 0.0], [0.5, 0.0, 0.49], [-0.04, 0.5, 0.5]];
        Structure::new(lattice, species, sites).unwrap()
    }

    fn energy(structure: &Structure) -> f64 {
        let lj = LennardJones::new(LennardJonesParameters::default());
        lj.predict(&[structure], Request { forces: false, atom_features: false }, &Deadline::NONE)
            .remove(0)
            .unwrap()
            .energy
    }

    #[test]
    fn a_dimer_at_the_minimum_has_the_depth_of_the_well() {
        let lattice = Lattice::from_vectors([[40.0, 0.0, 0.0], [0.0, 40.0, 0.0], [0.0, 0.0, 40.0]]).unwrap();
        let r = 3.4 * 2f64.powf(1.0 / 6.0) / 40.0;
        let species = vec![Species::from_symbol("Ar").unwrap(); 2];
        let dimer = Structure::new(lattice, species, vec![[0.1; 3], [0.1 + r, 0.1, 0.1]]).unwrap();
        let s = (3.4f64 / 6.0).powi(6);
        assert!((energy(&dimer) + 0.0104 + 4.0 * 0.0104 * (s * s - s)).abs() < 1e-12);
    }

    #[test]
    fn forces_and_stress_are_derivatives_of_the_energy() {
        let (lengths, angles) = ([5.3, 5.4, 5.5], [85.0, 92.0, 97.0]);
        let structure = argon(lengths, angles);
        let lj = LennardJones::new(LennardJonesParameters::default());
        let prediction = lj.predict(&[&structure], Request::default(), &Deadline::NONE).remove(0).unwrap();
        let h = 1e-5;
        for site in 0..4 {
            for axis in 0..3 {
                let moved = |step: f64| {
                    let mut fractional = structure.fractional().to_vec();
                    let mut displacement = [0.0; 3];
                    displacement[axis] = step;
                    let change = structure.lattice().fractional(displacement);
                    (0..3).for_each(|k| fractional[site][k] += change[k]);
                    energy(
                        &Structure::new(structure.lattice().clone(), structure.species().to_vec(), fractional).unwrap(),
                    )
                };
                let expected = -(moved(h) - moved(-h)) / (2.0 * h);
                assert!((prediction.forces[site][axis] - expected).abs() < 1e-7);
            }
        }
        for (voigt, (a, b)) in [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)].into_iter().enumerate() {
            let strained = |step: f64| {
                let mut vectors = *structure.lattice().vectors();
                for row in &mut vectors {
                    let old = *row;
                    row[a] += 0.5 * step * old[b];
                    row[b] += 0.5 * step * old[a];
                }
                let lattice = Lattice::from_vectors(vectors).unwrap();
                energy(&Structure::new(lattice, structure.species().to_vec(), structure.fractional().to_vec()).unwrap())
            };
            let expected = (strained(h) - strained(-h)) / (2.0 * h) / structure.lattice().volume();
            assert!((prediction.stress.unwrap()[voigt] - expected).abs() < 1e-8);
        }
    }
}
