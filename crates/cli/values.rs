//! Values of settings, each with one reader for flags, environment and job files.

use clap::ValueEnum;
use mlip_atoms::{EngineKind, Frame, Precision};
use mlip_calculations::{CellMotion, Embeddings, Method, Relaxation};
use mlip_inputs::Blocks;
use mlip_run::{HullMismatch, Part};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// How many, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) NonZeroUsize);

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "expected a whole number, 1 or more")
    }
}

/// Part K of N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartName(pub(crate) Part);

impl FromStr for PartName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self(Part { number, of })),
            _ => Err("expected two whole numbers K/N, K from 1 to N: 3/10"),
        }
    }
}

/// A number of workers, or `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workers {
    /// Decided by the program.
    Auto,
    /// This number.
    Number(NonZeroUsize),
}

impl Workers {
    /// Nothing means: decide.
    pub(crate) fn number(self) -> Option<usize> {
        match self {
            Self::Auto => None,
            Self::Number(number) => Some(number.get()),
        }
    }
}

impl FromStr for Workers {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            number => number.parse().map(Self::Number).map_err(|_| "expected a whole number, 1 or more, or `auto`"),
        }
    }
}

/// A time, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seconds(pub(crate) f64);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Three hundred years: what clocks can add without overflow.
        let fits = |seconds: &f64| (0.0..=1e10).contains(seconds);
        text.parse().ok().filter(fits).map(Self).ok_or("expected seconds, 0 to 1e10")
    }
}

/// A part of all, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate(pub(crate) f64);

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().filter(|part| (0.0..=1.0).contains(part)).map(Self).ok_or("expected a part, 0 to 1")
    }
}

/// A size of memory, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory(pub(crate) u64);

impl FromStr for Memory {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a size such as 500M, 4G, 1.5GB or 4GiB; a bare number is MB";
        let text = text.trim();
        let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let bytes: f64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "m" | "mb" => 1e6,
            "k" | "kb" => 1e3,
            "g" | "gb" => 1e9,
            "t" | "tb" => 1e12,
            "kib" => 1024.0,
            "mib" => 1024.0 * 1024.0,
            "gib" => 1024.0 * 1024.0 * 1024.0,
            "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
            _ => return Err(EXPECTED),
        };
        let number: f64 = number.parse().map_err(|_| EXPECTED)?;
        let bytes = (number * bytes).round();
        // Beyond 2^53 a float skips whole bytes, and no machine has as many.
        if (1.0..=9e15).contains(&bytes) { Ok(Self(bytes as u64)) } else { Err(EXPECTED) }
    }
}

/// Reads a text or a number of a job file as a flag is read.
struct AsText<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err = &'static str>> Visitor<'_> for AsText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is neither text nor number reads as nothing would: the sentence says what is expected.
        f.write_str("".parse::<T>().err().and_then(|expected| expected.strip_prefix("expected ")).unwrap_or("a value"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|expected| E::custom(format!("`{text}` was given, {expected}")))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

macro_rules! read_as_text {
    ($($type:ty),*) => { $(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(AsText(std::marker::PhantomData))
            }
        }
    )* };
}

read_as_text!(Count, Workers, Seconds, Rate, Memory);

/// Floating-point types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PrecisionName {
    /// Single precision
    F32,
    /// Double precision
    F64,
    /// Products in digits of eight bits on the matrix units (AMX) of Intel's Xeons from Sapphire Rapids on; of ORB, with errors
    /// like those of f32, and of UMA, with about three times those
    Int8x6,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::F32 => Self::F32,
            PrecisionName::F64 => Self::F64,
            PrecisionName::Int8x6 => Self::Int8x6,
        }
    }
}

/// Engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EngineName {
    /// Kernels for the CPU
    Native,
    /// Layers of candle
    Candle,
}

impl From<EngineName> for EngineKind {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Native => Self::Native,
            EngineName::Candle => Self::Candle,
        }
    }
}

/// Calculations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CalculationName {
    /// Each structure as it is
    SinglePoint,
    /// Each structure at several volumes, with an equation of state
    EnergyVolume,
    /// Each structure is moved to a minimum of its energy
    Relaxation,
}

/// Settings of relaxations that others agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RelaxPreset {
    /// LeMat-GenBench: bfgs-line-search, 0.02 eV/Å, 50 steps
    Genbench,
    /// Matbench Discovery: fire, 0.05 eV/Å, 500 steps
    Discovery,
}

impl From<RelaxPreset> for Relaxation {
    fn from(preset: RelaxPreset) -> Self {
        let name = match preset {
            RelaxPreset::Genbench => "genbench",
            RelaxPreset::Discovery => "discovery",
        };
        Self::preset(name).unwrap_or_default()
    }
}

/// Optimizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OptimizerName {
    /// Molecular dynamics with friction
    Fire,
    /// Quasi-Newton
    Bfgs,
    /// Quasi-Newton with a memory of 100 steps
    Lbfgs,
    /// Quasi-Newton with a line search at each step
    BfgsLineSearch,
}

impl From<OptimizerName> for Method {
    fn from(name: OptimizerName) -> Self {
        match name {
            OptimizerName::Fire => Self::Fire,
            OptimizerName::Bfgs => Self::Bfgs,
            OptimizerName::Lbfgs => Self::Lbfgs,
            OptimizerName::BfgsLineSearch => Self::BfgsLineSearch,
        }
    }
}

/// What of a cell moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CellName {
    /// All of it
    Frechet,
    /// Nothing
    Fixed,
    /// Its shape
    ConstantVolume,
    /// Its volume
    #[value(alias = "isotropic")]
    #[serde(alias = "isotropic")]
    Hydrostatic,
}

impl From<CellName> for CellMotion {
    fn from(name: CellName) -> Self {
        match name {
            CellName::Frechet => Self::Frechet,
            CellName::Fixed => Self::Fixed,
            CellName::ConstantVolume => Self::ConstantVolume,
            CellName::Hydrostatic => Self::Hydrostatic,
        }
    }
}

/// What is done with a hull of another potential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MismatchName {
    /// Nothing is begun
    Refuse,
    /// It is used, with a warning
    Allow,
}

impl From<MismatchName> for HullMismatch {
    fn from(name: MismatchName) -> Self {
        match name {
            MismatchName::Refuse => Self::Refuse,
            MismatchName::Allow => Self::Allow,
        }
    }
}

/// Embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EmbeddingsName {
    /// None
    None,
    /// One vector a structure
    Graph,
    /// One vector an atom
    Node,
}

impl From<EmbeddingsName> for Embeddings {
    fn from(name: EmbeddingsName) -> Self {
        match name {
            EmbeddingsName::None => Self::None,
            EmbeddingsName::Graph => Self::Graph,
            EmbeddingsName::Node => Self::Node,
        }
    }
}

/// CIFs that are divided into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BlocksOf {
    /// Those named by --cifs themselves
    Named,
    /// All
    All,
}

impl From<BlocksOf> for Blocks {
    fn from(blocks: BlocksOf) -> Self {
        match blocks {
            BlocksOf::Named => Self::Named,
            BlocksOf::All => Self::All,
        }
    }
}

/// Cartesian frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// The name that was probably meant by a misspelt one.
pub(crate) fn closest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Less than this, and two names have more apart than in common.
    const ALIKE: f64 = 0.85;
    let measured = known.map(|name| (name, strsim::jaro_winkler(typed, name))).filter(|(_, alike)| *alike >= ALIKE);
    measured.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(name, _)| name)
}

/// Failures to be repeated.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Retry {
    /// Those that may come out differently: timeouts, crashes, memory, unreadable files
    Worthwhile,
    /// All
    All,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_without_one_are_megabytes() {
        let bytes = |text: &str| text.parse::<Memory>().map(|memory| memory.0);
        assert_eq!(bytes("500"), Ok(500_000_000));
        assert_eq!(bytes("4G"), Ok(4_000_000_000));
        assert_eq!(bytes("1.5 GB"), Ok(1_500_000_000));
        assert_eq!(bytes("4GiB"), Ok(4_294_967_296));
        for wrong in ["", "G", "4X", "-4G", "0", "1e3", "1e300", "4.5.6G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_that_no_clock_or_pool_can_use_are_refused() {
        assert!("0".parse::<Count>().is_err() && "-1".parse::<Workers>().is_err() && "0".parse::<Workers>().is_err());
        for wrong in ["NaN", "inf", "-1", "1e300", ""] {
            assert!(wrong.parse::<Seconds>().is_err(), "{wrong}");
        }
        assert_eq!("0.5".parse::<Seconds>(), Ok(Seconds(0.5)));
    }

    #[test]
    fn a_job_file_says_what_a_flag_says() {
        #[derive(serde::Deserialize)]
        struct Values {
            a: Workers,
            b: Workers,
            c: Seconds,
            d: Seconds,
            e: Memory,
            f: Memory,
        }
        let values: Values = toml::from_str("a = 3\nb = 'auto'\nc = 3\nd = 2.5\ne = 100\nf = '2G'").unwrap();
        assert_eq!((values.a.number(), values.b), (Some(3), Workers::Auto));
        assert_eq!((values.c, values.d), (Seconds(3.0), Seconds(2.5)));
        assert_eq!((values.e, values.f), (Memory(100_000_000), Memory(2_000_000_000)));
        let error = toml::from_str::<Values>("a = 0").err().unwrap().to_string();
        assert!(error.contains("`0` was given, expected a whole number, 1 or more, or `auto`"), "{error}");
        let error = toml::from_str::<Values>("a = true").err().unwrap().to_string();
        assert!(error.contains("expected a whole number, 1 or more, or `auto`"), "{error}");
    }
}
