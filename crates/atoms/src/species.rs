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

/// Standard atomic weights by atomic number, hydrogen first; of elements without one the mass number of a long-lived
/// isotope. Those of pymatgen, so that densities are the same.
const MASSES: [f64; 118] = [
    1.007_94,
    4.002_602,
    6.941,
    9.012_182,
    10.811,
    12.010_7,
    14.006_7,
    15.999_4,
    18.998_403_2,
    20.179_7,
    22.989_769_28,
    24.305,
    26.981_538_6,
    28.085_5,
    30.973_762,
    32.065,
    35.453,
    39.948,
    39.098_3,
    40.078,
    44.955_912,
    47.867,
    50.941_5,
    51.996_1,
    54.938_045,
    55.845,
    58.933_195,
    58.693_4,
    63.546,
    65.409,
    69.723,
    72.64,
    74.921_6,
    78.96,
    79.904,
    83.798,
    85.467_8,
    87.62,
    88.905_85,
    91.224,
    92.906_38,
    95.94,
    98.0,
    101.07,
    102.905_5,
    106.42,
    107.868_2,
    112.411,
    114.818,
    118.71,
    121.76,
    127.6,
    126.904_47,
    131.293,
    132.905_451_9,
    137.327,
    138.905_47,
    140.116,
    140.907_65,
    144.242,
    145.0,
    150.36,
    151.964,
    157.25,
    158.925_35,
    162.5,
    164.930_32,
    167.259,
    168.934_21,
    173.04,
    174.967,
    178.49,
    180.947_88,
    183.84,
    186.207,
    190.23,
    192.217,
    195.084,
    196.966_569,
    200.59,
    204.383_3,
    207.2,
    208.980_4,
    210.0,
    210.0,
    220.0,
    223.0,
    226.0,
    227.0,
    232.038_06,
    231.035_88,
    238.028_91,
    237.0,
    244.0,
    243.0,
    247.0,
    247.0,
    251.0,
    252.0,
    257.0,
    258.0,
    259.0,
    262.0,
    267.0,
    268.0,
    269.0,
    270.0,
    270.0,
    278.0,
    281.0,
    282.0,
    285.0,
    286.0,
    289.0,
    290.0,
    293.0,
    294.0,
    294.0,
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

    /// Mass of an atom, unified atomic mass units.
    pub fn mass(self) -> f64 {
        MASSES[usize::from(self.0) - 1]
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
