//! An entry in 40 bytes.

use crate::composition::{Composition, ElementSet};
use std::cmp::Ordering;

/// An entry: its energy per atom in eV (once all entries are known its formation energy), its composition and its name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) energy: f64,
    amounts: Amounts,
    id: Id,
}

/// A reduced composition, in the order of the elements of its system.
#[derive(Debug, Clone, PartialEq)]
enum Amounts {
    /// Whole numbers, zeros behind.
    Small([u8; 15]),
    /// Parts of the atoms where amounts are no whole numbers, as they were asked for and will be asked for again: made
    /// to sum to one once more they would be other numbers. In a box of a single pointer because it is rare.
    #[expect(clippy::box_collection, reason = "a boxed slice is twice as large")]
    Fractions(Box<Vec<f64>>),
    /// Whole numbers that are larger or more.
    #[expect(clippy::box_collection, reason = "a boxed slice is twice as large")]
    Large(Box<Vec<f64>>),
}

/// A name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    /// Of up to 15 bytes, zeros behind.
    Short([u8; 15]),
    #[expect(clippy::box_collection, reason = "a boxed str is twice as large")]
    Long(Box<String>),
}

impl Row {
    /// Of a composition, an energy per atom in eV, and a name.
    pub(crate) fn new(composition: &Composition, energy: f64, id: &str) -> Self {
        Self { energy, amounts: Amounts::of(composition), id: Id::of(id) }
    }

    /// Whether both have the same reduced composition, in the same system.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.amounts == other.amounts
    }

    /// An order of rows of a system: by composition, energy, name.
    pub(crate) fn cmp(&self, other: &Self) -> Ordering {
        let by_energy = || self.energy.total_cmp(&other.energy);
        self.amounts.cmp(&other.amounts).then_with(by_energy).then_with(|| self.id.cmp(&other.id))
    }

    /// What the entry is called.
    pub(crate) fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Part of the atoms of each element of its system, `[n_elements]`: the bits of [`Composition::fractions`].
    pub(crate) fn fractions(&self) -> impl Iterator<Item = f64> {
        let n_atoms = match self.amounts {
            Amounts::Fractions(_) => 1.0,
            Amounts::Small(_) | Amounts::Large(_) => self.amounts.iter().sum(),
        };
        self.amounts.iter().map(move |amount| amount / n_atoms)
    }

    /// The reduced composition of the entry, of a system of these elements.
    pub(crate) fn composition(&self, system: ElementSet) -> Option<Composition> {
        Composition::from_amounts(system.iter().zip(self.amounts.iter()), "").ok()
    }
}

impl Amounts {
    fn of(composition: &Composition) -> Self {
        // Half an atom of an element is that element.
        let reduced = if composition.amounts().len() == 1 { Some(vec![1]) } else { composition.reduced() };
        // Amounts that are whole but for a rounding error have other fractions than whole ones.
        let n_atoms = reduced.iter().flatten().copied().map(f64::from).sum::<f64>();
        let equal =
            |reduced: &Vec<u32>| reduced.iter().map(|amount| f64::from(*amount) / n_atoms).eq(composition.fractions());
        let Some(reduced) = reduced.filter(equal) else {
            return Self::Fractions(Box::new(composition.fractions().collect()));
        };
        let mut small = [0; 15];
        let fits = reduced.len() <= small.len();
        let bytes = reduced.iter().map(|amount| u8::try_from(*amount).ok()).collect::<Option<Vec<u8>>>();
        match bytes.filter(|_| fits) {
            Some(bytes) => {
                small.iter_mut().zip(bytes).for_each(|(slot, amount)| *slot = amount);
                Self::Small(small)
            }
            None => Self::Large(Box::new(reduced.into_iter().map(f64::from).collect())),
        }
    }

    fn iter(&self) -> impl Iterator<Item = f64> {
        let (small, large): (&[u8], &[f64]) = match self {
            Self::Small(amounts) => (amounts, &[]),
            Self::Fractions(amounts) | Self::Large(amounts) => (&[], amounts),
        };
        small.iter().take_while(|amount| **amount > 0).map(|amount| f64::from(*amount)).chain(large.iter().copied())
    }

    /// An order of compositions within a system.
    fn cmp(&self, other: &Self) -> Ordering {
        let kind = |amounts: &Self| match amounts {
            Self::Small(_) => 0,
            Self::Fractions(_) => 1,
            Self::Large(_) => 2,
        };
        match (self, other) {
            (Self::Small(a), Self::Small(b)) => a.cmp(b),
            (Self::Fractions(a), Self::Fractions(b)) | (Self::Large(a), Self::Large(b)) => {
                let orders = a.iter().zip(b.iter()).map(|(a, b)| a.total_cmp(b));
                orders.fold(Ordering::Equal, Ordering::then)
            }
            _ => kind(self).cmp(&kind(other)),
        }
    }
}

impl Id {
    fn of(text: &str) -> Self {
        let mut short = [0; 15];
        match text.len() <= short.len() && !text.contains('\0') {
            true => {
                short.iter_mut().zip(text.bytes()).for_each(|(slot, byte)| *slot = byte);
                Self::Short(short)
            }
            false => Self::Long(Box::new(text.to_owned())),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Short(bytes) => {
                let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                bytes.get(..length).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
            }
            Self::Long(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_40_bytes() {
        assert_eq!(size_of::<Row>(), 40);
    }
}
