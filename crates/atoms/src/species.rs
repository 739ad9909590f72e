//! Chemical elements.

use std::fmt;

/// Symbols by atomic number, hydrogen first.
const SYMBOLS: [&str; 118] = [
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar", "K", "Ca",
    "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr", "Rb", "Sr", "Y",
    "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe", "Cs", "Ba", "La", "Ce",
    "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W", "Re", "Os", "Ir",
    "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm",
    "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc",
    "Lv", "Ts", "Og",
];

/// A chemical element, known by its atomic number (1 to 118).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Species(u8);

impl Species {
    /// The element with this atomic number; `None` outside 1 to 118.
    pub fn from_atomic_number(z: u8) -> Option<Self> {
        (1..=118).contains(&z).then_some(Self(z))
    }

    /// The element with this symbol, spelled as in the periodic table (`Fe`, not `FE`).
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        let position = SYMBOLS.iter().position(|known| *known == symbol)?;
        u8::try_from(position + 1).ok().map(Self)
    }

    /// Number of protons, 1 to 118.
    pub fn atomic_number(self) -> u8 {
        self.0
    }

    /// The symbol of the periodic table.
    pub fn symbol(self) -> &'static str {
        SYMBOLS[usize::from(self.0) - 1]
    }
}

impl fmt::Display for Species {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl fmt::Debug for Species {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_numbers_are_inverse() {
        for z in 1..=118 {
            let species = Species::from_atomic_number(z).unwrap();
            assert_eq!(Species::from_symbol(species.symbol()), Some(species));
        }
        assert_eq!(Species::from_atomic_number(0), None);
        assert_eq!(Species::from_atomic_number(119), None);
        assert_eq!(Species::from_symbol("FE"), None);
        assert_eq!(Species::from_symbol("Og").unwrap().atomic_number(), 118);
    }
}
