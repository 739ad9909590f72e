//! The end of a job, as it travels between ranks.

use crate::rank::Rank;
use thiserror::Error;

/// Why a rank does not go on although it could.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Ended {
    /// On the other ranks: the root has ended the job, and has said why.
    #[error("the root has ended the job")]
    ByRoot {
        /// What every process of the job exits with.
        code: i32,
    },
    /// On the root: another rank cannot go on. The root says so and ends the job.
    #[error("rank {rank}: {message}")]
    ByRank {
        /// Which.
        rank: Rank,
        /// Why.
        message: String,
        /// What every process of the job should exit with.
        code: i32,
    },
}

/// To a rank: go, with this code.
const GO: u8 = 0;
/// To the root: cannot go on; code and message.
const UNABLE: u8 = 1;
/// To the root: nothing more comes from here.
const GONE: u8 = 2;

/// A word on the channel [`crate::Channel::End`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Go { code: i32 },
    Unable { code: i32, message: String },
    Gone,
}

impl Word {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Go { code } => [[GO].as_slice(), &code.to_le_bytes()].concat(),
            Self::Unable { code, message } => [[UNABLE].as_slice(), &code.to_le_bytes(), message.as_bytes()].concat(),
            Self::Gone => vec![GONE],
        }
    }

    /// `None` for what no rank of this build sends.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let with_code = || rest.split_first_chunk().map(|(code, rest)| (i32::from_le_bytes(*code), rest));
        match *kind {
            GO => with_code().map(|(code, _)| Self::Go { code }),
            UNABLE => with_code().map(|(code, message)| {
                let message = String::from_utf8_lossy(message).into_owned();
                Self::Unable { code, message }
            }),
            GONE => Some(Self::Gone),
            _ => None,
        }
    }
}

impl Ended {
    /// What a word means for the rank that receives it, if anything.
    pub(crate) fn read(from: Rank, bytes: &[u8]) -> Option<Self> {
        match Word::read(bytes)? {
            Word::Go { code } => Some(Self::ByRoot { code }),
            Word::Unable { code, message } => Some(Self::ByRank { rank: from, message, code }),
            Word::Gone => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        let words = [Word::Go { code: 75 }, Word::Unable { code: -1, message: "kein Platz für Å".into() }, Word::Gone];
        for word in words {
            assert_eq!(Word::read(&word.bytes()), Some(word));
        }
        assert_eq!(Word::read(&[]), None);
        assert_eq!(Word::read(&[GO, 1]), None);
        assert_eq!(Word::read(&[77, 0, 0, 0, 0]), None);
    }
}
