//! Sets of elements.

use mlip_atoms::Species;
use std::fmt;

/// A set of elements, a bit for each atomic number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ElementSet(u128);

impl ElementSet {
    /// With this element too.
    #[must_use]
    pub fn with(self, element: Species) -> Self {
        Self(self.0 | 1 << element.atomic_number())
    }

    /// Whether the element is in it.
    pub fn contains(self, element: Species) -> bool {
        self.0 & 1 << element.atomic_number() != 0
    }

    /// Whether all elements are in `other` too.
    pub fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Number of elements.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The elements by atomic number.
    pub fn iter(self) -> impl Iterator<Item = Species> {
        (1..=118).filter_map(Species::from_atomic_number).filter(move |element| self.contains(*element))
    }

    /// All sets of these elements but the empty one: 2^n − 1 of them, those of small atomic numbers first.
    pub fn subsets(self) -> impl Iterator<Item = Self> {
        // Subtracting the whole from a part, within the bits of the whole, counts through the parts upwards.
        let next = move |part: u128| part.wrapping_sub(self.0) & self.0;
        std::iter::successors(Some(next(0)), move |part| Some(next(*part))).take_while(|part| *part != 0).map(Self)
    }
}

impl FromIterator<Species> for ElementSet {
    fn from_iter<I: IntoIterator<Item = Species>>(elements: I) -> Self {
        elements.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Display for ElementSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, element) in self.iter().enumerate() {
            write!(f, "{}{element}", if position > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_all_there_once_and_ascend() {
        let elements = ["H", "O", "Fe", "Og"].map(|symbol| Species::from_symbol(symbol).unwrap());
        let whole: ElementSet = elements.into_iter().collect();
        let subsets: Vec<ElementSet> = whole.subsets().collect();
        assert_eq!(subsets.len(), 15);
        assert!(subsets.is_sorted_by(|a, b| a < b) && subsets.iter().all(|part| part.is_subset_of(whole)));
        assert_eq!(subsets.last(), Some(&whole));
        assert_eq!(whole.to_string(), "H, O, Fe, Og");
        assert_eq!(ElementSet::default().subsets().count(), 0);
    }
}
