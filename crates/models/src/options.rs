//! Options of models: `key=value` as users type them, read into the struct that each model has of its own.

use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;
use thiserror::Error;

/// Options by key, as they were typed; `-` and `_` in keys are the same.
pub type Options = BTreeMap<String, String>;

/// The description of an option, for users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionInfo {
    /// Its key.
    pub key: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// What holds without it, in words.
    pub default: &'static str,
}

/// An option that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionError {
    /// The model has no such option.
    #[error("{model} has no option `{key}` (given as `{key}={value}`); {}", list_known(.known, .suggestion))]
    Unknown {
        /// The model's name as it was typed.
        model: String,
        /// What was typed.
        key: String,
        /// What was typed.
        value: String,
        /// The keys that exist.
        known: Vec<String>,
        /// The key that was likely meant.
        suggestion: Option<String>,
    },
    /// The value cannot be read.
    #[error("option `{key}={value}` of {model}: expected {expected}")]
    Value {
        /// The model's name as it was typed.
        model: String,
        /// What was typed.
        key: String,
        /// What was typed.
        value: String,
        /// What can be read.
        expected: String,
    },
    /// The value is known, and cannot be used here.
    #[error("option `{key}={value}` of {model} cannot be used: {why}")]
    Unusable {
        /// The model's name as it was typed.
        model: String,
        /// What was typed.
        key: String,
        /// What was typed.
        value: String,
        /// Why not, and what can be done.
        why: String,
    },
    /// Two spellings of one key.
    #[error("option `{key}` of {model} is given twice, with `-` and with `_`")]
    Twice {
        /// The model's name as it was typed.
        model: String,
        /// The key, with `_`.
        key: String,
    },
}

fn list_known(keys: &[String], suggestion: &Option<String>) -> String {
    let list = if keys.is_empty() { "it has no options".into() } else { format!("it has {}", keys.join(", ")) };
    match suggestion {
        Some(key) => format!("{list}: did you mean {key}?"),
        None => list,
    }
}

/// The candidate that is spelled most like `text`, where one is similar enough to be meant.
pub(crate) fn most_similar<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Below this similarity, suggestions are more often wrong than right.
    const SIMILAR: f64 = 0.8;
    let text = text.to_lowercase().replace('_', "-");
    let similarity = |candidate: &str| strsim::jaro_winkler(&text, &candidate.to_lowercase().replace('_', "-"));
    let ranked = candidates.map(|candidate| (similarity(candidate), candidate));
    ranked.filter(|(similarity, _)| *similarity >= SIMILAR).max_by(|a, b| a.0.total_cmp(&b.0)).map(|found| found.1)
}

/// Reads the options of `model` into its struct. Fields of numbers, truth values and text are supported, each plain or
/// optional; the struct has defaults for what is not given.
///
/// # Errors
/// When the struct has no such field, or the value cannot be read as the field's type.
pub fn parse<T: DeserializeOwned>(model: &str, options: &Options) -> Result<T, OptionError> {
    let mut pairs = BTreeMap::new();
    for (key, value) in options {
        let key = key.replace('-', "_");
        if pairs.insert(key.clone(), value.as_str()).is_some() {
            return Err(OptionError::Twice { model: model.into(), key });
        }
    }
    let value_of = |key: &str| pairs.get(key).copied().unwrap_or_default().to_owned();
    T::deserialize(Fields(&pairs)).map_err(|fault| match fault {
        Fault::Unknown { key, known } => {
            let known = known.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
            let suggestion = most_similar(&key, known.iter().map(String::as_str)).map(str::to_owned);
            OptionError::Unknown { model: model.into(), value: value_of(&key), key, known, suggestion }
        }
        Fault::Value { key, expected } => {
            OptionError::Value { model: model.into(), value: value_of(&key), key, expected }
        }
    })
}

/// What is wrong, without the words around it.
#[derive(Debug)]
enum Fault {
    Unknown { key: String, known: &'static [&'static str] },
    Value { key: String, expected: String },
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<M: Display>(message: M) -> Self {
        Self::Value { key: String::new(), expected: message.to_string() }
    }
}

/// All options, for a struct.
struct Fields<'a>(&'a BTreeMap<String, &'a str>);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Fault;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let Some(key) = self.0.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(Fault::Unknown { key: key.clone(), known });
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(MapDeserializer::new(self.0.iter().map(|(key, value)| (key.as_str(), Text { key, value }))))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// One value.
#[derive(Clone, Copy)]
struct Text<'a> {
    key: &'a str,
    value: &'a str,
}

impl Text<'_> {
    fn number<T: FromStr>(self, expected: &str) -> Result<T, Fault> {
        let fault = |_| Fault::Value { key: self.key.into(), expected: expected.into() };
        self.value.trim().parse().map_err(fault)
    }

    /// Faults of visitors do not know their key.
    fn named<T>(self, outcome: Result<T, Fault>) -> Result<T, Fault> {
        outcome.map_err(|fault| match fault {
            Fault::Value { key, expected } if key.is_empty() => Fault::Value { key: self.key.into(), expected },
            fault => fault,
        })
    }
}

impl IntoDeserializer<'_, Fault> for Text<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $expected:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.named(visitor.$visit(self.number::<$type>($expected)?))
        }
    )*};
}

impl<'de> Deserializer<'de> for Text<'_> {
    type Error = Fault;

    numbers! {
        deserialize_bool visit_bool bool, "true or false";
        deserialize_i32 visit_i32 i32, "a whole number";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_u32 visit_u32 u32, "a whole number, 0 or more";
        deserialize_u64 visit_u64 u64, "a whole number, 0 or more";
        deserialize_f64 visit_f64 f64, "a number";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.named(visitor.visit_str(self.value))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let fault = |_| Fault::Value { key: self.key.into(), expected: format!("one of {}", known.join(", ")) };
        visitor.visit_enum(self.value.into_deserializer()).map_err(|fault: de::value::Error| fault).map_err(fault)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u128 f32 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}
