//! Neighbor lists: every pair of atoms within a cutoff, periodic images included.

mod brute_force;
mod cell_list;
mod limits;
mod list;
mod pair;
mod rows;

pub use brute_force::brute_force_pairs;
pub use list::{Edge, NeighborList};
pub use pair::Pair;
