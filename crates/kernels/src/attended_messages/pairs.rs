//! Sums over the two ends of edges.

use crate::simd::{Kernel, Real, Vector};

/// `out[r] = senders[sender[r]] + receivers[receiver[r]]`: both are the halves of rows of a table.
pub struct GatherPair<'a, T> {
    /// `[atoms, 2 width]`: what an atom gives as a sender, then as a receiver.
    pub table: &'a [T],
    /// `[rows]`
    pub sender: &'a [u32],
    /// `[rows]`
    pub receiver: &'a [u32],
    /// Half a row of the table.
    pub width: usize,
    /// `[rows, width]`
    pub out: &'a mut [T],
}

impl<T: Real> Kernel<T> for GatherPair<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { table, sender, receiver, width, out } = self;
        for (r, out) in out.chunks_exact_mut(width).take(sender.len()).enumerate() {
            let of_sender = &table[sender[r] as usize * 2 * width..][..width];
            let of_receiver = &table[receiver[r] as usize * 2 * width + width..][..width];
            for at in (0..width).step_by(V::LANES) {
                let sum = V::load_padded(of_sender, at, T::default());
                sum.add(V::load_padded(of_receiver, at, T::default())).store_padded(out, at);
            }
        }
    }
}

/// The gradient of [`GatherPair`]: rows are added to both halves of the table.
pub struct ScatterPair<'a, T> {
    /// `[atoms, 2 width]`
    pub table: &'a mut [T],
    /// `[rows]`
    pub sender: &'a [u32],
    /// `[rows]`
    pub receiver: &'a [u32],
    /// Half a row of the table.
    pub width: usize,
    /// `[rows, width]`
    pub rows: &'a [T],
}

impl<T: Real> Kernel<T> for ScatterPair<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { table, sender, receiver, width, rows } = self;
        for (r, row) in rows.chunks_exact(width).take(sender.len()).enumerate() {
            for start in [sender[r] as usize * 2 * width, receiver[r] as usize * 2 * width + width] {
                let sum = &mut table[start..][..width];
                for at in (0..width).step_by(V::LANES) {
                    let x = V::load_padded(row, at, T::default());
                    V::load_padded(sum, at, T::default()).add(x).store_padded(sum, at);
                }
            }
        }
    }
}
