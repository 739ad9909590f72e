//! What stability is measured by, as users name it.

use crate::values::MismatchName;
use mlip_store::report::{HullSource, ReferenceSource, StabilitySources};
use serde::de::{Deserialize, Deserializer, Error};
use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

/// Takes back what a job file says.
const NONE: &str = "none";

/// How a hull is written.
pub(crate) const HULL_FORM: &str = "write --hull [LABEL:]FILE[,energy=COLUMN], --reference FILE, RUN or genbench; of a run that is there, `run --resume --hull …`";

/// A table of entries as it was typed: `[LABEL:]FILE[,energy=COLUMN]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HullName(pub(crate) HullSource);

impl FromStr for HullName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (label, rest) = match text.split_once(':') {
            // A path may hold colons, a label no `/` or `.`.
            Some((label, rest)) if is_word(label) => (Some(label.to_owned()), rest),
            _ => (None, text),
        };
        let (file, energy) = rest.rsplit_once(",energy=").unwrap_or((rest, "energy"));
        if file.is_empty() || energy.is_empty() {
            return Err("expected [LABEL:]FILE[,energy=COLUMN]");
        }
        Ok(Self(HullSource { label, file: file.into(), energy: energy.into() }))
    }
}

/// Reference energies as they were typed: a file, the folder of a run, or `genbench`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReferenceName(pub(crate) ReferenceSource);

impl FromStr for ReferenceName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(if text == "genbench" { ReferenceSource::Genbench } else { ReferenceSource::File(text.into()) }))
    }
}

impl<'de> Deserialize<'de> for HullName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ReferenceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl HullName {
    /// A relative path starts from this folder.
    pub(crate) fn start_from(&mut self, folder: &Path) {
        if !self.is_none() {
            self.0.file = folder.join(&self.0.file);
        }
    }

    /// `none`: against what a job file says.
    fn is_none(&self) -> bool {
        self.0.label.is_none() && self.0.file.as_os_str() == NONE
    }
}

impl ReferenceName {
    /// A relative path starts from this folder.
    pub(crate) fn start_from(&mut self, folder: &Path) {
        if let ReferenceSource::File(file) = &mut self.0
            && file.as_os_str() != NONE
        {
            *file = folder.join(&*file);
        }
    }

    fn is_none(&self) -> bool {
        matches!(&self.0, ReferenceSource::File(file) if file.as_os_str() == NONE)
    }
}

/// What stability is measured by.
pub(crate) fn stability(
    reference: Option<ReferenceName>,
    hulls: Vec<HullName>,
    mismatch: Option<MismatchName>,
) -> StabilitySources {
    StabilitySources {
        mismatch: mismatch.map(MismatchName::into),
        reference: reference.filter(|named| !named.is_none()).map(|named| named.0),
        hulls: hulls.into_iter().filter(|named| !named.is_none()).map(|named| named.0).collect(),
    }
}

/// Whether a text can be a label: `[A-Za-z][A-Za-z0-9_-]*`.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hull_is_named_with_its_potential_and_its_column() {
        let read = |text: &str| text.parse::<HullName>().map(|HullName(hull)| (hull.label, hull.file, hull.energy));
        assert_eq!(read("e.csv"), Ok((None, "e.csv".into(), "energy".into())));
        assert_eq!(read("orb:e.csv.gz,energy=orb_ev"), Ok((Some("orb".into()), "e.csv.gz".into(), "orb_ev".into())));
        assert_eq!(read("b:e.csv"), Ok((Some("b".into()), "e.csv".into(), "energy".into())));
        assert_eq!(read("/a:b/e,x.parquet"), Ok((None, "/a:b/e,x.parquet".into(), "energy".into())));
        assert!(read("orb:").is_err() && read("e.csv,energy=").is_err());
    }
}
