//! How a run is divided: `RANKS:STRUCTURESxMLIPSxTHREADS`.

use crate::error::CommandError;
use std::fmt;

/// Ranks, and the threads of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) ranks: usize,
    pub(super) structures: usize,
    pub(super) mlips: usize,
    pub(super) threads: usize,
}

impl Split {
    /// One after the other.
    pub(super) const SEQUENTIAL: Self = Self { ranks: 1, structures: 1, mlips: 1, threads: 1 };

    /// From `4`, `2x3`, `2x3x1` or with ranks before it, `8:1x1x1`.
    pub(super) fn parse(text: &str) -> Result<Self, CommandError> {
        let (ranks, rest) = text.split_once(':').unwrap_or(("1", text));
        let mut numbers = rest.split('x').map(|word| word.parse::<usize>().ok().filter(|number| *number > 0));
        let mut next = || numbers.next().unwrap_or(Some(1));
        let split = (ranks.parse().ok().filter(|ranks| *ranks > 0), next(), next(), next());
        match (split, numbers.next()) {
            ((Some(ranks), Some(structures), Some(mlips), Some(threads)), None) => {
                Ok(Self { ranks, structures, mlips, threads })
            }
            _ => Err(CommandError::new(format!("`{text}` is no division of threads"))
                .hint("write structures, potentials and threads, for example 4x1x1, or with ranks before them: 8:1x1x1")
                .usage()),
        }
    }

    /// All threads that compute.
    pub(super) fn total(&self) -> usize {
        self.ranks * self.structures * self.mlips * self.threads
    }

    /// Sequential, then twice the threads each time up to all cores; with several potentials also all of them at once.
    pub(super) fn usual(cores: usize, n_potentials: usize) -> Vec<Self> {
        let mut splits = vec![Self::SEQUENTIAL];
        let mut structures = 2;
        while structures < cores {
            splits.push(Self { structures, ..Self::SEQUENTIAL });
            structures *= 2;
        }
        if cores > 1 {
            splits.push(Self { structures: cores, ..Self::SEQUENTIAL });
            let mlips = n_potentials.min(cores);
            if mlips > 1 {
                splits.push(Self { structures: (cores / mlips).max(1), mlips, ..Self::SEQUENTIAL });
            }
        }
        splits
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ranks > 1 {
            write!(f, "{}:", self.ranks)?;
        }
        write!(f, "{}x{}x{}", self.structures, self.mlips, self.threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_read_as_they_are_written() {
        for (text, shown, total) in [
            ("4", "4x1x1", 4),
            ("2x3", "2x3x1", 6),
            ("2x3x2", "2x3x2", 12),
            ("8:2", "8:2x1x1", 16),
            ("1:1", "1x1x1", 1),
        ] {
            let split = Split::parse(text).unwrap();
            assert_eq!((split.to_string().as_str(), split.total()), (shown, total));
        }
        for wrong in ["", "0", "2x0", "1x1x1x1", "a", "0:1", "x", "-1"] {
            assert!(Split::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_usual_splits_end_with_all_cores() {
        let shown = |cores, potentials| {
            Split::usual(cores, potentials).iter().map(Split::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(1, 3), "1x1x1");
        assert_eq!(shown(2, 1), "1x1x1 2x1x1");
        assert_eq!(shown(6, 3), "1x1x1 2x1x1 4x1x1 6x1x1 2x3x1");
    }
}
