//! Relaxations as a whole: against ASE, and what they may not depend on.

mod behavior;
mod goldens;
mod line_searches;
mod support;
mod symmetric;
