//! How structures are read, and what is taken of runs that are input, as users write it.

use clap::ValueEnum;
use mlip_run::{Coordinates, Filter, FilterError, RelaxedBy};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// What becomes of rounded fractional coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CoordinatesName {
    /// As they are written
    File,
    /// Those within 1e-4 of 1/3 and 2/3 are exactly that
    Pymatgen,
}

impl From<CoordinatesName> for Coordinates {
    fn from(name: CoordinatesName) -> Self {
        match name {
            CoordinatesName::File => Self::File,
            CoordinatesName::Pymatgen => Self::Pymatgen,
        }
    }
}

/// Relaxed structures: by the only potential, by that of a label, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelaxedName(pub(crate) Option<RelaxedBy>);

impl FromStr for RelaxedName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "true" => Some(RelaxedBy::Only),
            "false" => None,
            label => Some(RelaxedBy::Label(label.to_owned())),
        }))
    }
}

/// Which structures are taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FilterText(pub(crate) Filter);

impl FromStr for FilterText {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Filter::parse(text).map(Self)
    }
}

impl<'de> Deserialize<'de> for FilterText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for RelaxedName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RelaxedVisitor)
    }
}

struct RelaxedVisitor;

impl Visitor<'_> for RelaxedVisitor {
    type Value = RelaxedName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or the label of a potential")
    }

    fn visit_bool<E: Error>(self, is_on: bool) -> Result<RelaxedName, E> {
        Ok(RelaxedName(is_on.then_some(RelaxedBy::Only)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RelaxedName, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_file_says_what_flags_say() {
        #[derive(Debug, serde::Deserialize)]
        struct Values {
            a: RelaxedName,
            b: RelaxedName,
            c: RelaxedName,
            d: FilterText,
        }
        let values: Values = toml::from_str("a = true\nb = false\nc = 'orb'\nd = 'n_atoms <= 20'").unwrap();
        assert_eq!((values.a.0, values.b.0), (Some(RelaxedBy::Only), None));
        assert_eq!(values.c.0, Some(RelaxedBy::Label("orb".into())));
        assert_eq!(values.d.0.to_string(), "n_atoms <= 20");
        let error = toml::from_str::<Values>("a = true\nb = 1\nc = 'x'\nd = 'n < 1'").unwrap_err().to_string();
        assert!(error.contains("true, false, or the label of a potential"), "{error}");
        let error = toml::from_str::<Values>("a = true\nb = true\nc = 'x'\nd = 'n <'").unwrap_err().to_string();
        assert!(error.contains("nothing where a number"), "{error}");
    }
}
