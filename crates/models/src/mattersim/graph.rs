//! Atoms, edges and angles.

use super::config::Config;
use mlip_atoms::neighbors::{NeighborList, Pair};
use mlip_atoms::{Deadline, PredictError, Structure};

/// What the network gets of a structure. Edges are directed: one for each side of a pair.
#[derive(Debug)]
pub struct Graph {
    /// `[n_atoms]` atomic number: row of the embedding.
    pub(super) numbers: Vec<u32>,
    /// Each pair once.
    pub(super) pairs: Vec<Pair>,
    /// `[n_edges]` each, by center.
    pub(super) edges: Edges,
    /// `[n_atoms + 1]`: where the edges of each atom begin.
    pub(super) starts: Vec<u32>,
    /// Edges within the cutoff of angles, in their order. Angles are the ordered pairs of different ones that leave one atom.
    pub(super) near: Vec<u32>,
    /// `[n_atoms + 1]`: where those of each atom begin.
    pub(super) near_starts: Vec<u32>,
    /// Å^3
    pub(super) volume: f64,
}

#[derive(Debug, Default)]
pub(super) struct Edges {
    pub(super) center: Vec<u32>,
    pub(super) neighbor: Vec<u32>,
    pub(super) pair: Vec<u32>,
    /// 1 where the pair's vector leads away from the center, -1 where it leads to it.
    pub(super) sign: Vec<f64>,
}

impl Graph {
    /// Edges and angles to expect from the density of the structure.
    pub(super) fn expected(structure: &Structure, config: &Config) -> (f64, f64) {
        let n_atoms = structure.n_atoms() as f64;
        let density = n_atoms / structure.lattice().volume();
        let within = |cutoff: f64| density * 4.0 / 3.0 * std::f64::consts::PI * cutoff.powi(3);
        let near = within(config.threebody_cutoff.min(config.cutoff));
        (n_atoms * within(config.cutoff), n_atoms * near * near)
    }

    pub(super) fn build(structure: &Structure, config: &Config, deadline: &Deadline) -> Result<Self, PredictError> {
        let list = NeighborList::build(structure, config.cutoff, deadline)?;
        let mut edges = Edges::default();
        let (mut starts, mut near, mut near_starts) = (vec![0], Vec::new(), vec![0]);
        for center in 0..structure.n_atoms() {
            deadline.check()?;
            for edge in list.edges_of(center) {
                if list.pairs()[edge.pair as usize].distance <= config.threebody_cutoff {
                    near.push(edges.center.len() as u32);
                }
                edges.center.push(center as u32);
                edges.neighbor.push(edge.neighbor);
                edges.pair.push(edge.pair);
                edges.sign.push(if edge.reversed { -1.0 } else { 1.0 });
            }
            starts.push(edges.center.len() as u32);
            near_starts.push(near.len() as u32);
        }
        Ok(Self {
            numbers: structure.species().iter().map(|species| u32::from(species.atomic_number())).collect(),
            pairs: list.pairs().to_vec(),
            edges,
            starts,
            near,
            near_starts,
            volume: structure.lattice().volume(),
        })
    }

    pub(super) fn n_atoms(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn n_edges(&self) -> usize {
        self.edges.center.len()
    }

    pub(super) fn n_angles(&self) -> usize {
        (0..self.n_atoms()).map(|atom| self.near_of(atom).len()).map(|n| n * n.saturating_sub(1)).sum()
    }

    /// Edges of an atom within the cutoff of angles.
    pub(super) fn near_of(&self, atom: usize) -> &[u32] {
        &self.near[self.near_starts[atom] as usize..self.near_starts[atom + 1] as usize]
    }
}
