//! Atoms, bonds and angles.

use crate::chgnet::Config;
use mlip_atoms::neighbors::{NeighborList, Pair};
use mlip_atoms::{Deadline, PredictError, Structure};

/// The atom graph and the bond graph (line graph) of a structure.
///
/// Upstream numbers undirected edges and keeps a directed one for each; here a [`Pair`] is an
/// undirected edge and an edge of an atom is a directed one.
#[derive(Debug)]
pub struct Graph {
    /// `[n_atoms]` atomic number less one: row of the embeddings.
    pub(crate) element: Vec<u32>,
    /// Undirected edges.
    pub(crate) pairs: Vec<Pair>,
    /// `[n_edges]` each, by center: center, neighbor and pair of the directed edges.
    pub(crate) edges: Edges,
    /// `[n_bonds]`: the pairs within the bond cutoff.
    pub(crate) bonds: Vec<u32>,
    /// `[n_angles]` each, by center.
    pub(crate) angles: Angles,
    /// Å^3
    pub(crate) volume: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Edges {
    pub(crate) center: Vec<u32>,
    pub(crate) neighbor: Vec<u32>,
    pub(crate) pair: Vec<u32>,
}

/// Ordered pairs of bonds that leave one atom.
#[derive(Debug, Default)]
pub(crate) struct Angles {
    pub(crate) center: Vec<u32>,
    /// Index into `bonds` of the first and second bond.
    pub(crate) bond: [Vec<u32>; 2],
    /// Index into `pairs` of the same.
    pub(crate) pair: [Vec<u32>; 2],
    /// Whether the pairs' vectors point along or against the bonds as they leave the center:
    /// the product of the two signs.
    pub(crate) sign: Vec<f64>,
    /// Which of the distinct angles each is: two bonds make one angle, in both orders.
    pub(crate) distinct: Vec<u32>,
    /// `[n_distinct]`: the first ordered pair of each.
    pub(crate) representative: Vec<u32>,
}

/// Why there is no graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum GraphError {
    /// An atom without neighbors, by index.
    Isolated(usize),
    /// The search for neighbors has ended without a list.
    Search(PredictError),
}

impl From<PredictError> for GraphError {
    fn from(error: PredictError) -> Self {
        Self::Search(error)
    }
}

impl GraphError {
    /// As those who asked the potential of this name are told.
    pub(crate) fn of(self, potential: &str, config: &Config) -> PredictError {
        let (potential, cutoff) = (potential.into(), config.atom_graph_cutoff);
        match self {
            Self::Isolated(site) => PredictError::IsolatedAtom { potential, site, cutoff },
            Self::Search(error) => error,
        }
    }
}

impl Graph {
    /// Edges and angles to expect from the density of the structure.
    pub(crate) fn expected(structure: &Structure, config: &Config) -> (f64, f64) {
        let n_atoms = structure.n_atoms() as f64;
        let density = n_atoms / structure.lattice().volume();
        let within = |cutoff: f64| density * 4.0 / 3.0 * std::f64::consts::PI * cutoff.powi(3);
        let (near, bonds) = (within(config.atom_graph_cutoff), within(config.bond_graph_cutoff));
        (n_atoms * near, n_atoms * bonds * bonds)
    }

    pub(crate) fn build(structure: &Structure, config: &Config, deadline: &Deadline) -> Result<Self, GraphError> {
        let list = NeighborList::build(structure, config.atom_graph_cutoff, deadline)?;
        let n_atoms = structure.n_atoms();
        if let Some(atom) = (0..n_atoms).find(|atom| list.edges_of(*atom).is_empty()) {
            return Err(GraphError::Isolated(atom));
        }
        let mut edges = Edges::default();
        let (mut bonds, mut bond_of) = (Vec::new(), vec![u32::MAX; list.pairs().len()]);
        for (index, pair) in (0u32..).zip(list.pairs()) {
            if pair.distance <= config.bond_graph_cutoff {
                bond_of[index as usize] = bonds.len() as u32;
                bonds.push(index);
            }
        }
        let mut angles = Angles::default();
        for center in 0..n_atoms {
            let around = list.edges_of(center);
            for edge in around {
                edges.center.push(center as u32);
                edges.neighbor.push(edge.neighbor);
                edges.pair.push(edge.pair);
            }
            // Upstream takes a first bond of up to the cutoff, a second one below it.
            let short = around.iter().filter(|edge| bond_of[edge.pair as usize] != u32::MAX).collect::<Vec<_>>();
            let mut distinct = vec![u32::MAX; short.len() * short.len()];
            for (first, from) in short.iter().enumerate() {
                // Angles are as many as the square of the bonds at an atom.
                deadline.check()?;
                for (second, to) in short.iter().enumerate() {
                    if first == second || list.pairs()[to.pair as usize].distance >= config.bond_graph_cutoff {
                        continue;
                    }
                    let known = &mut distinct[first.min(second) * short.len() + first.max(second)];
                    if *known == u32::MAX {
                        *known = angles.representative.len() as u32;
                        angles.representative.push(angles.center.len() as u32);
                    }
                    angles.distinct.push(*known);
                    angles.center.push(center as u32);
                    angles.sign.push(if from.reversed == to.reversed { 1.0 } else { -1.0 });
                    for (side, edge) in [from, to].into_iter().enumerate() {
                        angles.bond[side].push(bond_of[edge.pair as usize]);
                        angles.pair[side].push(edge.pair);
                    }
                }
            }
        }
        Ok(Self {
            element: structure.species().iter().map(|s| u32::from(s.atomic_number()) - 1).collect(),
            pairs: list.pairs().to_vec(),
            edges,
            bonds,
            angles,
            volume: structure.lattice().volume(),
        })
    }

    pub(crate) fn n_atoms(&self) -> usize {
        self.element.len()
    }

    pub(crate) fn n_edges(&self) -> usize {
        self.edges.center.len()
    }

    pub(crate) fn n_angles(&self) -> usize {
        self.angles.center.len()
    }
}
