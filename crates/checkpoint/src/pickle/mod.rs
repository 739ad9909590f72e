//! A pickle machine that builds a tree of data and runs nothing.
//!
//! Sources: PEP 307, PEP 3154, PEP 574 and the comments in CPython's `Lib/pickletools.py` for the instructions.
//!
//! Module order: `tree` ← `value`, `classes` ← `cursor`, `stack` ← `machine`.

mod classes;
mod cursor;
mod machine;
mod stack;
mod tree;
mod value;

#[cfg(test)]
mod tests;

pub use classes::PLAIN_CLASSES;
pub use machine::parse;
pub use tree::Tree;
pub use value::{Value, View};
