//! The declared composition, which decides between two readings of a label and shows missing atoms.

use super::block::Block;
use mlip_atoms::Species;
use std::collections::BTreeMap;

/// Relative difference in the number of atoms of an element that is still rounding of the declared formula.
const TOLERANCE: f64 = 0.02;

/// `_chemical_formula_sum`; deuterium and tritium count as hydrogen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Formula {
    pub(crate) line: u32,
    pub(crate) text: String,
    counts: BTreeMap<Species, f64>,
    /// `D` or `T` is named.
    pub(crate) has_isotope: bool,
    /// Every word was understood.
    is_complete: bool,
}

impl Formula {
    /// The formula of a block; mineral databases give it twice, once empty, so the first that is there counts.
    pub(crate) fn read(block: &Block<'_>) -> Option<Self> {
        let value = block.all("_chemical_formula_sum").find(|value| !value.is_absent())?;
        Some(Self::parse(&value.text(), value.line))
    }

    pub(crate) fn parse(text: &str, line: u32) -> Self {
        let mut formula =
            Self { line, text: text.to_owned(), counts: BTreeMap::new(), has_isotope: false, is_complete: true };
        for word in text.split_whitespace() {
            formula.add_word(word);
        }
        formula.is_complete &= !formula.counts.is_empty();
        formula
    }

    fn add_word(&mut self, word: &str) {
        let letters = word.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (symbol, number) = word.split_at(letters);
        // `NA 2` is sodium, though the standard asks for `Na 2`.
        if letters == 2
            && symbol.bytes().all(|byte| byte.is_ascii_uppercase())
            && is_count(number)
            && let Some(species) = capitalised(symbol)
        {
            return self.add(species, number);
        }
        let mut rest = word;
        while !rest.is_empty() {
            let bytes = rest.as_bytes();
            if !bytes[0].is_ascii_uppercase() {
                self.is_complete = false;
                return;
            }
            let length = 1 + usize::from(bytes.get(1).is_some_and(u8::is_ascii_lowercase));
            let (symbol, after) = rest.split_at(length);
            let digits = after.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
            let (number, after) = after.split_at(digits);
            let is_isotope = matches!(symbol, "D" | "T");
            self.has_isotope |= is_isotope;
            match Species::from_symbol(if is_isotope { "H" } else { symbol }) {
                Some(species) => self.add(species, number),
                None => self.is_complete = false,
            }
            rest = after;
        }
    }

    fn add(&mut self, species: Species, number: &str) {
        match if number.is_empty() { Ok(1.0) } else { number.parse::<f64>() } {
            Ok(count) => *self.counts.entry(species).or_insert(0.0) += count,
            Err(_) => self.is_complete = false,
        }
    }

    pub(crate) fn contains(&self, species: Species) -> bool {
        self.counts.contains_key(&species)
    }

    /// Whether these atoms are a multiple of the formula; `None`: cannot say.
    pub(crate) fn matches(&self, atoms: &BTreeMap<Species, usize>) -> Option<bool> {
        let declared: f64 = self.counts.values().sum();
        let can_compare = self.is_complete && declared.is_finite() && declared > 0.0;
        if !can_compare {
            return None;
        }
        if !self.counts.keys().eq(atoms.keys()) {
            return Some(false);
        }
        let factor = atoms.values().sum::<usize>() as f64 / declared;
        Some(self.is_multiple(atoms, factor))
    }

    /// Whether these atoms are `factor` formulas.
    pub(crate) fn is_multiple(&self, atoms: &BTreeMap<Species, usize>, factor: f64) -> bool {
        self.is_complete
            && self.counts.keys().eq(atoms.keys())
            && atoms.iter().all(|(species, n)| {
                let n = *n as f64;
                (n - factor * self.counts[species]).abs() <= TOLERANCE * n.max(1.0)
            })
    }
}

fn is_count(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The element that these letters name in any case.
pub(crate) fn capitalised(letters: &str) -> Option<Species> {
    let mut symbol = letters.to_ascii_lowercase();
    symbol.get_mut(..1)?.make_ascii_uppercase();
    Species::from_symbol(&symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(list: &[(&str, usize)]) -> BTreeMap<Species, usize> {
        list.iter().map(|(symbol, n)| (Species::from_symbol(symbol).unwrap(), *n)).collect()
    }

    #[test]
    fn a_multiple_of_the_formula_matches() {
        let formula = Formula::parse("O2 Ti", 1);
        assert_eq!(formula.matches(&counts(&[("O", 4), ("Ti", 2)])), Some(true));
        assert_eq!(formula.matches(&counts(&[("O", 3), ("Ti", 2)])), Some(false));
        assert_eq!(formula.matches(&counts(&[("O", 4)])), Some(false));
        assert!(formula.is_multiple(&counts(&[("O", 4), ("Ti", 2)]), 2.0));
        assert!(!formula.is_multiple(&counts(&[("O", 4), ("Ti", 2)]), 1.0));
    }

    #[test]
    fn dialects_of_formulas_are_understood_or_left_alone() {
        assert_eq!(Formula::parse("D2O", 1).matches(&counts(&[("H", 4), ("O", 2)])), Some(true));
        assert_eq!(Formula::parse("NA1 CL1", 1).matches(&counts(&[("Na", 4), ("Cl", 4)])), Some(true));
        assert_eq!(Formula::parse("Li8.000   O8.000", 1).matches(&counts(&[("Li", 1), ("O", 1)])), Some(true));
        for text in ["", "Ca(OH)2", "C2H6.xH2O", "Xx2", "O1.2.3", "0", "O0"] {
            assert_eq!(Formula::parse(text, 1).matches(&counts(&[("O", 1)])), None, "{text}");
        }
    }
}
