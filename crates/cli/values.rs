//! Values of flags.

use clap::ValueEnum;
use mlip_atoms::{Frame, Precision};

/// A number of workers, or `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workers {
    /// Decided by the program.
    Auto,
    /// So many.
    Number(usize),
}

impl Workers {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            number => number.parse().map(Self::Number).map_err(|_| "expected a number or `auto`".into()),
        }
    }

    /// Nothing means: decide.
    pub(crate) fn number(self) -> Option<usize> {
        match self {
            Self::Auto => None,
            Self::Number(number) => Some(number),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Workers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Workers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number or \"auto\"")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Workers, E> {
                usize::try_from(number).map(Workers::Number).map_err(|_| E::custom("expected a number or \"auto\""))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Workers, E> {
                usize::try_from(number).map(Workers::Number).map_err(E::custom)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Workers, E> {
                Workers::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Floating-point types.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Dtype {
    F32,
    F64,
}

impl From<Dtype> for Precision {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Self::F32,
            Dtype::F64 => Self::F64,
        }
    }
}

/// CIFs that are divided into blocks.
#[derive(Debug, Clone, Copy, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BlocksOf {
    /// Those named by --cifs themselves
    Named,
    /// All
    All,
}

impl From<BlocksOf> for mlip_inputs::Blocks {
    fn from(blocks: BlocksOf) -> Self {
        match blocks {
            BlocksOf::Named => Self::Named,
            BlocksOf::All => Self::All,
        }
    }
}

/// Cartesian frames.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FrameName {
    /// c along z, a in the xz plane
    Pymatgen,
    /// a along x, b in the xy plane
    Ase,
}

impl From<FrameName> for Frame {
    fn from(name: FrameName) -> Self {
        match name {
            FrameName::Pymatgen => Self::Pymatgen,
            FrameName::Ase => Self::Ase,
        }
    }
}

/// Failures to be repeated.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Retry {
    /// Those that may come out differently: timeouts, crashes, memory, unreadable files
    Worthwhile,
    /// All
    All,
}
