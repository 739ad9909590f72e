//! The two kinds of models.

/// How forces come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As the gradient of the energy.
    Conservative,
    /// From heads of their own.
    Direct,
}

impl Kind {
    /// As in the models' names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conservative => "conservative",
            Self::Direct => "direct",
        }
    }
}
