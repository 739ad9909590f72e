//! A potential in the words of its user: `[LABEL:]NAME[=FILE][,KEY=VALUE…]`, or a table.

use crate::error::CommandError;
use mlip_models::registry::{self, Options};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// How a potential is written.
const FORM: &str = "[LABEL:]NAME[=FILE][,KEY=VALUE…]";

/// A potential as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(super) label: Option<String>,
    /// Name of a model, a published checkpoint, or a path.
    pub(super) name: String,
    pub(super) file: Option<PathBuf>,
    /// Options of the model, and `precision` and `engine`; `_` for `-` in keys.
    pub(super) options: Options,
}

/// Whether a text can be a label: `[A-Za-z0-9][A-Za-z0-9_-]*`; `7net-0` is one.
pub(super) fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Whether a text can be the key of an option.
fn is_key(text: &str) -> bool {
    is_label(text) && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn refuse(text: &str, what: impl fmt::Display) -> CommandError {
    CommandError::new(format!("`{text}` names no potential: {what}")).hint(format!("write --model {FORM}")).usage()
}

/// The place of the next comma with which an option begins: `,KEY=`. Other commas belong to names of files.
fn next_option(text: &str) -> Option<usize> {
    let begins =
        |place: &usize| text.get(place + 1..).and_then(|rest| rest.split_once('=')).is_some_and(|(key, _)| is_key(key));
    text.match_indices(',').map(|(place, _)| place).find(begins)
}

impl Named {
    /// From `[LABEL:]NAME[=FILE][,KEY=VALUE…]`.
    pub(crate) fn parse(text: &str) -> Result<Self, CommandError> {
        let end_of_label = text.find(':').filter(|colon| text.find('=').is_none_or(|equals| *colon < equals));
        let (label, rest) = match end_of_label.map(|colon| (&text[..colon], &text[colon + 1..])) {
            Some((label, rest)) if is_label(label) => (Some(label.to_owned()), rest),
            // A path may hold colons, a label no `/` or `.`.
            Some((path, _)) if path.contains(['/', '.']) => (None, text),
            Some((label, _)) => {
                let what = format!("`{label}` cannot be a label: a letter or digit, then letters, digits, `_` and `-`");
                return Err(refuse(text, what));
            }
            None => (None, text),
        };
        let (head, mut tail) = match next_option(rest) {
            Some(comma) => (&rest[..comma], Some(&rest[comma + 1..])),
            None => (rest, None),
        };
        let mut options = Options::new();
        while let Some(part) = tail {
            let (option, more) = match next_option(part) {
                Some(comma) => (&part[..comma], Some(&part[comma + 1..])),
                None => (part, None),
            };
            tail = more;
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            if options.insert(key.replace('-', "_"), value.to_owned()).is_some() {
                return Err(refuse(text, format!("`{key}` stands there twice")));
            }
        }
        let (name, file) = match head.split_once('=') {
            // `=` in a folder's name does not end the name of a potential.
            Some((name, file)) if !name.contains('/') => (name, Some(file)),
            _ => (head, None),
        };
        if name.is_empty() || file == Some("") {
            return Err(refuse(text, if name.is_empty() { "there is no name" } else { "there is no file behind `=`" }));
        }
        Ok(Self { label, name: name.to_owned(), file: file.map(PathBuf::from), options })
    }

    /// A potential of a configuration of another program.
    pub(crate) fn new(name: String, file: Option<PathBuf>, options: Options) -> Self {
        Self { label: None, name, file, options }
    }

    /// Adds an option that stands beside the text.
    pub(crate) fn set_option(&mut self, key: &str, value: &str) -> Result<(), CommandError> {
        match self.options.insert(key.replace('-', "_"), value.to_owned()) {
            None => Ok(()),
            Some(_) => Err(refuse(&self.name, format!("`{key}` stands there twice"))),
        }
    }

    /// Relative paths start from this folder.
    pub(crate) fn start_from(&mut self, folder: &Path) {
        if let Some(file) = &mut self.file {
            *file = registry::file_from(folder, &self.name, file);
        } else if registry::find(&self.name).is_none() {
            let path = folder.join(&self.name);
            if let Some(path) = path.to_str().filter(|_| self.name.contains('/') || path.exists()) {
                self.name = path.to_owned();
            }
        }
    }

    /// The label, name and file that are meant.
    pub(super) fn meaning(&self) -> Result<(String, String, Option<PathBuf>), CommandError> {
        let (name, file) = match &self.file {
            Some(file) => (self.name.clone(), Some(file.clone())),
            None => registry::identify(&self.name).map_err(|error| {
                let hint = match self.name.contains(',') {
                    true => "blanks separate potentials, also in MLIP_MODEL; behind a comma stand options, KEY=VALUE",
                    false => "`mlip-batch models` lists the potentials that this program knows",
                };
                CommandError::from_error(&error).hint(hint).usage()
            })?,
        };
        Ok((self.label.clone().unwrap_or_else(|| name.clone()), name, file))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        let name = self.meaning().map(|(_, name, _)| name).unwrap_or_default();
        registry::find(&name).is_some_and(|entry| entry.options.iter().any(|option| option.key == key))
    }

    pub(super) fn described(&self) -> String {
        self.label.as_deref().unwrap_or(&self.name).to_owned()
    }
}

impl<'de> Deserialize<'de> for Named {
    /// From a table: `label`, `name`, `checkpoint`, and options of the model.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = BTreeMap::<String, Scalar>::deserialize(deserializer)?;
        let mut take = |key: &str| table.remove(key).map(|Scalar(text)| text);
        let (label, name, file) = (take("label"), take("name"), take("checkpoint"));
        if let Some(label) = label.as_ref().filter(|label| !is_label(label)) {
            return Err(D::Error::custom(format!(
                "`{label}` cannot be a label: a letter, then letters, digits, `_` and `-`"
            )));
        }
        let options = table.into_iter().map(|(key, Scalar(text))| (key.replace('-', "_"), text)).collect();
        match (name, file) {
            (Some(name), file) => Ok(Self { label, name, file: file.map(PathBuf::from), options }),
            (None, Some(file)) => Ok(Self { label, name: file, file: None, options }),
            (None, None) => Err(D::Error::custom("a [[model]] needs a `name`, a `checkpoint`, or both")),
        }
    }
}

/// The value of an option, as it would be typed.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyScalar;
        impl Visitor<'_> for AnyScalar {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true or false")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        deserializer.deserialize_any(AnyScalar)
    }
}
