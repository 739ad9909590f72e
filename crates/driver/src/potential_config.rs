//! A potential of a run, as `run.toml` holds it in today's form and that of older versions.

use mlip_atoms::{EngineKind, Potential, PotentialId, Precision};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// A potential of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredPotential", into = "StoredPotential")]
pub struct PotentialConfig {
    /// Name in the tables, unlike that of all others of the run. Never part of a key.
    pub label: String,
    /// Name of the model, as it was typed.
    pub name: String,
    /// Which weights, in words.
    pub checkpoint: String,
    /// Digest of the weights.
    pub digest: String,
    /// The choices that change its numbers, in one fixed wording.
    pub settings: String,
    /// Checkpoint file; none for built-in weights. It may move: the digest tells.
    pub file: Option<PathBuf>,
    /// Precision of the evaluations.
    pub precision: Precision,
    /// How it is computed.
    pub engine: EngineKind,
    /// Options of the model, as they were typed.
    pub options: BTreeMap<String, String>,
}

impl PotentialConfig {
    /// Of a loaded potential.
    pub fn new(
        label: String,
        id: &PotentialId,
        file: Option<PathBuf>,
        engine: EngineKind,
        options: BTreeMap<String, String>,
    ) -> Self {
        let PotentialId { name, checkpoint, digest, precision, settings } = id.clone();
        Self { label, name, checkpoint, digest, settings, file, precision, engine, options }
    }

    /// Adds what would change if it went on as `new`.
    pub(crate) fn changes(&self, new: &Self, changes: &mut Vec<String>) {
        let label = &self.label;
        if self.name != new.name {
            changes.push(format!("{label} was the model {} and would be {}", self.name, new.name));
        }
        if self.precision != new.precision {
            changes.push(format!("{label} ran in {} and would run in {}", self.precision, new.precision));
        }
        if self.engine != new.engine {
            changes.push(format!("{label} ran on the engine {} and would run on {}", self.engine, new.engine));
        }
        if self.settings != new.settings {
            changes.push(format!("{label} ran with `{}` and would run with `{}`", self.settings, new.settings));
        }
        if self.digest != new.digest {
            changes.push(format!(
                "the weights of {label} were {} (digest {}) and would become {} (digest {})",
                self.checkpoint,
                short(&self.digest),
                new.checkpoint,
                short(&new.digest)
            ));
        }
    }

    /// The same after its weights were read again. A digest that an earlier version gave to the same weights is kept:
    /// keys of tasks are made of it.
    #[must_use]
    pub fn loaded(&self, potential: &dyn Potential) -> Self {
        let mut id = potential.id().clone();
        if potential.former_digest() == Some(self.digest.as_str()) {
            id.digest.clone_from(&self.digest);
        }
        Self::new(self.label.clone(), &id, self.file.clone(), self.engine, self.options.clone())
    }

    /// Its identity in task keys.
    pub fn id(&self) -> PotentialId {
        PotentialId {
            name: self.name.clone(),
            checkpoint: self.checkpoint.clone(),
            digest: self.digest.clone(),
            precision: self.precision,
            settings: self.settings.clone(),
        }
    }
}

/// The first digits of a digest: enough for a person to tell two apart.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Fields in the order in which ranks send them to each other: none may be skipped.
///
/// Until version 0.1.0 there were no `label`, `precision` and `engine`, and `options` held values of several types:
/// the precision, and `head`, `task`, `charge`, `spin`, `exact_radial` where they were set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPotential {
    #[serde(default)]
    label: Option<String>,
    name: String,
    checkpoint: String,
    digest: String,
    #[serde(default)]
    settings: String,
    #[serde(default)]
    file: Option<PathBuf>,
    #[serde(default)]
    precision: Option<Precision>,
    #[serde(default)]
    engine: Option<EngineKind>,
    #[serde(default)]
    options: BTreeMap<String, OptionText>,
}

/// The value of an option as a user would type it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct OptionText(String);

impl<'de> Deserialize<'de> for OptionText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = OptionText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true or false")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OptionText, E> {
                Ok(OptionText(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<OptionText, E> {
                Ok(OptionText(number.to_string()))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<OptionText, E> {
                Ok(OptionText(value.to_string()))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Scalar)
        } else {
            // Between ranks it is always a text.
            deserializer.deserialize_str(Scalar)
        }
    }
}

impl From<PotentialConfig> for StoredPotential {
    fn from(config: PotentialConfig) -> Self {
        let PotentialConfig { label, name, checkpoint, digest, settings, file, precision, engine, options } = config;
        Self {
            label: Some(label),
            name,
            checkpoint,
            digest,
            settings,
            file,
            precision: Some(precision),
            engine: Some(engine),
            options: options.into_iter().map(|(key, value)| (key, OptionText(value))).collect(),
        }
    }
}

impl From<StoredPotential> for PotentialConfig {
    fn from(stored: StoredPotential) -> Self {
        let StoredPotential { label, name, checkpoint, digest, settings, file, precision, engine, mut options } =
            stored;
        let older = precision.is_none().then(|| options.remove("precision")).flatten();
        let precision = precision.unwrap_or(match older {
            Some(OptionText(text)) if text == Precision::F64.to_string() => Precision::F64,
            _ => Precision::F32,
        });
        // Said or not, older versions wrote it down.
        if options.get("exact_radial").is_some_and(|OptionText(text)| text == "false") {
            options.remove("exact_radial");
        }
        Self {
            label: label.unwrap_or_else(|| name.clone()),
            name,
            checkpoint,
            digest,
            settings,
            file,
            precision,
            engine: engine.unwrap_or_default(),
            options: options.into_iter().map(|(key, OptionText(text))| (key, text)).collect(),
        }
    }
}
