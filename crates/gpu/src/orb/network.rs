//! The network as all networks are: batches in, answers out.

use super::graph::{Input, OrbGraph};
use super::pass::Pass;
use super::room::Room;
use super::weights::{OrbWeights, Shape, StoredWeights};
use crate::driver::Device;
use crate::error::GpuError;
use crate::kernels::{PRODUCTS, Queue, ROWS, digest};
use crate::memory::{Layout, Part, Pinned};
use crate::network::{Bytes, Memory, Network, Size, Wanted};
use crate::products::Products;

/// What a batch comes to, structure by structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// One a structure: the head's output, before it is scaled.
    pub energies: Vec<f64>,
    /// `[edges]` derivatives of the scaled energy by the vectors, eV/Å; empty where they were not wanted.
    pub slopes: Vec<[f64; 3]>,
    /// `[atoms, latent]`; empty where they were not wanted.
    pub atoms: Vec<f32>,
}

/// Where answers lie in the memory that is copied from the device.
struct Output {
    energies: Part<f64>,
    slopes: Part<[f64; 3]>,
    atoms: Part<f32>,
    /// Up to the features of atoms, which come last.
    short_bytes: u64,
    bytes: u64,
}

impl Output {
    fn plan(shape: Shape, size: Size, gradient: bool) -> Self {
        let mut layout = Layout::default();
        let energies = layout.place(size.n_structures);
        let slopes = layout.place(if gradient { size.n_edges } else { 0 });
        let short_bytes = layout.bytes();
        let atoms = layout.place(size.n_atoms * shape.latent);
        Self { energies, slopes, atoms, short_bytes, bytes: layout.bytes() }
    }
}

/// blake3 of the compiled kernels, hexadecimal: what bits depend on beside the weights and the kind of card.
pub fn kernels_digest() -> String {
    digest(&[PRODUCTS, ROWS])
}

/// ORB on a device.
pub struct OrbNetwork(StoredWeights);

impl Network for OrbNetwork {
    type Weights = OrbWeights;
    type Graph = OrbGraph;
    type Shape = Shape;
    type Outputs = Outputs;

    fn open(device: &Device, weights: &OrbWeights, products: Products) -> Result<(Queue, Self), GpuError> {
        let head_bytes = Queue::head_bytes(weights.latent, weights.head.first_bias.len());
        let queue = Queue::new(device, products, head_bytes)?;
        let weights = StoredWeights::new(weights, products, queue.stream())?;
        Ok((queue, Self(weights)))
    }

    fn shape(&self) -> Shape {
        self.0.shape
    }

    fn weight_bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn size(graph: &OrbGraph) -> Size {
        Size { n_atoms: graph.n_atoms(), n_edges: graph.n_edges(), n_structures: 1, ..Size::default() }
    }

    fn check(&self, graph: &OrbGraph) -> Result<(), GpuError> {
        let (last, n_elements) = (graph.last_element() as usize, self.0.shape.n_elements);
        if graph.n_atoms() == 0 {
            return Err(GpuError::shape("atoms of a structure", "at least one", "none"));
        }
        if last >= n_elements {
            return Err(GpuError::shape("atomic numbers", format!("below {n_elements}"), last));
        }
        Ok(())
    }

    fn bytes(shape: Shape, size: Size, wanted: Wanted) -> Bytes {
        let output = Output::plan(shape, size, wanted.gradient);
        Bytes {
            input: Input::plan(size).bytes,
            room: Room::plan(shape, size, wanted.gradient).bytes,
            output: output.bytes,
            copied: if wanted.features { output.bytes } else { output.short_bytes },
        }
    }

    fn write(&self, size: Size, graphs: &[&OrbGraph], to: &mut Pinned) -> Result<(), GpuError> {
        Input::plan(size).write(graphs, to)
    }

    fn run(&self, queue: &Queue, size: Size, wanted: Wanted, memory: Memory<'_>) -> Result<(), GpuError> {
        let (input, room) = (Input::plan(size), Room::plan(self.0.shape, size, wanted.gradient));
        let output = Output::plan(self.0.shape, size, wanted.gradient);
        let pass = Pass {
            queue,
            weights: &self.0,
            input: &input,
            input_memory: memory.input,
            room: &room,
            room_memory: memory.room,
            atoms: memory.output.part(output.atoms)?,
            energies: memory.output.part(output.energies)?,
            slopes: memory.output.part(output.slopes)?,
            gradient: wanted.gradient,
        };
        pass.run()
    }

    fn read(&self, size: Size, wanted: Wanted, from: &Pinned) -> Result<Outputs, GpuError> {
        let plan = Output::plan(self.0.shape, size, wanted.gradient);
        Ok(Outputs {
            energies: from.numbers(plan.energies)?.to_vec(),
            slopes: from.numbers(plan.slopes)?.to_vec(),
            atoms: if wanted.features { from.numbers(plan.atoms)?.to_vec() } else { Vec::new() },
        })
    }
}
