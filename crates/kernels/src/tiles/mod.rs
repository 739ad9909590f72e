//! Products with constant matrices on the matrix units of Intel's processors (AMX), in digits of eight bits.
//!
//! A number of a row is a whole number of 24 bits times what is common to the row, and so is one of a column of the
//! matrix: three digits each. Of the nine products of digits six are summed, all that are above 2^-24 of the largest; the
//! unit multiplies and sums them exactly, so only making numbers whole rounds, as much as single precision does. What
//! tiles are, in which order they are summed and which unit does it changes no bit.
//!
//! Tiles have 16 rows of 64 bytes: 16 x 64 digits of a left factor, 64 x 16 of a right one (four by four along the
//! depth), 16 x 16 sums.
//!
//! Module order: `unit` ← `arithmetic`; `digits` ← `amx`, `emulated` ← `product` ← `find`.

#[cfg(target_arch = "x86_64")]
mod amx;
mod arithmetic;
mod digits;
mod emulated;
mod find;
mod product;
#[cfg(test)]
mod tests;
mod unit;

pub use arithmetic::Arithmetic;
pub(crate) use product::Tiled;
pub use unit::{NoTiles, TileUnit, allow_emulation};
