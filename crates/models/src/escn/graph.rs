//! Atoms and edges.

use mlip_atoms::neighbors::{NeighborList, Pair};
use mlip_atoms::{Deadline, PredictError, Structure};

/// Squares of distances up to this beyond that of the last neighbor allowed still count, Å^2: neighbors at one
/// distance are kept or dropped together.
const DEGENERACY: f64 = 0.01;

/// Directed edges to expect from the density of a structure. `max_neighbors`: of an atom; 0 is no limit, as in
/// [`Graph::build`].
pub(crate) fn expected_edges(structure: &Structure, cutoff: f64, max_neighbors: usize) -> f64 {
    let n_atoms = structure.n_atoms() as f64;
    let sphere = 4.0 / 3.0 * std::f64::consts::PI * cutoff.powi(3);
    let around = n_atoms / structure.lattice().volume() * sphere;
    let limit = if max_neighbors == 0 { f64::INFINITY } else { max_neighbors as f64 };
    n_atoms * around.min(limit)
}

/// Directed edges, from a source to a target atom, by target.
#[derive(Debug)]
pub(crate) struct Graph {
    /// `[n_atoms]` atomic numbers.
    pub(crate) elements: Vec<u32>,
    pub(crate) pairs: Vec<Pair>,
    /// `[n_edges]` each.
    pub(crate) source: Vec<u32>,
    pub(crate) target: Vec<u32>,
    pub(crate) edges: Vec<Edge>,
    /// Å^3
    pub(crate) volume: f64,
}

/// Geometry of an edge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    /// Index of its pair.
    pub(crate) pair: u32,
    /// 1 where the pair's vector leads from target to source as the edge's does, -1 otherwise.
    pub(crate) sign: f64,
    /// From target to source, a unit vector.
    pub(crate) direction: [f64; 3],
    /// Å
    pub(crate) distance: f64,
}

impl Graph {
    /// All edges within the cutoff; of an atom with more than `max_neighbors` the nearest, unless that is 0.
    pub(crate) fn build(
        structure: &Structure,
        cutoff: f64,
        max_neighbors: usize,
        deadline: &Deadline,
    ) -> Result<Self, PredictError> {
        let list = NeighborList::build(structure, cutoff, deadline)?;
        let (mut source, mut target, mut edges) = (Vec::new(), Vec::new(), Vec::new());
        for atom in 0..structure.n_atoms() {
            deadline.check()?;
            let around = list.edges_of(atom);
            let squared = |pair: u32| list.pairs()[pair as usize].distance.powi(2);
            let mut limit = f64::INFINITY;
            if max_neighbors > 0 && around.len() > max_neighbors {
                let mut all = around.iter().map(|edge| squared(edge.pair)).collect::<Vec<_>>();
                all.sort_by(f64::total_cmp);
                limit = all[max_neighbors] + DEGENERACY;
            }
            for edge in around.iter().filter(|edge| squared(edge.pair) <= limit) {
                let pair = &list.pairs()[edge.pair as usize];
                let sign = if edge.reversed { -1.0 } else { 1.0 };
                source.push(edge.neighbor);
                target.push(atom as u32);
                edges.push(Edge {
                    pair: edge.pair,
                    sign,
                    direction: pair.vector.map(|x| sign * x / pair.distance),
                    distance: pair.distance,
                });
            }
        }
        Ok(Self {
            elements: structure.species().iter().map(|s| u32::from(s.atomic_number())).collect(),
            pairs: list.pairs().to_vec(),
            source,
            target,
            edges,
            volume: structure.lattice().volume(),
        })
    }

    pub(crate) fn n_atoms(&self) -> usize {
        self.elements.len()
    }

    pub(crate) fn n_edges(&self) -> usize {
        self.edges.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::{Lattice, Species};

    fn perovskite() -> Structure {
        let lattice = Lattice::from_vectors([[3.9, 0.0, 0.0], [0.0, 3.9, 0.0], [0.0, 0.0, 3.9]]).unwrap();
        let species = [38, 22, 8, 8, 8].map(|z| Species::from_atomic_number(z).unwrap()).to_vec();
        let fractional = vec![[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]];
        Structure::new(lattice, species, fractional).unwrap()
    }

    #[test]
    fn as_many_edges_are_expected_as_there_are_also_without_a_limit() {
        let structure = perovskite();
        for (cutoff, max_neighbors) in [(6.0, 0), (6.0, 300), (4.0, 0)] {
            let found = Graph::build(&structure, cutoff, max_neighbors, &Deadline::NONE).unwrap().n_edges() as f64;
            let expected = expected_edges(&structure, cutoff, max_neighbors);
            // A sphere cuts through shells. A limit does so too, and keeps whole shells: an ideal perovskite has 50 neighbors
            // where 30 are the limit.
            assert!((0.7..1.4).contains(&(expected / found)), "{cutoff} {max_neighbors}: {expected}, found {found}");
        }
        let limited = [300, 30].map(|limit| expected_edges(&structure, 6.0, limit));
        assert!(limited[1] < limited[0] && limited[0] == expected_edges(&structure, 6.0, 0), "{limited:?}");
    }
}
