//! Irreducible representations as MACE uses them: one block of channels for each l, parity (-1)^l.

use mlip_checkpoint::{Value, View};
use thiserror::Error;

/// Channels of each l, beginning with l = 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Irreps(pub Vec<usize>);

/// Irreps of another kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the irreps `{0}` are not of the kind 8x0e+8x1o+8x2e…: one block for each l, with parity (-1)^l")]
pub struct UnsupportedIrreps(String);

impl Irreps {
    /// The largest l.
    pub fn lmax(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    /// The channels, where all l have the same number.
    pub fn channels(&self) -> Option<usize> {
        let first = *self.0.first()?;
        self.0.iter().all(|n| *n == first).then_some(first)
    }

    /// From `8x0e+8x1o`.
    ///
    /// # Errors
    /// When they are of another kind.
    pub fn parse(text: &str) -> Result<Self, UnsupportedIrreps> {
        let fail = || UnsupportedIrreps(text.to_owned());
        let mut channels = Vec::new();
        for term in text.split('+').map(str::trim) {
            let (n, irrep) = term.split_once('x').unwrap_or(("1", term));
            let even = irrep.ends_with('e');
            let l: usize = irrep.get(..irrep.len().saturating_sub(1)).and_then(|l| l.parse().ok()).ok_or_else(fail)?;
            if !(even || irrep.ends_with('o')) || l != channels.len() || even != l.is_multiple_of(2) {
                return Err(fail());
            }
            channels.push(n.parse().map_err(|_| fail())?);
        }
        Ok(Self(channels))
    }

    /// From a pickled `e3nn.o3.Irreps`, or its text.
    ///
    /// # Errors
    /// When they are of another kind.
    pub fn read(value: Value<'_>) -> Result<Self, UnsupportedIrreps> {
        if let Some(text) = value.as_str() {
            return Self::parse(text);
        }
        let text = || {
            let terms = value.arguments()?.items().next()?;
            let text = terms.items().map(|term| {
                let (n, irrep) = pair(term)?;
                let (l, parity) = pair(irrep)?;
                let sign = if parity.as_int()? == 1 { 'e' } else { 'o' };
                Some(format!("{}x{}{sign}", n.as_int()?, l.as_int()?))
            });
            Some(text.collect::<Option<Vec<_>>>()?.join("+"))
        };
        Self::parse(&text().ok_or_else(|| UnsupportedIrreps(value.describe()))?)
    }
}

/// The two arguments of a named tuple: given one by one, or as one tuple.
fn pair(value: Value<'_>) -> Option<(Value<'_>, Value<'_>)> {
    let arguments = value.arguments()?;
    let arguments = match arguments.items().len() {
        1 => arguments.items().next()?,
        _ => arguments,
    };
    match arguments.view() {
        View::Tuple if arguments.items().len() == 2 => Some((arguments.items().next()?, arguments.items().nth(1)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn irreps_are_channels_of_each_l() {
        assert_eq!(Irreps::parse("128x0e+128x1o").unwrap(), Irreps(vec![128, 128]));
        assert_eq!(Irreps::parse("1x0e + 1x1o + 1x2e").unwrap().lmax(), 2);
        assert_eq!(Irreps::parse("16x0e").unwrap().channels(), Some(16));
    }

    #[test]
    fn other_irreps_are_named() {
        for text in ["8x0o", "8x1o", "8x0e+8x1e", "8x0e+8x2e", "", "x", "ax0e"] {
            assert!(Irreps::parse(text).unwrap_err().to_string().contains(text));
        }
    }
}
