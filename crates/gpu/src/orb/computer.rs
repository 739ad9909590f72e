//! Batches in, answers out, one batch being computed while the next is written.

use super::graph::{Input, OrbGraph, Size};
use super::network::Pass;
use super::room::Room;
use super::weights::{OrbWeights, Shape, StoredWeights};
use crate::driver::Device;
use crate::error::GpuError;
use crate::kernels::Queue;
use crate::memory::{Buffer, Busy, Layout, Part, Pinned};
use crate::products::Products;

/// What is wanted of a batch beside energies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Gradients by the vectors of edges.
    pub gradient: bool,
    /// Features of atoms.
    pub features: bool,
}

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

/// Memory of one batch that others do not share.
struct Slot {
    input: Buffer,
    output: Buffer,
    input_host: Pinned,
    output_host: Pinned,
}

/// A batch under way.
pub struct Flight {
    size: Size,
    wanted: Wanted,
    input: Buffer,
    output: Buffer,
    input_host: Busy,
    output_host: Busy,
}

/// A network on a device, with its stream and memory.
pub struct OrbComputer {
    device: Device,
    queue: Queue,
    weights: StoredWeights,
    room: Option<Buffer>,
    spare: Vec<Slot>,
}

/// Memory for `bytes`, the one that is there if it suffices, else a new one with room to grow.
fn at_least(device: &Device, buffer: Option<Buffer>, bytes: u64) -> Result<Buffer, GpuError> {
    match buffer {
        Some(buffer) if buffer.bytes() >= bytes => Ok(buffer),
        old => {
            drop(old);
            Buffer::new(device, bytes + bytes / 8).or_else(|_| Buffer::new(device, bytes))
        }
    }
}

fn pinned_at_least(device: &Device, pinned: Option<Pinned>, bytes: u64) -> Result<Pinned, GpuError> {
    match pinned {
        Some(pinned) if pinned.bytes().len() as u64 >= bytes => Ok(pinned),
        _ => Pinned::new(device, bytes + bytes / 8),
    }
}

/// What batches take, as far as it can be said without the device.
#[derive(Debug, Clone, Copy)]
pub struct Needs(Shape);

impl Needs {
    /// Bytes of the device that a batch of one structure takes at the peak. Of several, it is at most their sum.
    pub fn device_bytes(self, n_atoms: usize, n_edges: usize, gradient: bool) -> u64 {
        let size = Size { n_atoms, n_edges, n_structures: 1 };
        let room = Room::plan(self.0, size, gradient).bytes;
        room + Input::plan(size).bytes + Output::plan(self.0, size, gradient).bytes
    }

    /// Bytes of the host that a batch of one structure takes for transfers.
    pub fn host_bytes(self, n_atoms: usize, n_edges: usize, gradient: bool) -> u64 {
        let size = Size { n_atoms, n_edges, n_structures: 1 };
        Input::plan(size).bytes + Output::plan(self.0, size, gradient).bytes
    }
}

impl OrbComputer {
    /// With these weights on a device.
    ///
    /// # Errors
    /// When the kernels do not compute such a network, or the device has no room for it.
    pub fn new(device: &Device, weights: &OrbWeights, products: Products) -> Result<Self, GpuError> {
        let head_bytes = Queue::head_bytes(weights.latent, weights.head.first_bias.len());
        let queue = Queue::new(device, products, head_bytes)?;
        let weights = StoredWeights::new(weights, products, queue.stream())?;
        Ok(Self { device: device.clone(), queue, weights, room: None, spare: Vec::new() })
    }

    /// Its device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes of weights on the device.
    pub fn weight_bytes(&self) -> u64 {
        self.weights.bytes()
    }

    /// What batches take.
    pub fn needs(&self) -> Needs {
        Needs(self.weights.shape)
    }

    /// Whether a batch has been computed, without waiting; true as well where the device failed, as `collect` says.
    pub fn is_done(&self, flight: &Flight) -> bool {
        flight.output_host.is_done().unwrap_or(true)
    }

    /// Begins to compute a batch.
    ///
    /// # Errors
    /// When the device has no room or fails. Memory that the batch would have used is given back.
    pub fn submit(&mut self, graphs: &[&OrbGraph], wanted: Wanted) -> Result<Flight, GpuError> {
        let (size, shape) = (Size::of(graphs), self.weights.shape);
        if graphs.is_empty() || graphs.iter().any(|graph| graph.n_atoms() == 0) {
            return Err(GpuError::shape("atoms of a structure", "at least one", "none"));
        }
        let last = graphs.iter().map(|graph| graph.last_element()).max().unwrap_or(0) as usize;
        if last >= shape.n_elements {
            return Err(GpuError::shape("atomic numbers", format!("below {}", shape.n_elements), last));
        }
        let (input, room) = (Input::plan(size), Room::plan(shape, size, wanted.gradient));
        let output = Output::plan(shape, size, wanted.gradient);
        let slot = self.spare.pop();
        let (mut memory, mut host) = ((None, None), (None, None));
        if let Some(Slot { input, output, input_host, output_host }) = slot {
            (memory, host) = ((Some(input), Some(output)), (Some(input_host), Some(output_host)));
        }
        let input_memory = at_least(&self.device, memory.0, input.bytes)?;
        let output_memory = at_least(&self.device, memory.1, output.bytes)?;
        let mut input_host = pinned_at_least(&self.device, host.0, input.bytes)?;
        let output_host = pinned_at_least(&self.device, host.1, output.bytes)?;
        let room_memory = at_least(&self.device, self.room.take(), room.bytes)?;
        input.write(graphs, &mut input_host)?;
        let stream = self.queue.stream();
        let input_host = input_host.copy_in(stream, input_memory.slice::<u8>(input.bytes as usize)?)?;
        let pass = Pass {
            queue: &self.queue,
            weights: &self.weights,
            input: &input,
            input_memory: &input_memory,
            room: &room,
            room_memory: &room_memory,
            atoms: output_memory.part(output.atoms)?,
            energies: output_memory.part(output.energies)?,
            slopes: output_memory.part(output.slopes)?,
            gradient: wanted.gradient,
        };
        pass.run()?;
        let n = if wanted.features { output.bytes } else { output.short_bytes };
        let output_host = output_host.copy_out(stream, output_memory.slice::<u8>(n as usize)?)?;
        self.room = Some(room_memory);
        Ok(Flight { size, wanted, input: input_memory, output: output_memory, input_host, output_host })
    }

    /// Waits for a batch.
    ///
    /// # Errors
    /// When the device failed.
    pub fn collect(&mut self, flight: Flight) -> Result<Outputs, GpuError> {
        let Flight { size, wanted, input, output, input_host, output_host } = flight;
        let plan = Output::plan(self.weights.shape, size, wanted.gradient);
        let (output_host, input_host) = (output_host.wait()?, input_host.wait()?);
        let outputs = Outputs {
            energies: output_host.numbers(plan.energies)?.to_vec(),
            slopes: output_host.numbers(plan.slopes)?.to_vec(),
            atoms: if wanted.features { output_host.numbers(plan.atoms)?.to_vec() } else { Vec::new() },
        };
        self.spare.push(Slot { input, output, input_host, output_host });
        Ok(outputs)
    }
}
