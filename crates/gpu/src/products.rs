//! Ways of computing products.

/// How products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Products {
    /// In f32 on plain cores.
    F32,
    /// In three products of two bf16 limbs, summed in f32, on matrix units: errors of 4e-6.
    Bf16x3,
    /// The same with limbs of half precision: single precision but for two bits, for numbers of a common size.
    F16x3,
}

impl Products {
    /// As users type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16x3 => "bf16x3",
            Self::F16x3 => "f16x3",
        }
    }
}
