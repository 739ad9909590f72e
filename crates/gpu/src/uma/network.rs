//! The network as all networks are: batches in, answers out.

use super::graph::{Input, UmaGraph};
use super::pass::Pass;
use super::room::{Output, Room};
use super::shape::Shape;
use super::stored::StoredWeights;
use super::weights::UmaWeights;
use crate::driver::Device;
use crate::error::GpuError;
use crate::kernels::{PRODUCTS, Queue, UMA, digest};
use crate::memory::{Pinned, Slice};
use crate::network::{Bytes, Memory, Network, Size, Wanted};
use crate::products::Products;

/// What a batch comes to, structure by structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// `[atoms]`, in the network's units.
    pub energies: Vec<f64>,
    /// `[edges]`: derivatives of the sum of energies by the vectors, 1/Å; empty where they were not wanted.
    pub slopes: Vec<[f64; 3]>,
    /// `[atoms, channels]`: degree 0 of the last features; empty where they were not wanted.
    pub features: Vec<f32>,
}

/// blake3 of the compiled kernels, hexadecimal: what bits depend on beside the weights and the kind of card.
pub fn kernels_digest() -> String {
    digest(&[PRODUCTS, UMA])
}

/// UMA on a device.
pub struct UmaNetwork(StoredWeights);

impl Network for UmaNetwork {
    type Weights = UmaWeights;
    type Graph = UmaGraph;
    type Shape = Shape;
    type Outputs = Outputs;

    fn open(device: &Device, weights: &UmaWeights, products: Products) -> Result<(Queue, Self), GpuError> {
        let queue = Queue::new(device, products, 0)?;
        let weights = StoredWeights::new(weights, &queue)?;
        Ok((queue, Self(weights)))
    }

    fn shape(&self) -> Shape {
        self.0.shape
    }

    fn weight_bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn size(graph: &UmaGraph) -> Size {
        Size { n_atoms: graph.n_atoms(), n_edges: graph.n_edges(), n_structures: 1, ..Size::default() }
    }

    fn check(&self, graph: &UmaGraph) -> Result<(), GpuError> {
        graph.check(&self.0.shape)
    }

    fn bytes(shape: Shape, size: Size, wanted: Wanted) -> Bytes {
        let output = Output::plan(&shape, size, wanted.gradient);
        Bytes {
            input: Input::plan(&shape, size).bytes,
            room: Room::plan(&shape, size, wanted.gradient).bytes,
            output: output.bytes,
            copied: if wanted.features { output.bytes } else { output.short_bytes },
        }
    }

    fn write(&self, size: Size, graphs: &[&UmaGraph], to: &mut Pinned) -> Result<(), GpuError> {
        Input::plan(&self.0.shape, size).write(graphs, to)
    }

    fn run(&self, queue: &Queue, size: Size, wanted: Wanted, memory: Memory<'_>) -> Result<(), GpuError> {
        let shape = &self.0.shape;
        let (input, output) = (Input::plan(shape, size), Output::plan(shape, size, wanted.gradient));
        let room = Room::plan(shape, size, wanted.gradient);
        let pass = Pass { queue, weights: &self.0, size, memory, input: &input, room: &room, output: &output };
        if wanted.gradient { pass.forward_and_back() } else { pass.forward(Slice::NONE) }
    }

    fn read(&self, size: Size, wanted: Wanted, from: &Pinned) -> Result<Outputs, GpuError> {
        let plan = Output::plan(&self.0.shape, size, wanted.gradient);
        let n_features = size.n_atoms * self.0.shape.channels;
        Ok(Outputs {
            energies: from.numbers(plan.energies)?.to_vec(),
            slopes: from.numbers(plan.slopes)?.to_vec(),
            // Degree 0 comes first.
            features: if wanted.features { from.numbers(plan.last)?[..n_features].to_vec() } else { Vec::new() },
        })
    }
}
