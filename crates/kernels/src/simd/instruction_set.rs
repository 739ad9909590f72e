//! What this processor has.

use std::sync::OnceLock;

/// Which vectors this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// 512 bits.
    Avx512,
    /// 256 bits and fused multiply-add.
    Avx2,
    /// What the compiler makes of plain loops.
    Portable,
}

impl InstructionSet {
    /// The widest of this processor; `MLIP_INSTRUCTION_SET` (`avx512`, `avx2`, `portable`) may ask for less.
    pub fn detect() -> Self {
        static FOUND: OnceLock<InstructionSet> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let widest = Self::widest();
            match std::env::var("MLIP_INSTRUCTION_SET").as_deref() {
                Ok("portable") => Self::Portable,
                Ok("avx2") if widest != Self::Portable => Self::Avx2,
                _ => widest,
            }
        })
    }

    /// All that this processor has, for tests.
    pub fn available() -> Vec<Self> {
        match Self::widest() {
            Self::Avx512 => vec![Self::Avx512, Self::Avx2, Self::Portable],
            Self::Avx2 => vec![Self::Avx2, Self::Portable],
            Self::Portable => vec![Self::Portable],
        }
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn widest() -> Self {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            Self::Avx512
        } else if avx2 {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn widest() -> Self {
        Self::Portable
    }
}
