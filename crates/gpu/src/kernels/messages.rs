//! Messages of edges.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::arguments::{arguments, row_width};
use super::products::{expect_len, narrow};
use super::queue::Queue;
use crate::error::GpuError;
use crate::memory::Slice;

/// Messages of edges.
#[derive(Clone, Copy)]
pub(crate) struct Messages<'a> {
    /// `[edges, width]`
    pub(crate) y: Slice<'a, f32>,
    /// `[edges, width]`: features, or gradients by them.
    pub(crate) edges: Slice<'a, f32>,
    /// `[edges, width]`
    pub(crate) operand: Slice<'a, f32>,
    /// `[width]`
    pub(crate) scale: Slice<'a, f32>,
    /// `[width]`
    pub(crate) send: Slice<'a, f32>,
    pub(crate) send_bias: f32,
    /// `[width]`
    pub(crate) receive: Slice<'a, f32>,
    pub(crate) receive_bias: f32,
    /// Below the root.
    pub(crate) epsilon: f32,
    /// `[edges]`
    pub(crate) cutoff: Slice<'a, f32>,
    /// `[edges, 4]`
    pub(crate) gates: Slice<'a, f32>,
    /// `[edges]`
    pub(crate) inverse: Slice<'a, f32>,
    /// Whether no layer follows.
    pub(crate) last: bool,
}

arguments!(MessagesArguments {
    y: u64,
    edges: u64,
    operand: u64,
    plane: u64,
    scale: u64,
    send: u64,
    receive: u64,
    cutoff: u64,
    gates: u64,
    inverse: u64,
    sender: u64,
    receiver: u64,
    joined: u64,
    by_cutoff: u64,
    send_bias: f32,
    receive_bias: f32,
    epsilon: f32,
    rows: u32,
    width: u32,
    last: u32,
});

impl Queue {
    fn messages(&self, p: &Messages<'_>) -> Result<(MessagesArguments, usize), GpuError> {
        let (rows, width) = (p.cutoff.len(), p.scale.len());
        for found in [p.y.len(), p.edges.len(), p.operand.len()] {
            expect_len("numbers of messages", found, rows * width)?;
        }
        for found in [p.send.len(), p.receive.len()] {
            expect_len("numbers of gates' weights", found, width)?;
        }
        expect_len("gates", p.gates.len(), 4 * rows)?;
        expect_len("inverse norms", p.inverse.len(), rows)?;
        let arguments = MessagesArguments {
            y: p.y.address(),
            edges: p.edges.address(),
            operand: p.operand.address(),
            plane: p.operand.len() as u64,
            scale: p.scale.address(),
            send: p.send.address(),
            receive: p.receive.address(),
            cutoff: p.cutoff.address(),
            gates: p.gates.address(),
            inverse: p.inverse.address(),
            send_bias: p.send_bias,
            receive_bias: p.receive_bias,
            epsilon: p.epsilon,
            rows: narrow("edges", rows)?,
            width: row_width(width)?,
            last: p.last.into(),
            ..MessagesArguments::default()
        };
        Ok((arguments, rows))
    }

    /// Gates and norms of messages; edges get them, and their operand is made, unless the layer is the last.
    pub(crate) fn deliver(&self, p: &Messages<'_>) -> Result<(), GpuError> {
        let (arguments, rows) = self.messages(p)?;
        self.start(&self.kernels.deliver, Self::warps(rows), &arguments)
    }

    /// The operand becomes the gradient by y, `edges` that by the features in front, but for what goes through y; that by
    /// cutoffs is added. `joined`: `[atoms, 3 width]`, gradients by what atoms are, received and sent.
    pub(crate) fn deliver_backward(
        &self,
        p: &Messages<'_>,
        [sender, receiver]: [Slice<'_, u32>; 2],
        joined: Slice<'_, f32>,
        by_cutoff: Slice<'_, f64>,
    ) -> Result<(), GpuError> {
        let (arguments, rows) = self.messages(p)?;
        for found in [sender.len(), receiver.len(), by_cutoff.len()] {
            expect_len("edges", found, rows)?;
        }
        let arguments = MessagesArguments {
            sender: sender.address(),
            receiver: receiver.address(),
            joined: joined.address(),
            by_cutoff: by_cutoff.address(),
            ..arguments
        };
        self.start(&self.kernels.deliver_backward, Self::warps(rows), &arguments)
    }
}
