//! Which element a type symbol or an atom label stands for.

use super::formula::{Formula, capitalised};
use mlip_atoms::Species;

/// An element and what had to be assumed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) species: Species,
    /// Deuterium or tritium.
    pub(crate) is_isotope: bool,
    /// A two-letter and a one-letter element are possible.
    pub(crate) is_ambiguous: bool,
    /// The name stands for a group with hydrogen: water, hydroxyl, ammonium.
    pub(crate) has_hydrogen: bool,
}

impl Reading {
    fn plain(species: Species) -> Self {
        Self { species, is_isotope: false, is_ambiguous: false, has_hydrogen: false }
    }

    fn isotope() -> Option<Self> {
        Some(Self { is_isotope: true, ..Self::plain(Species::from_symbol("H")?) })
    }
}

fn leading_letters(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.bytes().take_while(u8::is_ascii_alphabetic).count()]
}

/// The element of `_atom_site_type_symbol`: `Ti`, `TI`, `Ti4+`, `O-2`, `D`.
pub(crate) fn from_type_symbol(text: &str, formula: Option<&Formula>) -> Option<Reading> {
    let letters = leading_letters(text);
    if matches!(letters, "D" | "d" | "T" | "t") {
        return Reading::isotope();
    }
    // NH4 is not nihonium.
    if letters.eq_ignore_ascii_case("nh") {
        return None;
    }
    let species = capitalised(letters)?;
    // NO3, PO4: digits without a charge after two capitals. The formula tells a radical from an element.
    let rest = text.trim_start()[letters.len()..].trim_end();
    let is_group = letters.len() == 2
        && letters.bytes().all(|byte| byte.is_ascii_uppercase())
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_digit());
    if is_group && formula.is_some_and(|formula| !formula.contains(species)) {
        return None;
    }
    Some(Reading::plain(species))
}

/// The element of an atom label: `Fe1`, `NA+`, `OW2`, `HO1`, `Wat`.
///
/// A label is read as its first two letters or its first one. Where both are elements, the one in the declared
/// formula wins; then a small second letter, or a label of exactly two letters, means two letters.
pub(crate) fn from_label(text: &str, formula: Option<&Formula>) -> Option<Reading> {
    let letters = leading_letters(text);
    let upper = letters.to_ascii_uppercase();
    let element = |symbol: &str| Species::from_symbol(symbol);
    match upper.as_str() {
        "D" | "T" => {
            // `T` is a tetrahedral site in minerals without hydrogen.
            let hydrogen = element("H")?;
            let possible = formula.is_none_or(|formula| formula.has_isotope || formula.contains(hydrogen));
            return Reading::isotope().filter(|_| possible);
        }
        // A vacancy, unless there is vanadium, of which sites are named `Va`, `Vb` and so on.
        "VA" | "VAC" => {
            let vanadium = element("V")?;
            return match formula {
                Some(formula) => formula.contains(vanadium).then(|| Reading::plain(vanadium)),
                None => (upper == "VA").then(|| Reading { is_ambiguous: true, ..Reading::plain(vanadium) }),
            };
        }
        "WAT" | "WA" | "HOH" | "OH" | "OW" => {
            return Some(Reading { has_hydrogen: true, ..Reading::plain(element("O")?) });
        }
        "NH" => return Some(Reading { has_hydrogen: true, ..Reading::plain(element("N")?) }),
        _ => {}
    }
    let rest = &text.trim_start()[letters.len()..];
    let has_hydrogen = upper == "O" && rest.starts_with("-H");
    let one = letters.get(..1).and_then(capitalised);
    let two = letters.get(..2).and_then(capitalised);
    let (Some(long), Some(short)) = (two, one) else {
        // `D1a`, `Dn1`: only with deuterium in the formula.
        let isotope = upper.starts_with('D') && two.is_none() && formula.is_some_and(|formula| formula.has_isotope);
        if isotope {
            return Reading::isotope();
        }
        return Some(Reading { has_hydrogen, ..Reading::plain(two.or(one)?) });
    };
    if let Some(formula) = formula {
        match (formula.contains(long), formula.contains(short)) {
            (true, false) => return Some(Reading::plain(long)),
            (false, true) => return Some(Reading { has_hydrogen, ..Reading::plain(short) }),
            _ => {}
        }
    }
    let second_is_small = letters.as_bytes()[1].is_ascii_lowercase();
    let is_charged = letters.len() == 2 && rest.contains(['+', '-']);
    let species = if second_is_small || letters.len() == 2 { long } else { short };
    Some(Reading { is_ambiguous: !second_is_small && !is_charged, ..Reading::plain(species) })
}

/// Whether a name stands for several elements, or for less or more than one atom: `Al/Si`, `Fe0.5Ni0.5`, `Li0.5`, `FeNi1`,
/// `H2O`. Names of sites that only look so are told by the formula: of two elements both have to be in it.
pub(crate) fn is_several(text: &str, is_symbol: bool, formula: Option<&Formula>) -> bool {
    let text = text.trim();
    let is_here = |species: &Species| formula.is_none_or(|formula| formula.contains(*species));
    let differ = |one: Option<Species>, other: Option<Species>| matches!((one, other), (Some(one), Some(other)) if one != other && is_here(&one) && is_here(&other));
    // Between these, each an element: Al/Si, Fe+Ni, Si,Al.
    let mut named = text.split(['/', ',', '+', '&', ';', '|']).filter_map(|piece| exact(leading_letters(piece)));
    if let Some(first) = named.next()
        && named.any(|other| differ(Some(first), Some(other)))
    {
        return true;
    }
    let letters = leading_letters(text);
    let rest = &text[letters.len()..];
    // A part of an atom: Li0.5, Nb0.9Ti0.1. A charge may have a fraction too: it ends with its sign.
    let number = &rest[..rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count()];
    let after = &rest[number.len()..];
    if exact(letters).is_some()
        && (number.starts_with("0.") || number.starts_with('.'))
        && number.parse::<f64>().is_ok_and(|part| part > 0.0 && part < 1.0)
        && !after.starts_with(['+', '-'])
    {
        return true;
    }
    // A group of atoms: H2O. In labels letters behind digits tell sites apart.
    if is_symbol && exact(letters).is_some() && !number.is_empty() && exact(leading_letters(after)).is_some() {
        return true;
    }
    // The same with an element of two letters, which tells no sites apart: Fe1Ni1, Fe3Ni.
    let second = leading_letters(after);
    if !number.is_empty() && second.len() == 2 && differ(exact(letters), exact(second)) {
        return true;
    }
    // Elements in one word: FeNi1, FeNiCo. One of a single letter tells sites apart.
    let mut words = letters.as_bytes().chunks(2).map(|word| std::str::from_utf8(word).ok().and_then(exact));
    if letters.len().is_multiple_of(2)
        && words.clone().all(|word| word.is_some())
        && let Some(first) = words.next()
        && words.any(|other| differ(first, other))
    {
        return true;
    }
    // An element or nothing: NaVac.
    let beside = letters.strip_suffix("Vac").or_else(|| letters.strip_suffix("Va"));
    let has_vanadium = || formula.is_some_and(|formula| Species::from_symbol("V").is_some_and(|v| formula.contains(v)));
    beside.is_some_and(|beside| exact(beside).is_some()) && !has_vanadium()
}

/// An element written as it should be: a capital, and perhaps a small letter.
fn exact(letters: &str) -> Option<Species> {
    let is_written_so = match letters.as_bytes() {
        [one] => one.is_ascii_uppercase(),
        [one, two] => one.is_ascii_uppercase() && two.is_ascii_lowercase(),
        _ => false,
    };
    Species::from_symbol(letters).filter(|_| is_written_so)
}

/// The element that a type symbol stands for, and whether it is an isotope of hydrogen: `Ti`, `TI`, `Ti4+`, `O2-`, `D`.
/// `None` for what is no element: a vacancy, a group such as `NH4`.
pub fn element_of_symbol(text: &str) -> Option<(Species, bool)> {
    from_type_symbol(text, None).map(|reading| (reading.species, reading.is_isotope))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str, formula: &str) -> Option<(&'static str, bool)> {
        let formula = (!formula.is_empty()).then(|| Formula::parse(formula, 1));
        from_label(text, formula.as_ref()).map(|reading| (reading.species.symbol(), reading.is_ambiguous))
    }

    #[test]
    fn type_symbols_are_read_in_any_case_and_with_charges() {
        for (text, symbol) in
            [("Ti", "Ti"), ("TI", "Ti"), ("ti", "Ti"), ("Ti4+", "Ti"), ("O-2", "O"), ("Ti0+", "Ti"), ("D", "H")]
        {
            assert_eq!(from_type_symbol(text, None).unwrap().species.symbol(), symbol);
        }
        assert!(from_type_symbol("D1+", None).unwrap().is_isotope);
        for text in ["Wat", "OH", "NH4", "Xx", "Va", "", "1H", "?", "M", "é"] {
            assert_eq!(from_type_symbol(text, None), None, "{text}");
        }
        assert_eq!(from_type_symbol("NO3", Some(&Formula::parse("Na N O3", 1))), None);
    }

    #[test]
    fn names_of_several_elements_or_parts_of_atoms_are_told_from_names_of_sites() {
        let several = |text: &str, formula: &str| {
            let formula = (!formula.is_empty()).then(|| Formula::parse(formula, 1));
            is_several(text, false, formula.as_ref())
        };
        for text in [
            "Al/Si",
            "Si/Al1",
            "Si,Al",
            "Fe+Ni",
            "Fe+Ni1",
            "Fe3+/Ni2+",
            "Fe0.5Ni0.5",
            "Nb0.9Ti0.1",
            "Li0.5",
            "Na.5",
            "FeNi1",
            "SiAl",
            "Ca;Sr",
            "Mg|Fe",
            "K&Na",
            "FeNiCo",
            "FeNiCo1",
            "FeNiCoCr1",
            "Fe1Ni1",
            "Fe3Ni",
            "Fe50Ni50",
            "NaVac",
            "LiVa1",
        ] {
            assert!(several(text, "") && is_several(text, true, None), "{text}");
        }
        for text in [
            "Fe1", "Fe3+", "O2-", "O1A", "O1W", "H2O", "C1B", "OW1", "HO1", "CAB", "OBR", "Fe2.5+", "Fe1.5", "Na0.5+",
            "Fe2+Fe3+", "Fe/1", "Fe/", "SiT1", "Wat", "O-H2", "CO1", "Si_a", "Na+", "", "é/Na", "Fe/FE", "N1,2", "Vac",
            "Va1", "V1a", "Fe1Fe2", "FeFeFe", "Fe1A", "Fe12Aa", "O1Xx", "CoCoA", "Na1a",
        ] {
            assert!(!several(text, ""), "{text}");
        }
        assert!(!several("LiVa1", "Li V O2") && several("LiVa1", "Li O2") && !several("Fe1Ni", "Fe2 O3"));
        // The second is no element of the compound, so it tells sites apart.
        assert!(!several("O1/B", "Fe2 O3") && several("O1/B", "Fe B O3") && !several("SiAl1", "Si O2"));
        for symbol in ["H2O", "C6H6", "N1H4", "Nb0.9Ti0.1"] {
            assert!(is_several(symbol, true, None), "{symbol}");
        }
        for symbol in ["Ti4+", "O2-", "Fe", "O-2", "Cu1+", "Ti0.5+", "NO3", "C1", "Fe2a"] {
            assert!(!is_several(symbol, true, None), "{symbol}");
        }
    }

    #[test]
    fn labels_are_read_with_the_help_of_the_formula() {
        for (text, formula, symbol) in [
            ("Fe1", "", "Fe"),
            ("NA+", "", "Na"),
            ("OW1", "", "O"),
            ("HW1a", "", "H"),
            ("Fe_2", "", "Fe"),
            ("IN", "In Sb", "In"),
            ("HO1", "C H4 O", "H"),
            ("CD2", "C2 H6", "C"),
            ("CAB", "C2 H6", "C"),
            ("SiT1", "", "Si"),
            ("OBR", "", "O"),
            ("KA", "", "K"),
            ("Wat", "", "O"),
            ("O-H2", "V O3 H2", "O"),
            ("D1", "D2 O", "H"),
            ("NH4", "", "N"),
        ] {
            assert_eq!(label(text, formula), Some((symbol, false)), "{text}");
        }
        assert_eq!(label("CA1", ""), Some(("Ca", true)));
        assert_eq!((label("Va1", ""), label("Va1", "V O2")), (Some(("V", true)), Some(("V", false))));
        assert_eq!(label("CO1", ""), Some(("Co", true)));
        assert_eq!(label("CAB", ""), Some(("C", true)));
        for (text, formula) in
            [("T1", "Si O2"), ("M2", ""), ("Q", ""), ("", ""), ("1", ""), ("Va", "Ti O2"), ("Vac", "")]
        {
            assert_eq!(label(text, formula), None, "{text}");
        }
    }
}
