//! A structure's atoms, edges and mixture of experts, and batches of them as the device reads them.

use super::shape::Shape;
use crate::error::GpuError;
use crate::graph::{Groups, fill, fill_shifted, fill_starts, offsets};
use crate::kernels::TILE_ROWS;
use crate::memory::{Layout, Part, Pinned};
use crate::network::Size;

/// What composition, charge, spin and task make of a structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// `[experts]`
    pub coefficients: Vec<f32>,
    /// `[channels]`: added to degree 0 of each atom.
    pub system: Vec<f32>,
    /// What the sums of balanced channels become.
    pub balanced: Vec<f64>,
}

/// Atoms and directed edges of one structure.
#[derive(Debug, Clone)]
pub struct UmaGraph {
    elements: Vec<u32>,
    vectors: Vec<[f64; 3]>,
    source: Vec<u32>,
    target: Vec<u32>,
    /// Ends of atoms' edges as targets.
    ends: Vec<u32>,
    by_source: Groups,
    mixture: Mixture,
}

impl UmaGraph {
    /// From atomic numbers, and edges (source, target, vector from target to source in Å) in the order of targets.
    ///
    /// # Errors
    /// When edges are in another order, or end at atoms that are not there.
    pub fn new(
        elements: Vec<u32>,
        edges: impl Iterator<Item = (u32, u32, [f64; 3])>,
        mixture: Mixture,
    ) -> Result<Self, GpuError> {
        let n_atoms = elements.len();
        let (mut source, mut target, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
        for (from, to, vector) in edges {
            if from.max(to) as usize >= n_atoms {
                return Err(GpuError::shape("atoms of an edge", format!("below {n_atoms}"), format!("{from}, {to}")));
            }
            if target.last().is_some_and(|last| to < *last) {
                return Err(GpuError::shape("order of edges", "ascending targets", to));
            }
            source.push(from);
            target.push(to);
            vectors.push(vector);
        }
        let ends = Groups::new(n_atoms, &target).ends;
        Ok(Self { by_source: Groups::new(n_atoms, &source), elements, vectors, source, target, ends, mixture })
    }

    /// Atoms.
    pub fn n_atoms(&self) -> usize {
        self.elements.len()
    }

    /// Edges.
    pub fn n_edges(&self) -> usize {
        self.vectors.len()
    }

    /// Refuses what tables have no row for, and mixtures of other models.
    pub(super) fn check(&self, shape: &Shape) -> Result<(), GpuError> {
        let last = self.elements.iter().max();
        let last = last.ok_or_else(|| GpuError::shape("atoms of a structure", "at least one", "none"))?;
        if *last as usize >= shape.n_elements {
            return Err(GpuError::shape("atomic numbers", format!("below {}", shape.n_elements), last));
        }
        let Mixture { coefficients, system, balanced } = &self.mixture;
        let found = [coefficients.len(), system.len(), balanced.len()];
        let expected = [shape.n_experts, shape.channels, shape.n_balanced];
        if found != expected {
            return Err(GpuError::shape("numbers of a mixture", format!("{expected:?}"), format!("{found:?}")));
        }
        Ok(())
    }
}

/// Where a batch lies in the memory that is copied to the device.
pub(super) struct Input {
    /// `[edges]`
    pub(super) vectors: Part<[f64; 3]>,
    /// `[structures, balanced]`
    pub(super) balanced: Part<f64>,
    /// `[atoms]`
    pub(super) elements: Part<u32>,
    /// `[atoms]`
    pub(super) structure: Part<u32>,
    /// `[structures + 1]`
    pub(super) structures: Part<u32>,
    /// `[edges]`
    pub(super) source: Part<u32>,
    /// `[edges]`
    pub(super) target: Part<u32>,
    /// `[atoms + 1]`: edges by target.
    pub(super) starts: Part<u32>,
    /// `[atoms + 1]`, `[edges]`
    pub(super) by_source: [Part<u32>; 2],
    /// `[tiles, 4]`: first edge, end, mixture; zeros behind those that there are.
    pub(super) tiles: Part<u32>,
    /// `[1]`: how many mixtures there are.
    pub(super) n_mixtures: Part<u32>,
    /// `[structures, experts]`, of the mixtures.
    pub(super) coefficients: Part<f32>,
    /// `[structures, channels]`
    pub(super) system: Part<f32>,
    pub(super) bytes: u64,
}

/// Tiles of edges, each of one mixture; and the structures whose mixtures these are. Neighbors with the same share one.
fn tiles(graphs: &[&UmaGraph]) -> (Vec<u32>, Vec<usize>) {
    let (mut tiles, mut mixtures) = (Vec::new(), Vec::<usize>::new());
    let (mut from, mut end) = (0, 0);
    let mut cut = |from: usize, end: usize, mixture: usize| {
        for first in (from..end).step_by(TILE_ROWS) {
            tiles.extend([first as u32, (first + TILE_ROWS).min(end) as u32, mixture as u32, 0]);
        }
    };
    for (number, graph) in graphs.iter().enumerate() {
        let same = |last: &usize| graphs[*last].mixture.coefficients == graph.mixture.coefficients;
        if !mixtures.last().is_some_and(same) {
            cut(from, end, mixtures.len().saturating_sub(1));
            from = end;
            mixtures.push(number);
        }
        end += graph.n_edges();
    }
    cut(from, end, mixtures.len().saturating_sub(1));
    (tiles, mixtures)
}

impl Input {
    pub(super) fn plan(shape: &Shape, size: Size) -> Self {
        let Size { n_atoms, n_edges, n_structures, .. } = size;
        let mut layout = Layout::default();
        let vectors = layout.place(n_edges);
        let balanced = layout.place(n_structures * shape.n_balanced);
        let [elements, structure] = [(); 2].map(|()| layout.place(n_atoms));
        let structures = layout.place(n_structures + 1);
        let [source, target] = [(); 2].map(|()| layout.place(n_edges));
        let starts = layout.place(n_atoms + 1);
        let by_source = [n_atoms + 1, n_edges].map(|len| layout.place(len));
        let tiles = layout.place(4 * (n_edges / TILE_ROWS + n_structures));
        let n_mixtures = layout.place(1);
        let coefficients = layout.place(n_structures * shape.n_experts);
        let system = layout.place(n_structures * shape.channels);
        Self {
            vectors,
            balanced,
            elements,
            structure,
            structures,
            source,
            target,
            starts,
            by_source,
            tiles,
            n_mixtures,
            coefficients,
            system,
            bytes: layout.bytes(),
        }
    }

    /// Writes the graphs one behind the other.
    pub(super) fn write(&self, graphs: &[&UmaGraph], to: &mut Pinned) -> Result<(), GpuError> {
        type Indices = fn(&UmaGraph) -> &[u32];
        let atoms = |indices: Indices| offsets(graphs, UmaGraph::n_atoms, indices);
        let edges = |indices: Indices| offsets(graphs, UmaGraph::n_edges, indices);
        fill(to, self.vectors, graphs.iter().map(|graph| graph.vectors.as_slice()))?;
        fill(to, self.balanced, graphs.iter().map(|graph| graph.mixture.balanced.as_slice()))?;
        fill(to, self.elements, graphs.iter().map(|graph| graph.elements.as_slice()))?;
        fill_shifted(to, self.source, atoms(|graph| &graph.source))?;
        fill_shifted(to, self.target, atoms(|graph| &graph.target))?;
        fill_starts(to, self.starts, edges(|graph| &graph.ends))?;
        fill_starts(to, self.by_source[0], edges(|graph| &graph.by_source.ends))?;
        fill_shifted(to, self.by_source[1], edges(|graph| &graph.by_source.members))?;
        let of_atoms = graphs.iter().zip(0u32..).flat_map(|(graph, number)| vec![number; graph.n_atoms()]);
        let of_atoms = of_atoms.collect::<Vec<_>>();
        fill(to, self.structure, std::iter::once(of_atoms.as_slice()))?;
        let ends = graphs.iter().scan(0, |sum, graph| {
            *sum += graph.n_atoms() as u32;
            Some(*sum)
        });
        let ends = ends.collect::<Vec<_>>();
        fill_starts(to, self.structures, std::iter::once((0, ends.as_slice())))?;
        let (mut tiles, mixtures) = tiles(graphs);
        tiles.resize(self.tiles.len, 0);
        fill(to, self.tiles, std::iter::once(tiles.as_slice()))?;
        fill(to, self.n_mixtures, std::iter::once([mixtures.len() as u32].as_slice()))?;
        fill(to, self.coefficients, mixtures.iter().map(|number| graphs[*number].mixture.coefficients.as_slice()))?;
        fill(to, self.system, graphs.iter().map(|graph| graph.mixture.system.as_slice()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn graph(n_edges: usize, coefficient: f32) -> UmaGraph {
        let mixture = Mixture { coefficients: vec![coefficient], system: Vec::new(), balanced: Vec::new() };
        UmaGraph::new(vec![1], (0..n_edges).map(|_| (0, 0, [1.0, 2.0, 3.0])), mixture).unwrap()
    }

    #[test]
    fn tiles_hold_edges_of_one_mixture_and_neighbors_share_theirs() {
        let all = [graph(3, 1.0), graph(130, 1.0), graph(0, 2.0), graph(2, 3.0), graph(1, 1.0)];
        let (found, mixtures) = tiles(&all.iter().collect::<Vec<_>>());
        assert_eq!(found, [[0, 128, 0, 0], [128, 133, 0, 0], [133, 135, 2, 0], [135, 136, 3, 0]].concat());
        assert_eq!(mixtures, [0, 2, 3, 4]);
    }

    #[test]
    fn there_are_never_more_tiles_than_there_is_room_for() {
        for sizes in [vec![0], vec![128, 1], vec![1, 127, 128, 129], vec![300, 0, 5], vec![255; 9]] {
            let all = sizes.iter().zip(0u8..).map(|(n, k)| graph(*n, f32::from(k))).collect::<Vec<_>>();
            let (found, _) = tiles(&all.iter().collect::<Vec<_>>());
            assert!(found.len() / 4 <= sizes.iter().sum::<usize>() / TILE_ROWS + sizes.len(), "{sizes:?}");
        }
    }

    #[test]
    fn edges_in_disorder_or_to_nowhere_are_refused() {
        let mixture = graph(0, 1.0).mixture;
        let of = |edges: &[(u32, u32)]| {
            let edges = edges.iter().map(|(from, to)| (*from, *to, [1.0; 3])).collect::<Vec<_>>();
            UmaGraph::new(vec![1; 2], edges.into_iter(), mixture.clone())
        };
        assert!(of(&[(0, 1), (1, 0)]).is_err() && of(&[(2, 0)]).is_err());
        let graph = of(&[(1, 0), (0, 1), (1, 1)]).unwrap();
        assert_eq!(
            (graph.ends, graph.by_source.ends, graph.by_source.members),
            (vec![1, 3], vec![1, 3], vec![1, 0, 2])
        );
    }
}
