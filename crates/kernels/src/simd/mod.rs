//! Vectors of floating-point numbers, with the instruction set chosen at run time.
//!
//! A kernel is a [`Kernel`]: a value that holds its arguments, and a `run` generic over the
//! [`Vector`] type. [`launch`] picks the widest instruction set of this processor and calls
//! `run` inside a function compiled for it. `run` and all that it calls must be
//! `#[inline(always)]`, so that they are compiled for that instruction set too.
//!
//! The vector types cannot be named outside this module, so that code holding one is always
//! running on a processor that has its instructions.
//!
//! Module order: `instruction_set` ← `vector` ← `math`, `portable`, `x86` ← `avx2`, `avx512` ← `real`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod instruction_set;
pub mod math;
mod portable;
mod real;
#[cfg(test)]
mod tests;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use instruction_set::InstructionSet;
pub use real::launch;
pub use vector::{Kernel, Real, Vector, rows_lie_within};
