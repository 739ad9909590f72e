//! What a report is written as beside its tables.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A form in which structures go into the next tool with their results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportFormat {
    /// The tables alone, which are always written.
    Csv,
    /// `structures.extxyz`: for ASE.
    Extxyz,
    /// Tables and sites as Parquet.
    Parquet,
    /// `structures.jsonl`: pymatgen's structures, a line for each result.
    Jsonl,
    /// `structures.db`: the SQLite database of ASE.
    #[serde(rename = "ase-db")]
    AseDb,
    /// `genbench.jsonl`: pymatgen's structures with the properties that LeMat-GenBench reads.
    Genbench,
    /// Relaxed structures as an archive of CIFs.
    Cif,
    /// `report.html`: a page to look at.
    Html,
}

impl ReportFormat {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Csv, Self::Extxyz, Self::Parquet, Self::Jsonl, Self::AseDb, Self::Genbench, Self::Cif, Self::Html];

    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Extxyz => "extxyz",
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
            Self::AseDb => "ase-db",
            Self::Genbench => "genbench",
            Self::Cif => "cif",
            Self::Html => "html",
        }
    }
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A format that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no format is called `{name}`; there are {}", ReportFormat::ALL.map(ReportFormat::name).join(", "))]
pub struct UnknownFormat {
    name: String,
}

impl FromStr for ReportFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| UnknownFormat { name: text.to_owned() })
    }
}
