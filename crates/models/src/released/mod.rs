//! The checkpoints that upstream publishes: their names, where they are published, and where they lie on this machine.
//!
//! Module order: `release` ← `table` ← `places`.

mod places;
mod release;
mod table;

pub(crate) use places::file_or_published;
pub use places::{NotHere, Places, on_this_machine};
pub use release::{Licence, Release, Source};
pub use table::{CHGNET, ESEN, MACE, MATTERSIM, ORB, SEVENNET, UMA, find, published_as, releases};
pub(crate) use table::{CHGNET_NAMES, ESEN_NAMES, MACE_NAMES, MATTERSIM_NAMES, SEVENNET_NAMES};
