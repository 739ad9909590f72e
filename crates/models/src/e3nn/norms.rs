//! Conventions of e3nn that files do not state.

/// The factor behind a silu, which makes its second moment one under normal arguments.
pub(crate) const SILU_NORM: f64 = 1.679_176_792_398_942;

/// The factor behind a sigmoid.
pub(crate) const SIGMOID_NORM: f64 = 1.846_705_534_215_476_3;

/// The factor behind a tanh.
pub(crate) const TANH_NORM: f64 = 1.593_733_447_259_269_5;
