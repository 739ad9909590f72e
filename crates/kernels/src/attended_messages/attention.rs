//! Messages with two gates, into their sums.

use crate::perceptron::RmsNorm;
use crate::simd::{Kernel, Real, Vector, math};

/// Constant weights.
#[derive(Debug, Clone)]
pub struct Attention<T> {
    /// `[width]`: w_s
    pub send: Vec<T>,
    /// b_s
    pub send_bias: T,
    /// `[width]`: w_r
    pub receive: Vec<T>,
    /// b_r
    pub receive_bias: T,
    /// Of the messages.
    pub norm: RmsNorm<T>,
}

/// A block of edges.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a, T> {
    /// `[rows]`
    pub sender: &'a [u32],
    /// `[rows]`
    pub receiver: &'a [u32],
    /// `[rows]`: c
    pub cutoff: &'a [T],
    /// `[rows, width]`
    pub y: &'a [T],
}

/// Adds the messages of a block.
pub struct Deliver<'a, T> {
    /// Weights.
    pub attention: &'a Attention<T>,
    /// Edges.
    pub block: Block<'a, T>,
    /// `[rows, width]`: e; becomes e'.
    pub edges: &'a mut [T],
    /// `[rows, 2]`: σ_s and σ_r, for the backward pass.
    pub gates: &'a mut [T],
    /// `[atoms, stride]`: rows of sums; `received` begins at column `received`, `sent` at column `sent`.
    pub sums: &'a mut [T],
    /// Numbers from row to row of `sums`.
    pub stride: usize,
    /// First column of what atoms receive.
    pub received: usize,
    /// First column of what atoms have sent.
    pub sent: usize,
}

impl<T: Real> Kernel<T> for Deliver<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { attention, block, edges, gates, sums, stride, received, sent } = self;
        let (width, zero) = (attention.send.len(), T::default());
        let rows = block.y.chunks_exact(width).zip(edges.chunks_exact_mut(width)).zip(gates.chunks_exact_mut(2));
        for (r, ((y, edge), gates)) in rows.enumerate() {
            let (mut send, mut receive) = (V::splat(zero), V::splat(zero));
            for at in (0..width).step_by(V::LANES) {
                let e = V::load_padded(edge, at, zero);
                send = e.mul_add(V::load_padded(&attention.send, at, zero), send);
                receive = e.mul_add(V::load_padded(&attention.receive, at, zero), receive);
            }
            let send = math::sigmoid(V::splat(send.sum()).add(V::splat(attention.send_bias)));
            let receive = math::sigmoid(V::splat(receive.sum()).add(V::splat(attention.receive_bias)));
            send.store_padded(&mut gates[..1], 0);
            receive.store_padded(&mut gates[1..], 0);
            let cutoff = V::splat(block.cutoff[r]);
            let (send, receive) = (send.mul(cutoff), receive.mul(cutoff));
            let inverse = attention.norm.inverse::<V>(y);
            let (to_sender, to_receiver) = (block.sender[r] as usize * stride, block.receiver[r] as usize * stride);
            for at in (0..width).step_by(V::LANES) {
                let unit = V::load_padded(y, at, zero).mul(inverse);
                let message = unit.mul(V::load_padded(&attention.norm.scale, at, zero));
                V::load_padded(edge, at, zero).add(message).store_padded(edge, at);
                let sum = &mut sums[to_sender + sent..][..width];
                message.mul_add(send, V::load_padded(sum, at, zero)).store_padded(sum, at);
                let sum = &mut sums[to_receiver + received..][..width];
                message.mul_add(receive, V::load_padded(sum, at, zero)).store_padded(sum, at);
            }
        }
    }
}

/// From the gradients of the sums and of e' to those of y, e and c.
pub struct DeliverBackward<'a, T> {
    /// Weights.
    pub attention: &'a Attention<T>,
    /// Edges.
    pub block: Block<'a, T>,
    /// `[rows, 2]` as the forward pass left them.
    pub gates: &'a [T],
    /// `[atoms, stride]`: gradients of the sums.
    pub sums: &'a [T],
    /// Numbers from row to row of `sums`.
    pub stride: usize,
    /// First column of what atoms receive.
    pub received: usize,
    /// First column of what atoms have sent.
    pub sent: usize,
    /// `[rows, width]`: `∂E/∂e'`; becomes the part of `∂E/∂e` that does not go through y.
    pub edges: &'a mut [T],
    /// `[rows, width]`: `∂E/∂y`.
    pub dy: &'a mut [T],
    /// `[rows]`: `∂E/∂c` is added.
    pub cutoff: &'a mut [f64],
}

impl<T: Real> Kernel<T> for DeliverBackward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { attention, block, gates, sums, stride, received, sent, edges, dy, cutoff } = self;
        let (width, zero) = (attention.send.len(), T::default());
        let one = V::splat(T::real(1.0));
        let rows = block.y.chunks_exact(width).zip(edges.chunks_exact_mut(width)).zip(dy.chunks_exact_mut(width));
        for (r, ((y, edge), dy)) in rows.enumerate() {
            let factor = V::splat(block.cutoff[r]);
            let (send, receive) = (V::splat(gates[2 * r]), V::splat(gates[2 * r + 1]));
            let by_sent = &sums[block.sender[r] as usize * stride + sent..][..width];
            let by_received = &sums[block.receiver[r] as usize * stride + received..][..width];
            let inverse = attention.norm.inverse::<V>(y);
            let (to_sent, to_received) = (send.mul(factor), receive.mul(factor));
            let (mut by_send, mut by_receive) = (V::splat(zero), V::splat(zero));
            for at in (0..width).step_by(V::LANES) {
                let unit = V::load_padded(y, at, zero).mul(inverse);
                let message = unit.mul(V::load_padded(&attention.norm.scale, at, zero));
                let (s, t) = (V::load_padded(by_sent, at, zero), V::load_padded(by_received, at, zero));
                by_send = message.mul_add(s, by_send);
                by_receive = message.mul_add(t, by_receive);
                let gradient = s.mul_add(to_sent, t.mul_add(to_received, V::load_padded(edge, at, zero)));
                gradient.store_padded(dy, at);
            }
            attention.norm.backward::<V>(y, dy);
            let (by_send, by_receive) = (by_send.sum(), by_receive.sum());
            cutoff[r] += by_send.wide() * gates[2 * r].wide() + by_receive.wide() * gates[2 * r + 1].wide();
            // σ' = σ (1 - σ)
            let by_send = V::splat(by_send).mul(to_sent).mul(one.sub(send));
            let by_receive = V::splat(by_receive).mul(to_received).mul(one.sub(receive));
            for at in (0..width).step_by(V::LANES) {
                let send = V::load_padded(&attention.send, at, zero).mul_add(by_send, V::load_padded(edge, at, zero));
                V::load_padded(&attention.receive, at, zero).mul_add(by_receive, send).store_padded(edge, at);
            }
        }
    }
}
