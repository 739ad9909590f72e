//! Experts on the device, and the convolutions that mixtures of them make.

use super::weights::UmaWeights;
use crate::error::GpuError;
use crate::kernels::uma::{ExpertSides, Experts};
use crate::kernels::{Columns, Queue};
use crate::memory::{Buffer, upload};
use crate::products::Products;

/// Experts of one order of a convolution, and where their mixtures work.
pub(super) struct OrderExperts {
    stored: Stored,
    pub(super) sides: ExpertSides,
    /// Of an order above 0, whose matrix acts on plus and minus side by side.
    pub(super) is_complex: bool,
    /// Mixtures are divided by it: a power of two.
    pub(super) scale: f32,
    /// Where the mixture begins among those of its layer.
    pub(super) offset: usize,
    /// Columns of rows that go in, and of those that come out.
    pub(super) input: Columns,
    pub(super) output: Columns,
}

/// Experts as they are mixed.
enum Stored {
    /// In f32.
    Plain(Buffer),
    /// In limbs: for matrices whose rows are outputs, and for those whose rows are inputs.
    Limbs([Buffer; 2]),
}

impl OrderExperts {
    /// Outputs and inputs of the matrix.
    pub(super) fn matrix_sides(&self) -> [usize; 2] {
        let factor = if self.is_complex { 2 } else { 1 };
        // Of an order above 0 the file has real over imaginary parts of the outputs.
        [self.sides.outputs, factor * self.sides.inputs]
    }

    /// For matrices whose rows are outputs or inputs.
    pub(super) fn numbers(&self, rows_are_inputs: bool) -> Result<Experts<'_>, GpuError> {
        Ok(match &self.stored {
            Stored::Plain(buffer) => Experts::Plain(buffer.slice(self.sides.numbers())?),
            Stored::Limbs(buffers) => Experts::Limbs(buffers[usize::from(rows_are_inputs)].slice(self.sides.words())?),
        })
    }

    fn bytes(&self) -> u64 {
        match &self.stored {
            Stored::Plain(buffer) => buffer.bytes(),
            Stored::Limbs(buffers) => buffers.iter().map(Buffer::bytes).sum(),
        }
    }
}

/// The two convolutions of a layer, by order.
pub(super) type LayerExperts = [Vec<OrderExperts>; 2];

/// A power of two that brings the largest of the experts to 1024 to 2048; mixtures are at most a little larger.
fn scale_of(products: Products, bytes: &[u8]) -> f32 {
    if products == Products::F32 {
        return 1.0;
    }
    let numbers = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b).abs());
    let largest = numbers.fold(0.0, f32::max);
    if !largest.is_normal() {
        return 1.0;
    }
    let exponent = (largest.to_bits() >> 23) as i32 - 127;
    2f32.powi((exponent - 10).clamp(-100, 100))
}

/// Experts that are on the device in f32, as they are mixed there.
fn store(queue: &Queue, plain: Buffer, sides: ExpertSides, scale: f32) -> Result<Stored, GpuError> {
    if queue.products() == Products::F32 {
        return Ok(Stored::Plain(plain));
    }
    let limbs = |rows_are_inputs| {
        let buffer = Buffer::new(queue.stream().device(), 4 * sides.words() as u64)?;
        let (from, to) = (plain.slice(sides.numbers())?, buffer.slice(sides.words())?);
        queue.uma_pack_experts(from, sides, rows_are_inputs, 1.0 / scale, to)?;
        Ok::<_, GpuError>(buffer)
    };
    let both = [limbs(false)?, limbs(true)?];
    // Before the memory of what they were made of is given back.
    queue.stream().wait()?;
    Ok(Stored::Limbs(both))
}

fn order(
    weights: &UmaWeights,
    [layer, convolution, m]: [usize; 3],
    queue: &Queue,
    offset: usize,
) -> Result<OrderExperts, GpuError> {
    let (channels, hidden, stream) = (weights.channels, weights.hidden, queue.stream());
    let [of_input, of_output, gates] =
        if convolution == 0 { [2 * channels, hidden, 2 * hidden] } else { [hidden, channels, 0] };
    // Rows of orders before this one: three of order 0, twice two of order 1; and degrees of this one.
    let (before, degrees) = ([0, 3, 7][m], 3 - m);
    let outputs = if m == 0 { gates + 3 * of_output } else { 2 * degrees * of_output };
    let sides = ExpertSides { n_experts: weights.n_experts, outputs, inputs: degrees * of_input };
    let bytes = 4 * sides.numbers();
    let plain = Buffer::new(stream.device(), bytes as u64)?;
    let mut scale = 1.0;
    weights.experts.read(layer, convolution, m, &mut |found| {
        if found.len() != bytes {
            return Err(GpuError::shape("bytes of experts", bytes, found.len()));
        }
        scale = scale_of(queue.products(), found);
        upload(stream, &plain, found)
    })?;
    Ok(OrderExperts {
        stored: store(queue, plain, sides, scale)?,
        sides,
        is_complex: m > 0,
        scale,
        offset,
        input: Columns { pitch: 9 * of_input, from: before * of_input },
        output: Columns { pitch: gates + 9 * of_output, from: if m == 0 { 0 } else { gates + before * of_output } },
    })
}

/// Copies all experts to the device.
pub(super) fn load(weights: &UmaWeights, queue: &Queue) -> Result<(Vec<LayerExperts>, u64), GpuError> {
    let (mut layers, mut all) = (Vec::new(), 0);
    for layer in 0..weights.layers.len() {
        let mut offset = 0;
        let mut convolution = |k: usize| {
            let orders = (0..3).map(|m| {
                let found = order(weights, [layer, k, m], queue, offset)?;
                let [outputs, inputs] = found.matrix_sides();
                offset += outputs * inputs;
                all += found.bytes();
                Ok(found)
            });
            orders.collect::<Result<Vec<_>, GpuError>>()
        };
        layers.push([convolution(0)?, convolution(1)?]);
    }
    Ok((layers, all))
}
