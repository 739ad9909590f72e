//! A structure's atoms, pairs, bonds and angles, and batches of them as the device reads them.

use crate::error::GpuError;
use crate::graph::{Groups, PairGraph, PairInput, fill, fill_shifted, fill_starts, offsets};
use crate::memory::{Layout, Part, Pinned};
use crate::network::Size;

/// Not a bond: the number of a pair that is longer than one.
const NO_BOND: u32 = u32::MAX;

/// An ordered pair of bonds that leave an atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Angle {
    /// The atom.
    pub center: u32,
    /// First and second bond.
    pub bonds: [u32; 2],
    /// Whether the vector of one of their pairs points to the atom, and not that of the other.
    pub turned: bool,
}

/// Atoms, pairs, bonds and angles of one structure.
#[derive(Debug, Clone)]
pub struct ChgnetGraph {
    pairs: PairGraph,
    /// Pairs of bonds.
    bonds: Vec<u32>,
    /// Bonds of pairs, or none.
    bond_of: Vec<u32>,
    center: Vec<u32>,
    first: Vec<u32>,
    second: Vec<u32>,
    turned: Vec<u32>,
    /// Ends of the angles of atoms.
    center_ends: Vec<u32>,
    by_first: Groups,
    by_second: Groups,
}

impl ChgnetGraph {
    /// From pairs of atoms, those that are bonds, and angles in the order of their atoms.
    ///
    /// # Errors
    /// When angles are in another order, or something has a number that is not there.
    pub fn new(pairs: PairGraph, bonds: Vec<u32>, angles: impl Iterator<Item = Angle>) -> Result<Self, GpuError> {
        let (n_atoms, n_pairs, n_bonds) = (pairs.n_atoms(), pairs.n_pairs(), bonds.len());
        let mut bond_of = vec![NO_BOND; n_pairs];
        for (bond, pair) in (0..).zip(&bonds) {
            match bond_of.get_mut(*pair as usize) {
                Some(room) if *room == NO_BOND => *room = bond,
                _ => return Err(GpuError::shape("pairs of bonds", format!("below {n_pairs}, none twice"), pair)),
            }
        }
        let (mut center, mut turned) = (Vec::<u32>::new(), Vec::new());
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for angle in angles {
            let [a, b] = angle.bonds;
            if a.max(b) as usize >= n_bonds || angle.center as usize >= n_atoms {
                let expected = format!("atoms below {n_atoms}, bonds below {n_bonds}");
                return Err(GpuError::shape("an angle", expected, format!("{angle:?}")));
            }
            if center.last().is_some_and(|last| angle.center < *last) {
                return Err(GpuError::shape("order of angles", "ascending atoms", angle.center));
            }
            center.push(angle.center);
            first.push(a);
            second.push(b);
            turned.push(u32::from(angle.turned));
        }
        Ok(Self {
            center_ends: Groups::new(n_atoms, &center).ends,
            by_first: Groups::new(n_bonds, &first),
            by_second: Groups::new(n_bonds, &second),
            pairs,
            bonds,
            bond_of,
            center,
            first,
            second,
            turned,
        })
    }

    pub(super) fn size(&self) -> Size {
        Size {
            n_atoms: self.pairs.n_atoms(),
            n_edges: self.pairs.n_pairs(),
            n_structures: 1,
            n_bonds: self.bonds.len(),
            n_angles: self.center.len(),
        }
    }

    /// Refuses what tables of `n_elements` elements have no row for.
    pub(super) fn check(&self, n_elements: usize) -> Result<(), GpuError> {
        self.pairs.check(n_elements)
    }
}

/// Where a batch lies in the memory that is copied to the device.
pub(super) struct Input {
    pub(super) pairs: PairInput,
    /// `[bonds]`
    pub(super) bonds: Part<u32>,
    /// `[pairs]`
    pub(super) bond_of: Part<u32>,
    /// `[angles]`
    pub(super) center: Part<u32>,
    pub(super) first: Part<u32>,
    pub(super) second: Part<u32>,
    pub(super) turned: Part<u32>,
    /// `[atoms + 1]`
    pub(super) center_starts: Part<u32>,
    /// `[bonds + 1]`, `[angles]`
    pub(super) by_first: [Part<u32>; 2],
    pub(super) by_second: [Part<u32>; 2],
    pub(super) bytes: u64,
}

impl Input {
    pub(super) fn plan(size: Size) -> Self {
        let mut layout = Layout::default();
        let pairs = PairInput::plan(&mut layout, size);
        let (bonds, bond_of) = (layout.place(size.n_bonds), layout.place(size.n_edges));
        let [center, first, second, turned] = [(); 4].map(|()| layout.place(size.n_angles));
        let center_starts = layout.place(size.n_atoms + 1);
        let [by_first, by_second] = [(); 2].map(|()| [size.n_bonds + 1, size.n_angles].map(|len| layout.place(len)));
        let bytes = layout.bytes();
        Self { pairs, bonds, bond_of, center, first, second, turned, center_starts, by_first, by_second, bytes }
    }

    /// Writes the graphs one behind the other.
    pub(super) fn write(&self, graphs: &[&ChgnetGraph], to: &mut Pinned) -> Result<(), GpuError> {
        let pairs_of = graphs.iter().map(|graph| &graph.pairs).collect::<Vec<_>>();
        self.pairs.write(&pairs_of, to)?;
        type Indices = fn(&ChgnetGraph) -> &[u32];
        let atoms = |indices: Indices| offsets(graphs, |graph| graph.pairs.n_atoms(), indices);
        let pairs = |indices: Indices| offsets(graphs, |graph| graph.pairs.n_pairs(), indices);
        let bonds = |indices: Indices| offsets(graphs, |graph| graph.bonds.len(), indices);
        let angles = |indices: Indices| offsets(graphs, |graph| graph.center.len(), indices);
        fill_shifted(to, self.bonds, pairs(|graph| &graph.bonds))?;
        fill_shifted(to, self.bond_of, bonds(|graph| &graph.bond_of))?;
        fill_shifted(to, self.center, atoms(|graph| &graph.center))?;
        fill_shifted(to, self.first, bonds(|graph| &graph.first))?;
        fill_shifted(to, self.second, bonds(|graph| &graph.second))?;
        fill(to, self.turned, graphs.iter().map(|graph| graph.turned.as_slice()))?;
        fill_starts(to, self.center_starts, angles(|graph| &graph.center_ends))?;
        fill_starts(to, self.by_first[0], angles(|graph| &graph.by_first.ends))?;
        fill_shifted(to, self.by_first[1], angles(|graph| &graph.by_first.members))?;
        fill_starts(to, self.by_second[0], angles(|graph| &graph.by_second.ends))?;
        fill_shifted(to, self.by_second[1], angles(|graph| &graph.by_second.members))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn graph(bonds: &[u32], angles: &[(u32, [u32; 2])]) -> Result<ChgnetGraph, GpuError> {
        let pairs = [(0, 1), (1, 1), (0, 2)].map(|(a, b)| (a, b, [1.0, 2.0, 3.0]));
        let pairs = PairGraph::new(vec![0; 3], pairs.into_iter()).unwrap();
        let angle = |(center, bonds): &(u32, [u32; 2])| Angle { center: *center, bonds: *bonds, turned: false };
        ChgnetGraph::new(pairs, bonds.to_vec(), angles.iter().map(angle))
    }

    #[test]
    fn angles_are_found_by_atom_and_by_both_bonds() {
        let graph = graph(&[0, 2], &[(0, [0, 1]), (0, [1, 0]), (2, [1, 1])]).unwrap();
        assert_eq!(graph.bond_of, [0, NO_BOND, 1]);
        assert_eq!(graph.center_ends, [2, 2, 3]);
        assert_eq!((graph.by_first.ends.as_slice(), graph.by_first.members.as_slice()), (&[1, 3][..], &[0, 1, 2][..]));
        assert_eq!(
            (graph.by_second.ends.as_slice(), graph.by_second.members.as_slice()),
            (&[1, 3][..], &[1, 0, 2][..])
        );
        let Size { n_atoms, n_edges, n_bonds, n_angles, .. } = graph.size();
        assert_eq!((n_atoms, n_edges, n_bonds, n_angles), (3, 3, 2, 3));
    }

    #[test]
    fn what_is_not_there_or_in_disorder_is_refused() {
        assert!(graph(&[3], &[]).is_err() && graph(&[1, 1], &[]).is_err());
        assert!(graph(&[0], &[(0, [0, 1])]).is_err() && graph(&[0], &[(3, [0, 0])]).is_err());
        assert!(graph(&[0, 2], &[(1, [0, 1]), (0, [1, 0])]).is_err());
        assert!(graph(&[], &[]).is_ok());
    }
}
