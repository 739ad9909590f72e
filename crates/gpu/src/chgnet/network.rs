//! The network as all networks are: batches in, answers out.

use super::graph::{ChgnetGraph, Input};
use super::pass::Pass;
use super::room::{Output, Room};
use super::stored::{Shape, StoredWeights};
use super::weights::ChgnetWeights;
use crate::driver::Device;
use crate::error::GpuError;
use crate::kernels::chgnet::WIDE;
use crate::kernels::{CHGNET, PRODUCTS, Queue, digest};
use crate::memory::Pinned;
use crate::network::{Bytes, Memory, Network, Size, Wanted};
use crate::products::Products;

/// Columns of features, as they come out.
pub const COLUMNS: usize = WIDE;

/// What a batch comes to, structure by structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// `[atoms]`, eV, without the reference energies of atoms.
    pub energies: Vec<f64>,
    /// `[atoms]`, μ_B, with their signs.
    pub moments: Vec<f64>,
    /// `[pairs]`: derivatives of the sum of energies by the vectors, eV/Å; empty where they were not wanted.
    pub slopes: Vec<[f64; 3]>,
    /// `[atoms, COLUMNS]` before the last layer, zeros beyond the width of the model; empty where they were not wanted.
    pub features: Vec<f32>,
}

/// blake3 of the compiled kernels, hexadecimal: what bits depend on beside the weights and the kind of card.
pub fn kernels_digest() -> String {
    digest(&[PRODUCTS, CHGNET])
}

/// CHGNet on a device.
pub struct ChgnetNetwork(StoredWeights);

impl Network for ChgnetNetwork {
    type Weights = ChgnetWeights;
    type Graph = ChgnetGraph;
    type Shape = Shape;
    type Outputs = Outputs;

    fn open(device: &Device, weights: &ChgnetWeights, products: Products) -> Result<(Queue, Self), GpuError> {
        if products != Products::F32 {
            return Err(GpuError::shape("products of CHGNet", Products::F32.name(), products.name()));
        }
        let queue = Queue::new(device, products, 0)?;
        let weights = StoredWeights::new(weights, products, queue.stream())?;
        Ok((queue, Self(weights)))
    }

    fn shape(&self) -> Shape {
        self.0.shape
    }

    fn weight_bytes(&self) -> u64 {
        self.0.constants.bytes()
    }

    fn size(graph: &ChgnetGraph) -> Size {
        graph.size()
    }

    fn check(&self, graph: &ChgnetGraph) -> Result<(), GpuError> {
        graph.check(self.0.shape.n_elements)
    }

    fn bytes(shape: Shape, size: Size, wanted: Wanted) -> Bytes {
        let output = Output::plan(size, wanted.gradient);
        Bytes {
            input: Input::plan(size).bytes,
            room: Room::plan(&shape, size, wanted.gradient).bytes,
            output: output.bytes,
            copied: if wanted.features { output.bytes } else { output.short_bytes },
        }
    }

    fn write(&self, size: Size, graphs: &[&ChgnetGraph], to: &mut Pinned) -> Result<(), GpuError> {
        Input::plan(size).write(graphs, to)
    }

    fn run(&self, queue: &Queue, size: Size, wanted: Wanted, memory: Memory<'_>) -> Result<(), GpuError> {
        let (input, output) = (Input::plan(size), Output::plan(size, wanted.gradient));
        let room = Room::plan(&self.0.shape, size, wanted.gradient);
        let pass = Pass { queue, weights: &self.0, size, memory, input: &input, room: &room, output: &output };
        pass.forward()?;
        if wanted.gradient { pass.backward() } else { Ok(()) }
    }

    fn read(&self, size: Size, wanted: Wanted, from: &Pinned) -> Result<Outputs, GpuError> {
        let plan = Output::plan(size, wanted.gradient);
        Ok(Outputs {
            energies: from.numbers(plan.energies)?.to_vec(),
            moments: from.numbers(plan.moments)?.to_vec(),
            slopes: from.numbers(plan.slopes)?.to_vec(),
            features: if wanted.features { from.numbers(plan.features)?.to_vec() } else { Vec::new() },
        })
    }
}
