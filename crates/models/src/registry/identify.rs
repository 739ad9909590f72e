//! What a bare path or a bare published name means.

use super::catalog::{Registry, question};
use crate::entry::Entry;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a text names no potential.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdentifyError {
    /// Neither a name nor a file of any model.
    #[error(
        "`{text}` is neither a potential nor the checkpoint of one{}; `mlip-batch models` lists the potentials, and --model NAME={text} says which one a file belongs to",
        question(.suggestion)
    )]
    Unknown {
        /// As it was typed.
        text: String,
        /// The name that was likely meant.
        suggestion: Option<String>,
    },
    /// Several potentials read such a file.
    #[error("`{text}` may belong to {}: say which, as in --model {}={text}", candidates.join(", "), candidates.first().copied().unwrap_or("NAME"))]
    Several {
        /// As it was typed.
        text: String,
        /// All that could be meant.
        candidates: Vec<&'static str>,
    },
}

/// The potential that a text means, and its file: a name (`chgnet`), a published checkpoint (`medium-mpa-0`) or a path
/// (`uma-s-1p1.pt`), where it can be that of one potential only. Nothing is read.
///
/// # Errors
/// When no potential is meant, or several may be.
pub fn identify(text: &str) -> Result<(String, Option<PathBuf>), IdentifyError> {
    Registry::default().identify(text)
}

impl Registry {
    /// As [`identify`], among the models of this registry.
    ///
    /// # Errors
    /// As there.
    pub fn identify(&self, text: &str) -> Result<(String, Option<PathBuf>), IdentifyError> {
        if self.find(text).is_some() {
            return Ok((text.to_owned(), None));
        }
        let from = |name: &str| Ok((name.to_owned(), Some(PathBuf::from(text))));
        if let Some(entry) = self.entries().find(|entry| entry.published.contains(&text)) {
            return from(entry.any_file.unwrap_or(entry.name));
        }
        let file = Path::new(text).file_name().map(|file| plain(&file.to_string_lossy())).unwrap_or_default();
        let candidates = self.entries().filter(|entry| reads(entry, &file)).collect::<Vec<_>>();
        // The longest name, for `uma-s-1` stands in `uma-s-1p1` as well.
        let named = candidates.iter().filter(|entry| file.contains(entry.name)).max_by_key(|entry| entry.name.len());
        if let Some(entry) = named {
            return from(entry.name);
        }
        let mut takers = candidates.iter().filter_map(|entry| entry.any_file);
        match (takers.next(), takers.next(), candidates.as_slice()) {
            (Some(name), None, _) => from(name),
            (None, _, []) => {
                let suggestion = self.suggestion(text);
                Err(IdentifyError::Unknown { text: text.into(), suggestion })
            }
            _ => {
                let candidates = candidates.iter().map(|entry| entry.any_file.unwrap_or(entry.name)).collect();
                Err(IdentifyError::Several { text: text.into(), candidates })
            }
        }
    }
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

fn reads(entry: &Entry, file: &str) -> bool {
    entry.endings.iter().any(|ending| file.ends_with(ending))
}
