//! Amounts of elements.

use super::elements::ElementSet;
use mlip_atoms::Species;
use std::fmt;
use thiserror::Error;

/// Smaller amounts than this are none, as in pymatgen; atoms.
const AMOUNT_TOLERANCE: f64 = 1e-8;

/// Why a text, a list or a table of amounts is no composition.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CompositionError {
    /// Nothing stands there, or only amounts that are zero.
    #[error("the composition `{text}` holds no atom")]
    Empty {
        /// The composition as it was written.
        text: String,
    },
    /// An element that the periodic table does not have.
    #[error("`{symbol}` in the composition `{text}`, character {place}, is no element")]
    UnknownElement {
        /// The composition as it was written.
        text: String,
        /// What was taken for a symbol.
        symbol: String,
        /// Where it begins, counted in characters from 1.
        place: usize,
    },
    /// Something that belongs into no formula.
    #[error("the composition `{text}` has {found} at character {place}, where {expected} was expected")]
    Syntax {
        /// The composition as it was written.
        text: String,
        /// What stands there.
        found: String,
        /// What might stand there.
        expected: &'static str,
        /// Where, counted in characters from 1.
        place: usize,
    },
    /// An amount that is negative, infinite or not a number.
    #[error("the amount of {element} in the composition `{text}` is {amount}, not a positive number")]
    Amount {
        /// The composition as it was written.
        text: String,
        /// The element.
        element: Species,
        /// Its amount.
        amount: f64,
    },
    /// Amounts that are finite, but not their sum.
    #[error("the composition `{text}` holds more atoms than there are numbers")]
    TooMany {
        /// The composition as it was written.
        text: String,
    },
}

/// A total energy that gives no energy per atom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnergyError {
    /// The total energy, eV.
    pub energy_ev: f64,
    /// Of so many atoms.
    pub n_atoms: f64,
}

impl std::error::Error for EnergyError {}

impl fmt::Display for EnergyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { energy_ev, n_atoms } = self;
        match energy_ev.is_finite() {
            true => write!(f, "the total energy {energy_ev:?} eV of {n_atoms:?} atoms is not finite per atom"),
            false => write!(f, "the total energy {energy_ev} eV is not finite"),
        }
    }
}

/// How many atoms of each element a cell (or a formula unit) holds.
///
/// Elements ascend by atomic number; amounts are positive, and fractions where sites are shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Composition {
    amounts: Vec<(Species, f64)>,
    n_atoms: f64,
}

impl Composition {
    /// Sums the amounts of equal elements; those below 1e-8 are left out.
    ///
    /// # Errors
    /// When nothing is left, or an amount is negative, or one or their sum is not finite. `text` is what the error names.
    pub fn from_amounts(
        amounts: impl IntoIterator<Item = (Species, f64)>,
        text: &str,
    ) -> Result<Self, CompositionError> {
        let mut sums: Vec<(Species, f64)> = Vec::with_capacity(8);
        for (element, amount) in amounts {
            match sums.iter_mut().find(|(known, _)| *known == element) {
                Some((_, sum)) => *sum += amount,
                None => sums.push((element, amount)),
            }
        }
        if let Some((element, amount)) = sums.iter().find(|(_, sum)| !(*sum > -AMOUNT_TOLERANCE && sum.is_finite())) {
            return Err(CompositionError::Amount { text: text.into(), element: *element, amount: *amount });
        }
        sums.retain(|(_, sum)| *sum >= AMOUNT_TOLERANCE);
        if sums.is_empty() {
            return Err(CompositionError::Empty { text: text.into() });
        }
        sums.sort_unstable_by_key(|(element, _)| *element);
        let n_atoms: f64 = sums.iter().map(|(_, amount)| amount).sum();
        if !n_atoms.is_finite() {
            return Err(CompositionError::TooMany { text: text.into() });
        }
        Ok(Self { amounts: sums, n_atoms })
    }

    /// Of a list with an element for each site; `None` without sites.
    pub fn from_species(species: impl IntoIterator<Item = Species>) -> Option<Self> {
        Self::from_amounts(species.into_iter().map(|element| (element, 1.0)), "").ok()
    }

    /// Elements by atomic number, with their amounts.
    pub fn amounts(&self) -> &[(Species, f64)] {
        &self.amounts
    }

    /// Number of atoms, the sum of the amounts.
    pub fn n_atoms(&self) -> f64 {
        self.n_atoms
    }

    /// What a total energy in eV is for each atom, eV/atom.
    ///
    /// # Errors
    /// When that is not finite.
    pub fn energy_per_atom(&self, energy_ev: f64) -> Result<f64, EnergyError> {
        let per_atom = energy_ev / self.n_atoms;
        per_atom.is_finite().then_some(per_atom).ok_or(EnergyError { energy_ev, n_atoms: self.n_atoms })
    }

    /// Its elements.
    pub fn elements(&self) -> ElementSet {
        self.amounts.iter().map(|(element, _)| *element).collect()
    }

    /// Part of the atoms that each element has, in the order of [`Self::amounts`]; the same bits for any multiple of a
    /// formula with whole numbers, because a division is rounded only once.
    pub fn fractions(&self) -> impl Iterator<Item = f64> {
        self.amounts.iter().map(|(_, amount)| amount / self.n_atoms)
    }

    /// The smallest whole amounts in the same ratio, in the order of [`Self::amounts`]; `None` where an amount is no
    /// whole number (to 1e-8) or above 2^32.
    pub fn reduced(&self) -> Option<Vec<u32>> {
        let whole = |amount: f64| {
            let rounded = amount.round();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
            ((amount - rounded).abs() < AMOUNT_TOLERANCE && rounded >= 1.0 && rounded <= f64::from(u32::MAX))
                .then_some(rounded as u32)
        };
        let mut amounts = self.amounts.iter().map(|(_, amount)| whole(*amount)).collect::<Option<Vec<_>>>()?;
        let divisor = amounts.iter().copied().fold(0, greatest_common_divisor);
        amounts.iter_mut().for_each(|amount| *amount /= divisor);
        Some(amounts)
    }
}

/// Symbols in alphabetical order without blanks, amounts of one left out: `Fe2O3`; not reduced.
impl fmt::Display for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ordered = self.amounts.clone();
        ordered.sort_unstable_by_key(|(element, _)| element.symbol());
        for (element, amount) in ordered {
            f.write_str(element.symbol())?;
            if amount != 1.0 {
                write!(f, "{amount}")?;
            }
        }
        Ok(())
    }
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use crate::composition::parse_composition;

    #[test]
    fn formulas_are_reduced_by_their_greatest_common_divisor() {
        let reduced = |text: &str| parse_composition(text).unwrap().reduced();
        assert_eq!(reduced("Fe4O6"), Some(vec![3, 2]));
        assert_eq!(reduced("O2"), Some(vec![1]));
        assert_eq!(reduced("Fe0.5 O0.5"), None);
    }

    #[test]
    fn multiples_of_a_formula_have_the_same_fractions_to_the_bit() {
        let one = parse_composition("Fe2O3Li7").unwrap();
        let many = parse_composition("Fe26 O39 Li91").unwrap();
        assert!(one.fractions().eq(many.fractions()));
        assert_eq!(many.n_atoms(), 156.0);
    }

    #[test]
    fn numbers_beyond_all_numbers_are_refused() {
        let error = |text: &str| parse_composition(text).unwrap_err().to_string();
        let much = format!("Fe1{0} O1{0}", "0".repeat(308));
        assert!(error(&much).ends_with("holds more atoms than there are numbers"));
        let little = parse_composition("Fe0.00001").unwrap();
        let error = |energy| little.energy_per_atom(energy).unwrap_err().to_string();
        assert_eq!(error(1e305), "the total energy 1e305 eV of 1e-5 atoms is not finite per atom");
        assert_eq!(error(f64::INFINITY), "the total energy inf eV is not finite");
        assert_eq!(little.energy_per_atom(1.0), Ok(1.0 / 0.00001));
    }

    #[test]
    fn formulas_are_written_by_the_alphabet() {
        assert_eq!(parse_composition("O3 Fe2").unwrap().to_string(), "Fe2O3");
        assert_eq!(parse_composition("O1 H4 C1 B0.5").unwrap().to_string(), "B0.5CH4O");
    }
}
