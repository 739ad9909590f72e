//! A block: angles into edges, atoms and edges into edges, atoms and edges into atoms; and its gradient.

use super::chunks::Chunks;
use super::update::{Input, Layers};
use super::weights::{Packer, Update, bytes, narrow};
use crate::mattersim::config::Config;
use crate::mattersim::graph::Graph;
use crate::weights::WeightsError;
use mlip_atoms::Deadline;
use mlip_kernels::gated_messages::Both;
use mlip_kernels::gated_product::GatedProduct;
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_threads as threads;

/// Rows of atoms that a thread takes at least.
const GRAIN: usize = 64;

/// Weights of a block.
pub(super) struct Block<T> {
    /// `[units, n_spherical]`: which functions of angles an atom lets through.
    gate: Both<T>,
    gate_bias: Vec<T>,
    /// `[n_spherical, 2 units]`, core and gate.
    angles: Both<T>,
    edge: Update<T>,
    atom: Update<T>,
}

/// What all blocks read of a structure.
pub(super) struct Inputs<'a, T> {
    pub(super) graph: &'a Graph,
    pub(super) chunks: &'a Chunks,
    /// `[n_edges]`: the other edge of its pair.
    pub(super) reverse: &'a [u32],
    /// `[n_edges, max_n]`
    pub(super) radial: &'a [T],
    /// `[n_edges, n_spherical]`
    pub(super) angles: &'a [T],
    pub(super) set: InstructionSet,
    pub(super) deadline: &'a Deadline,
}

/// What a gradient needs of a block.
pub(super) struct Saved<T> {
    /// `[n_atoms, n_spherical]`
    gate: Vec<T>,
    /// `[n_edges, 2 units]`: arguments of the products of angles.
    angles: Vec<T>,
    /// First and second layers of the updates, `[n_edges, 2 units]` each.
    edge: [Vec<T>; 2],
    atom: [Vec<T>; 2],
}

/// Gradients of what blocks share and of what is between them.
pub(super) struct Gradients<T> {
    /// `[n_atoms, units]`
    pub(super) atoms: Vec<T>,
    /// `[n_edges, units]`
    pub(super) edges: Vec<T>,
    /// `[n_edges, max_n]`
    pub(super) radial: Vec<T>,
    /// `[n_edges, n_spherical]`
    pub(super) angles: Vec<T>,
}

/// Numbers that a block saves of an edge, in widths.
pub(super) const SAVED_PER_EDGE: usize = 10;

impl<T: Real> Block<T> {
    pub(super) fn read(packer: &Packer<'_>, config: &Config, name: &str) -> Result<Self, WeightsError> {
        let (units, n_spherical) = (config.units, config.n_spherical());
        let gate = format!("{name}.three_body.atom_mlp");
        let angles =
            |side: &str| packer.linear(&format!("{name}.three_body.edge_gate_mlp.{side}.0"), n_spherical, units);
        let update = |of: &str, is_curved: bool| {
            let (mlp, radial) = (format!("{name}.gated_mlp_{of}"), format!("{name}.edge_layer_{of}"));
            Update::read(packer, config, &mlp, &radial, is_curved)
        };
        Ok(Self {
            gate_bias: narrow(&packer.bias(&gate, n_spherical)?),
            gate: packer.map(&packer.linear(&gate, units, n_spherical)?),
            angles: packer.pair(&[angles("g")?, angles("sigma")?], 0..n_spherical),
            edge: update("edge", false)?,
            atom: update("atom", true)?,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        bytes(&self.gate) + bytes(&self.angles) + self.edge.bytes() + self.atom.bytes()
    }

    /// First layers' parts of atoms `[n_atoms, 2 units]`: in the middle, with biases, and at the end.
    fn of_atoms(update: &Update<T>, atoms: &[T]) -> [Vec<T>; 2] {
        let n_atoms = atoms.len() / update.width;
        let mut parts = [update.first_bias.repeat(n_atoms), vec![T::default(); n_atoms * 2 * update.width]];
        for (part, map) in parts.iter_mut().zip(&update.atoms) {
            map.forward.multiply_add_all(atoms, part);
        }
        parts
    }

    /// Features of atoms and edges become those behind the block.
    pub(super) fn forward(&self, inputs: &Inputs<'_, T>, atoms: &mut [T], edges: &mut [T]) -> Saved<T> {
        let (graph, chunks, set) = (inputs.graph, inputs.chunks, inputs.set);
        let (width, n_edges, n_spherical) = (self.edge.width, graph.n_edges(), self.gate_bias.len());
        let zeros = || vec![T::default(); n_edges * 2 * width];
        let mut gate = self.gate_bias.repeat(graph.n_atoms());
        self.gate.forward.multiply_add_all(atoms, &mut gate);
        gate.iter_mut().for_each(|x| *x = T::real(1.0 / (1.0 + (-x.wide()).exp())));
        let (for_edges, for_atoms) = (Self::of_atoms(&self.edge, atoms), Self::of_atoms(&self.atom, atoms));
        let mut saved = Saved { gate, angles: zeros(), edge: [zeros(), zeros()], atom: [zeros(), zeros()] };
        let Saved { gate, angles, edge, atom } = &mut saved;
        let rows = |numbers| rows_of(numbers, 2 * width, chunks);
        let [edge_first, edge_second] = edge;
        let [atom_first, atom_second] = atom;
        let parts = chunks.edges.iter().zip(&chunks.atoms);
        let parts =
            parts.zip(threads::split(edges, width, &chunks.edges)).zip(threads::split(atoms, width, &chunks.atoms));
        let parts = parts.zip(rows(angles)).zip(rows(edge_first).zip(rows(edge_second)));
        let parts = parts.zip(rows(atom_first).zip(rows(atom_second)));
        threads::for_each(parts.collect(), |((((((range, owners), edges), atoms), angles), edge), atom)| {
            if range.is_empty() || inputs.deadline.check().is_err() {
                return;
            }
            let centers = &graph.edges.center[range.clone()];
            // Functions of angles that the atom lets through.
            let mut passed = inputs.angles[range.start * n_spherical..range.end * n_spherical].to_vec();
            for (row, center) in passed.chunks_exact_mut(n_spherical).zip(centers) {
                let gate = &gate[*center as usize * n_spherical..][..n_spherical];
                row.iter_mut().zip(gate).for_each(|(x, gate)| *x *= *gate);
            }
            self.angles.forward.multiply_add_strided(&passed, n_spherical, range.len(), angles, 2 * width);
            GatedProduct { width, arguments: angles, weights: None }.add_to(edges, set);
            let of_edges = self.input(inputs, range, &for_edges);
            let before = edges.to_vec();
            self.edge.add_to(of_edges, &before, &mut Layers { first: edge.0, second: edge.1 }, edges, set);
            let of_atoms = self.input(inputs, range, &for_atoms);
            let mut messages = vec![T::default(); range.len() * width];
            self.atom.add_to(of_atoms, edges, &mut Layers { first: atom.0, second: atom.1 }, &mut messages, set);
            for (message, center) in messages.chunks_exact(width).zip(centers) {
                let sum = &mut atoms[(*center as usize - owners.start) * width..][..width];
                sum.iter_mut().zip(message).for_each(|(sum, x)| *sum += *x);
            }
        });
        saved
    }

    fn input<'a>(
        &self,
        inputs: &Inputs<'a, T>,
        range: &std::ops::Range<usize>,
        atoms: &'a [Vec<T>; 2],
    ) -> Input<'a, T> {
        let n_radial = self.edge.radial.forward.depth();
        Input {
            centers: &inputs.graph.edges.center[range.clone()],
            neighbors: &inputs.graph.edges.neighbor[range.clone()],
            radial: &inputs.radial[range.start * n_radial..range.end * n_radial],
            atoms: [&atoms[0], &atoms[1]],
        }
    }

    /// Gradients behind the block become those before it. `is_first`: those of atoms are not needed, for nothing before
    /// the block depends on the geometry.
    pub(super) fn backward(
        &self,
        inputs: &Inputs<'_, T>,
        mut saved: Saved<T>,
        gradients: &mut Gradients<T>,
        is_first: bool,
    ) {
        let (graph, chunks, set) = (inputs.graph, inputs.chunks, inputs.set);
        let (width, n_spherical, n_radial) = (self.edge.width, self.gate_bias.len(), self.edge.radial.forward.depth());
        let mut of_gate = vec![T::default(); saved.gate.len()];
        {
            let Saved { gate, angles, edge, atom } = &mut saved;
            let [edge_first, edge_second] = edge;
            let [atom_first, atom_second] = atom;
            let of_atoms = &gradients.atoms;
            let rows = |numbers| rows_of(numbers, 2 * width, chunks);
            let parts = chunks.edges.iter().zip(&chunks.atoms);
            let parts = parts.zip(threads::split(&mut gradients.edges, width, &chunks.edges));
            let parts = parts.zip(threads::split(&mut gradients.radial, n_radial, &chunks.edges));
            let parts = parts.zip(threads::split(&mut gradients.angles, n_spherical, &chunks.edges));
            let parts = parts.zip(threads::split(&mut of_gate, n_spherical, &chunks.atoms)).zip(rows(angles));
            let parts = parts.zip(rows(edge_first).zip(rows(edge_second)));
            let parts = parts.zip(rows(atom_first).zip(rows(atom_second)));
            threads::for_each(parts.collect(), |part| {
                let ((((((((range, owners), of_edges), of_radial), of_angles), of_gate), angles), edge), atom) = part;
                if range.is_empty() || inputs.deadline.check().is_err() {
                    return;
                }
                let centers = &graph.edges.center[range.clone()];
                let radial = &inputs.radial[range.start * n_radial..range.end * n_radial];
                let mut gradient = vec![T::default(); of_edges.len()];
                for (row, center) in gradient.chunks_exact_mut(width).zip(centers) {
                    row.copy_from_slice(&of_atoms[*center as usize * width..][..width]);
                }
                let mut layers = Layers { first: atom.0, second: atom.1 };
                self.atom.backward(radial, &gradient, &mut layers, of_radial, of_edges, set);
                gradient.copy_from_slice(of_edges);
                let mut layers = Layers { first: edge.0, second: edge.1 };
                self.edge.backward(radial, &gradient, &mut layers, of_radial, of_edges, set);
                let mut of_arguments = vec![T::default(); angles.len()];
                let products = GatedProduct { width, arguments: angles, weights: None };
                products.backward(of_edges, &mut of_arguments, &mut [], set);
                let mut of_passed = vec![T::default(); of_angles.len()];
                let backward = &self.angles.backward;
                backward.multiply_add_strided(&of_arguments, 2 * width, range.len(), &mut of_passed, n_spherical);
                let functions = &inputs.angles[range.start * n_spherical..range.end * n_spherical];
                let rows = of_passed.chunks_exact(n_spherical).zip(functions.chunks_exact(n_spherical));
                for (((passed, functions), of_angles), center) in
                    rows.zip(of_angles.chunks_exact_mut(n_spherical)).zip(centers)
                {
                    let gate = &gate[*center as usize * n_spherical..][..n_spherical];
                    let of_gate = &mut of_gate[(*center as usize - owners.start) * n_spherical..][..n_spherical];
                    for k in 0..n_spherical {
                        of_angles[k] += passed[k] * gate[k];
                        of_gate[k] += passed[k] * functions[k];
                    }
                }
            });
        }
        if is_first {
            return;
        }
        for (x, gate) in of_gate.iter_mut().zip(&saved.gate) {
            *x *= *gate * (T::real(1.0) - *gate);
        }
        self.gate.backward.multiply_add_all(&of_gate, &mut gradients.atoms);
        for (update, [of_first, _]) in [(&self.edge, &saved.edge), (&self.atom, &saved.atom)] {
            for (side, map) in update.atoms.iter().enumerate() {
                let sums = sums_of_edges(graph, of_first, 2 * width, |edge| match side {
                    0 => edge,
                    // The edges that end at an atom are the other ones of the pairs of those that leave it.
                    _ => inputs.reverse[edge] as usize,
                });
                map.backward.multiply_add_all(&sums, &mut gradients.atoms);
            }
        }
    }
}

/// Rows of the edges of each chunk.
fn rows_of<'a, T>(numbers: &'a mut [T], width: usize, chunks: &Chunks) -> std::vec::IntoIter<&'a mut [T]> {
    threads::split(numbers, width, &chunks.edges).into_iter()
}

/// Sums rows of edges for each atom, in the order of the edges that leave it.
fn sums_of_edges<T: Real>(
    graph: &Graph,
    rows: &[T],
    width: usize,
    row_of: impl Fn(usize) -> usize + Send + Sync,
) -> Vec<T> {
    let mut sums = vec![T::default(); graph.n_atoms() * width];
    threads::for_each_rows(&mut sums, width, GRAIN, |first, sums| {
        for (atom, sum) in sums.chunks_exact_mut(width).enumerate() {
            let [start, end] = [0, 1].map(|next| graph.starts[first + atom + next] as usize);
            for edge in start..end {
                let row = &rows[row_of(edge) * width..][..width];
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += *x);
            }
        }
    });
    sums
}
