//! The network as all networks are: batches in, answers out.

use super::pass::Pass;
use super::room::{Output, Room};
use super::stored::{Shape, StoredWeights};
use super::weights::MaceWeights;
use crate::driver::Device;
use crate::error::GpuError;
use crate::graph::{PairGraph, PairInput};
use crate::kernels::{MACE, PRODUCTS, Queue, digest};
use crate::memory::{Layout, Pinned};
use crate::network::{Bytes, Memory, Network, Size, Wanted};
use crate::products::Products;

/// What a batch comes to, structure by structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// `[atoms]`: what the readouts of all layers give, before it is scaled.
    pub energies: Vec<f64>,
    /// `[pairs]`: derivatives of their sum by the vectors; empty where they were not wanted.
    pub slopes: Vec<[f64; 3]>,
    /// Of each layer, by l: `[atoms, 2l + 1, channels]`; empty where they were not wanted.
    pub features: Vec<Vec<Vec<f32>>>,
}

/// blake3 of the compiled kernels, hexadecimal: what bits depend on beside the weights and the kind of card.
pub fn kernels_digest() -> String {
    digest(&[PRODUCTS, MACE])
}

/// Where a batch lies in the memory that is copied to the device, and how many bytes it takes.
fn input(size: Size) -> (PairInput, u64) {
    let mut layout = Layout::default();
    let input = PairInput::plan(&mut layout, size);
    (input, layout.bytes())
}

/// MACE on a device.
pub struct MaceNetwork(StoredWeights);

impl Network for MaceNetwork {
    type Weights = MaceWeights;
    type Graph = PairGraph;
    type Shape = Shape;
    type Outputs = Outputs;

    fn open(device: &Device, weights: &MaceWeights, products: Products) -> Result<(Queue, Self), GpuError> {
        if products != Products::F32 {
            return Err(GpuError::shape("products of MACE", Products::F32.name(), products.name()));
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

    fn size(graph: &PairGraph) -> Size {
        Size { n_atoms: graph.n_atoms(), n_edges: graph.n_pairs(), n_structures: 1, ..Size::default() }
    }

    fn check(&self, graph: &PairGraph) -> Result<(), GpuError> {
        graph.check(self.0.shape.n_elements)
    }

    fn bytes(shape: Shape, size: Size, wanted: Wanted) -> Bytes {
        let output = Output::plan(&shape, size, wanted.gradient);
        Bytes {
            input: input(size).1,
            room: Room::plan(&shape, size, wanted.gradient).bytes,
            output: output.bytes,
            copied: if wanted.features { output.bytes } else { output.short_bytes },
        }
    }

    fn write(&self, size: Size, graphs: &[&PairGraph], to: &mut Pinned) -> Result<(), GpuError> {
        input(size).0.write(graphs, to)
    }

    fn run(&self, queue: &Queue, size: Size, wanted: Wanted, memory: Memory<'_>) -> Result<(), GpuError> {
        let ((input, _), room) = (input(size), Room::plan(&self.0.shape, size, wanted.gradient));
        let output = Output::plan(&self.0.shape, size, wanted.gradient);
        let pass = Pass { queue, weights: &self.0, size, memory, input: &input, room: &room, output: &output };
        pass.forward()?;
        if wanted.gradient { pass.backward() } else { Ok(()) }
    }

    fn read(&self, size: Size, wanted: Wanted, from: &Pinned) -> Result<Outputs, GpuError> {
        let shape = &self.0.shape;
        let plan = Output::plan(shape, size, wanted.gradient);
        let mut features = Vec::new();
        if wanted.features {
            for (parts, layer) in plan.features.iter().zip(&shape.layers) {
                let blocks = parts.iter().take(layer.features_lmax + 1);
                let blocks = blocks.map(|part| Ok(from.numbers(*part)?.to_vec()));
                features.push(blocks.collect::<Result<Vec<_>, GpuError>>()?);
            }
        }
        Ok(Outputs {
            energies: from.numbers(plan.energies)?.to_vec(),
            slopes: from.numbers(plan.slopes)?.to_vec(),
            features,
        })
    }
}
