//! Forms of a report, as users name them.

use mlip_store::report::{ReportFormat, UnknownFormat};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::fmt;
use std::str::FromStr;

/// A form: `csv` (the tables, which are always written), `extxyz`, `parquet`, `jsonl`, `ase-db`, `genbench`, `cif`, `html`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FormatName(pub(crate) ReportFormat);

impl FromStr for FormatName {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().map(Self)
    }
}

/// Each once, in an order of their own.
pub(crate) fn formats(names: &[FormatName]) -> Vec<ReportFormat> {
    let mut formats: Vec<ReportFormat> = names.iter().map(|name| name.0).collect();
    formats.sort_unstable();
    formats.dedup();
    formats
}

/// In a job file: a text, with commas where there are several, or a list of them.
pub(crate) fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FormatName>, D::Error> {
    struct OneOrSeveral;

    impl<'de> Visitor<'de> for OneOrSeveral {
        type Value = Vec<FormatName>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a format, or a list of formats")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            text.split(',').map(|name| name.parse().map_err(E::custom)).collect()
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut names = Vec::new();
            while let Some(text) = list.next_element::<String>()? {
                names.push(text.parse().map_err(A::Error::custom)?);
            }
            Ok(names)
        }
    }

    deserializer.deserialize_any(OneOrSeveral)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Job {
        #[serde(deserialize_with = "one_or_several")]
        format: Vec<FormatName>,
    }

    #[test]
    fn a_job_file_names_one_or_several() {
        let read = |text: &str| toml::from_str::<Job>(text).map(|job| formats(&job.format));
        assert_eq!(read("format = 'genbench'").unwrap(), [ReportFormat::Genbench]);
        let both = [ReportFormat::Extxyz, ReportFormat::Parquet];
        assert_eq!(read("format = 'parquet, extxyz'").unwrap(), both);
        assert_eq!(read("format = ['parquet', 'extxyz', 'parquet']").unwrap(), both);
        let error = read("format = 'xyz'").unwrap_err().to_string();
        assert!(error.contains("no format is called `xyz`; there are csv, extxyz"), "{error}");
    }
}
