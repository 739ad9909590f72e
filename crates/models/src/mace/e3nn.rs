//! Conventions of e3nn that files do not state.

/// The factor behind a silu, which makes its second moment one under normal arguments.
pub(super) const SILU_NORM: f64 = 1.679_176_792_398_942;

/// The factor behind a sigmoid.
pub(super) const SIGMOID_NORM: f64 = 1.846_705_534_215_476_3;
