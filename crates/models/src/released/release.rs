//! A published checkpoint.

/// Where upstream publishes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// At this address.
    Address(&'static str),
    /// In a repository of Hugging Face whose terms a user agrees to there; needs the token of that user.
    HuggingFace {
        /// `owner/name`
        repository: &'static str,
        /// Of the file in it.
        path: &'static str,
    },
}

/// Under what terms weights may be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Licence {
    /// Its usual name.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub summary: &'static str,
    /// Where its text is.
    pub url: &'static str,
}

/// A published checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Upstream's name: `medium-mpa-0`.
    pub name: &'static str,
    /// The potential that reads it: `--model MODEL=FILE`.
    pub model: &'static str,
    /// The file in a folder of checkpoints, with `/` between folders.
    pub file: &'static str,
    /// Where upstream publishes it.
    pub source: Source,
    /// Length, where known.
    pub n_bytes: Option<u64>,
    /// SHA-256 in hexadecimal digits, where known.
    pub sha256: Option<&'static str>,
    /// Of the weights.
    pub licence: &'static Licence,
}

impl Release {
    /// The name of the file without folders.
    pub fn file_name(&self) -> &'static str {
        self.file.rsplit('/').next().unwrap_or(self.file)
    }

    /// Where a person looks at what is published, or the file itself.
    pub fn page(&self) -> String {
        match self.source {
            Source::Address(url) => url.to_owned(),
            Source::HuggingFace { repository, .. } => format!("https://huggingface.co/{repository}"),
        }
    }
}
