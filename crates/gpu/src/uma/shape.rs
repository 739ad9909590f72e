//! Sizes that everything is made of.

/// Sizes that everything is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub(super) channels: usize,
    pub(super) hidden: usize,
    pub(super) edge_channels: usize,
    pub(super) n_gaussians: usize,
    /// With the zeros behind them.
    pub(super) n_basis: usize,
    pub(super) n_experts: usize,
    pub(super) n_elements: usize,
    pub(super) n_layers: usize,
    pub(super) n_balanced: usize,
}

impl Shape {
    /// Numbers of the matrices of a layer.
    pub(super) fn matrices(&self) -> usize {
        let (c, h) = (self.channels, self.hidden);
        let of = |inputs: usize, outputs: usize, gates: usize| {
            (gates + 3 * outputs) * 3 * inputs + 4 * outputs * 4 * inputs + 2 * outputs * 2 * inputs
        };
        of(2 * c, h, 2 * h) + of(h, c, 0)
    }
}
