//! What every network on a device has, and how batches go through it: one is computed while the next is written.

use crate::driver::Device;
use crate::error::GpuError;
use crate::kernels::Queue;
use crate::memory::{Buffer, Busy, Pinned};
use crate::products::Products;

/// What is wanted of a batch beside energies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Gradients by vectors.
    pub gradient: bool,
    /// Features of atoms.
    pub features: bool,
}

/// How large a structure, or a batch, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Atoms.
    pub n_atoms: usize,
    /// What the network has vectors of: directed edges, or pairs.
    pub n_edges: usize,
    /// Structures.
    pub n_structures: usize,
    /// Short pairs, of networks that have angles between them.
    pub n_bonds: usize,
    /// Angles, of these networks.
    pub n_angles: usize,
}

impl std::ops::Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            n_atoms: self.n_atoms + other.n_atoms,
            n_edges: self.n_edges + other.n_edges,
            n_structures: self.n_structures + other.n_structures,
            n_bonds: self.n_bonds + other.n_bonds,
            n_angles: self.n_angles + other.n_angles,
        }
    }
}

/// Bytes that a batch takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes {
    /// Of what is copied to the device.
    pub input: u64,
    /// On the device, while it is computed.
    pub room: u64,
    /// Of what comes out.
    pub output: u64,
    /// Of that, what is copied back.
    pub copied: u64,
}

/// A batch's memory on the device.
#[derive(Clone, Copy)]
pub struct Memory<'a> {
    /// What was copied there.
    pub input: &'a Buffer,
    /// To compute in.
    pub room: &'a Buffer,
    /// Where answers go.
    pub output: &'a Buffer,
}

/// A network on a device.
pub trait Network: Sized + Send + 'static {
    /// What it is made of.
    type Weights;
    /// A structure, as it needs it.
    type Graph;
    /// Sizes of the network: what the memory of a batch depends on beside the batch.
    type Shape: Copy + Send + Sync;
    /// What a batch comes to.
    type Outputs;

    /// Copies weights to a device.
    ///
    /// # Errors
    /// When the kernels do not compute such a network, or the device has no room for it.
    fn open(device: &Device, weights: &Self::Weights, products: Products) -> Result<(Queue, Self), GpuError>;

    /// Its sizes.
    fn shape(&self) -> Self::Shape;

    /// Bytes of weights on the device.
    fn weight_bytes(&self) -> u64;

    /// Of a structure.
    fn size(graph: &Self::Graph) -> Size;

    /// Refuses what the kernels would read beyond tables with.
    ///
    /// # Errors
    /// When there are no atoms, or elements that the network has no weights for.
    fn check(&self, graph: &Self::Graph) -> Result<(), GpuError>;

    /// What a batch takes.
    fn bytes(shape: Self::Shape, size: Size, wanted: Wanted) -> Bytes;

    /// Writes structures one behind the other.
    ///
    /// # Errors
    /// When there is no room.
    fn write(&self, size: Size, graphs: &[&Self::Graph], to: &mut Pinned) -> Result<(), GpuError>;

    /// Starts everything.
    ///
    /// # Errors
    /// When the device fails.
    fn run(&self, queue: &Queue, size: Size, wanted: Wanted, memory: Memory<'_>) -> Result<(), GpuError>;

    /// Reads what was copied back.
    ///
    /// # Errors
    /// When there is less.
    fn read(&self, size: Size, wanted: Wanted, from: &Pinned) -> Result<Self::Outputs, GpuError>;
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
pub struct Computer<N> {
    device: Device,
    queue: Queue,
    network: N,
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

/// What structures take, as far as it can be said without the device. A batch takes at most their sum.
pub struct Needs<N: Network>(N::Shape);

impl<N: Network> Clone for Needs<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N: Network> Copy for Needs<N> {}

impl<N: Network> Needs<N> {
    /// Bytes of the device at the peak.
    pub fn device_bytes(self, graph: &N::Graph, gradient: bool) -> u64 {
        let Bytes { input, room, output, .. } = N::bytes(self.0, N::size(graph), Wanted { gradient, features: true });
        input + room + output
    }

    /// Bytes of the host for transfers.
    pub fn host_bytes(self, graph: &N::Graph, gradient: bool) -> u64 {
        let Bytes { input, output, .. } = N::bytes(self.0, N::size(graph), Wanted { gradient, features: true });
        input + output
    }
}

impl<N: Network> Computer<N> {
    /// With these weights on a device.
    ///
    /// # Errors
    /// When the kernels do not compute such a network, or the device has no room for it.
    pub fn new(device: &Device, weights: &N::Weights, products: Products) -> Result<Self, GpuError> {
        let (queue, network) = N::open(device, weights, products)?;
        Ok(Self { device: device.clone(), queue, network, room: None, spare: Vec::new() })
    }

    /// Its device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes of weights on the device.
    pub fn weight_bytes(&self) -> u64 {
        self.network.weight_bytes()
    }

    /// What batches take.
    pub fn needs(&self) -> Needs<N> {
        Needs(self.network.shape())
    }

    /// Whether a batch has been computed, without waiting; true as well where the device failed, as `collect` says.
    pub fn is_done(&self, flight: &Flight) -> bool {
        flight.output_host.is_done().unwrap_or(true)
    }

    /// Begins to compute a batch.
    ///
    /// # Errors
    /// When the device has no room or fails. Memory that the batch would have used is given back.
    pub fn submit(&mut self, graphs: &[&N::Graph], wanted: Wanted) -> Result<Flight, GpuError> {
        if graphs.is_empty() {
            return Err(GpuError::shape("structures of a batch", "at least one", "none"));
        }
        graphs.iter().try_for_each(|graph| self.network.check(graph))?;
        let size = graphs.iter().fold(Size::default(), |sum, graph| sum + N::size(graph));
        let bytes = N::bytes(self.network.shape(), size, wanted);
        let slot = self.spare.pop();
        let (mut memory, mut host) = ((None, None), (None, None));
        if let Some(Slot { input, output, input_host, output_host }) = slot {
            (memory, host) = ((Some(input), Some(output)), (Some(input_host), Some(output_host)));
        }
        let input = at_least(&self.device, memory.0, bytes.input)?;
        let output = at_least(&self.device, memory.1, bytes.output)?;
        let mut input_host = pinned_at_least(&self.device, host.0, bytes.input)?;
        let output_host = pinned_at_least(&self.device, host.1, bytes.output)?;
        let room = at_least(&self.device, self.room.take(), bytes.room)?;
        self.network.write(size, graphs, &mut input_host)?;
        let stream = self.queue.stream();
        let input_host = input_host.copy_in(stream, input.slice::<u8>(bytes.input as usize)?)?;
        let memory = Memory { input: &input, room: &room, output: &output };
        self.network.run(&self.queue, size, wanted, memory)?;
        let output_host = output_host.copy_out(stream, output.slice::<u8>(bytes.copied as usize)?)?;
        self.room = Some(room);
        Ok(Flight { size, wanted, input, output, input_host, output_host })
    }

    /// Waits for a batch.
    ///
    /// # Errors
    /// When the device failed.
    pub fn collect(&mut self, flight: Flight) -> Result<N::Outputs, GpuError> {
        let Flight { size, wanted, input, output, input_host, output_host } = flight;
        let (output_host, input_host) = (output_host.wait()?, input_host.wait()?);
        let outputs = self.network.read(size, wanted, &output_host)?;
        self.spare.push(Slot { input, output, input_host, output_host });
        Ok(outputs)
    }
}
