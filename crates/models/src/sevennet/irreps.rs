//! Irreducible representations in general: blocks of channels, each of one l and one parity.

use std::fmt;
use thiserror::Error;

/// An l and its parity. Ordered as e3nn does: by l, odd before even.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Irrep {
    /// Degree.
    pub(super) l: usize,
    /// Whether it is even under inversion.
    pub(super) even: bool,
}

/// Channels of one irrep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// Channels.
    pub(super) n: usize,
    /// Of each of them.
    pub(super) irrep: Irrep,
}

/// Blocks, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Irreps(pub Vec<Block>);

/// A text that is no list of irreps.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` are no irreps such as 128x0e+64x1e")]
pub struct NoIrreps(String);

impl Irrep {
    /// Even scalars.
    pub(super) const SCALAR: Self = Self { l: 0, even: true };

    /// Components.
    pub(super) fn dim(self) -> usize {
        2 * self.l + 1
    }

    /// What a product of the two consists of.
    pub(super) fn product(self, other: Self) -> impl Iterator<Item = Self> {
        let even = self.even == other.even;
        (self.l.abs_diff(other.l)..=self.l + other.l).map(move |l| Self { l, even })
    }
}

impl Irreps {
    /// `n` even scalars.
    pub(super) fn scalars(n: usize) -> Self {
        Self(vec![Block { n, irrep: Irrep::SCALAR }])
    }

    /// From `8x0e+4x1o`.
    ///
    /// # Errors
    /// When the text has another form.
    pub(super) fn parse(text: &str) -> Result<Self, NoIrreps> {
        let block = |term: &str| {
            let (n, irrep) = term.trim().split_once('x').unwrap_or(("1", term.trim()));
            let (l, even) = match (irrep.strip_suffix('e'), irrep.strip_suffix('o')) {
                (Some(l), _) => (l, true),
                (_, Some(l)) => (l, false),
                _ => return None,
            };
            Some(Block { n: n.parse().ok()?, irrep: Irrep { l: l.parse().ok()?, even } })
        };
        let blocks = text.split('+').map(block).collect::<Option<Vec<_>>>();
        blocks.map(Self).ok_or_else(|| NoIrreps(text.to_owned()))
    }

    /// The largest l.
    pub(super) fn lmax(&self) -> usize {
        self.0.iter().map(|block| block.irrep.l).max().unwrap_or(0)
    }

    /// Numbers an atom.
    pub(super) fn dim(&self) -> usize {
        self.0.iter().map(|block| block.n * block.irrep.dim()).sum()
    }

    /// Whether a block has this irrep.
    pub(super) fn has(&self, irrep: Irrep) -> bool {
        self.0.iter().any(|block| block.irrep == irrep)
    }

    /// Blocks by irrep, equal ones in the order in which they stood, then joined.
    pub(super) fn sorted(mut self) -> Self {
        self.0.sort_by_key(|block| block.irrep);
        self.joined()
    }

    /// Neighbors of one irrep become one block.
    pub(super) fn joined(self) -> Self {
        let mut joined: Vec<Block> = Vec::new();
        for block in self.0 {
            match joined.last_mut() {
                Some(last) if last.irrep == block.irrep => last.n += block.n,
                _ => joined.push(block),
            }
        }
        Self(joined)
    }
}

impl fmt::Display for Irreps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |block: &Block| format!("{}x{}{}", block.n, block.irrep.l, if block.irrep.even { 'e' } else { 'o' });
        write!(f, "{}", self.0.iter().map(text).collect::<Vec<_>>().join("+"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn irreps_are_read_and_written_as_e3nn_does() {
        let irreps = Irreps::parse("8x0e + 4x1o+2x2e").unwrap();
        assert_eq!((irreps.to_string().as_str(), irreps.dim(), irreps.lmax()), ("8x0e+4x1o+2x2e", 30, 2));
        assert_eq!(Irreps::parse("1e").unwrap().to_string(), "1x1e");
        for text in ["", "8x", "8x0", "8x0f", "ax0e", "8x0e+"] {
            assert!(Irreps::parse(text).unwrap_err().to_string().contains(&format!("`{text}`")), "{text}");
        }
    }

    #[test]
    fn odd_irreps_come_before_even_ones() {
        let sorted = Irreps::parse("2x1e+3x0e+1x0o+4x0e").unwrap().sorted();
        assert_eq!(sorted.to_string(), "1x0o+7x0e+2x1e");
    }
}
