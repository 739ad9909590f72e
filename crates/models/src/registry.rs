//! Which potentials there are.
