//! Ways of computing products.

/// How products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Products {
    /// In f32 on plain cores.
    F32,
    /// In three products of two limbs of half precision, on matrix units, parts of sums added in f32: single precision but for
    /// two bits, for numbers of a common size.
    F16x3,
}

impl Products {
    /// As users type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16x3 => "f16x3",
        }
    }
}
