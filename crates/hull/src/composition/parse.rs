//! Formulas: `Al1 Ga1 N2`, `Ca(OH)2`, `Fe3+2 O2-3`.

use super::amounts::{Composition, CompositionError};
use mlip_atoms::Species;
use std::sync::LazyLock;

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 64;

/// Atomic numbers by the letters of symbols; zero where no element has them.
static BY_LETTERS: LazyLock<[u8; 26 * 27]> = LazyLock::new(|| {
    let mut table = [0; 26 * 27];
    for element in (1..=118).filter_map(Species::from_atomic_number) {
        if let Some(slot) = slot(element.symbol()).and_then(|slot| table.get_mut(slot)) {
            *slot = element.atomic_number();
        }
    }
    table
});

fn slot(symbol: &str) -> Option<usize> {
    let (first, second) = match *symbol.as_bytes() {
        [first] => (first, None),
        [first, second] => (first, Some(second)),
        _ => return None,
    };
    let second = match second {
        Some(letter) if letter.is_ascii_lowercase() => usize::from(letter - b'a') + 1,
        Some(_) => return None,
        None => 0,
    };
    first.is_ascii_uppercase().then(|| usize::from(first - b'A') * 27 + second)
}

/// The element with this symbol; deuterium and tritium are hydrogen.
fn element_of_symbol(symbol: &str) -> Option<Species> {
    let symbol = if matches!(symbol, "D" | "T") { "H" } else { symbol };
    BY_LETTERS.get(slot(symbol)?).copied().and_then(Species::from_atomic_number)
}

/// An element of a list of species: `Fe`, `Fe3+`, `Fe3+,spin=5`. What follows the symbol says nothing of the element.
///
/// # Errors
/// When the text does not begin with the symbol of an element.
pub fn parse_element(text: &str) -> Result<Species, CompositionError> {
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
    let (symbol, rest) = trimmed.split_at(end);
    let of_charge = rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | ','));
    element_of_symbol(symbol).filter(|_| of_charge).ok_or_else(|| CompositionError::UnknownElement {
        text: text.into(),
        symbol: trimmed.into(),
        place: 1,
    })
}

/// Reads a formula, as pymatgen's `Composition` does, and formulas of charged species too.
///
/// Symbols with amounts, blanks between or not; amounts are decimal numbers, one if there is none; parentheses, brackets
/// and braces with a factor, nested or not; `@` between the parts of an endohedral compound. Amounts are kept as they
/// are: `Al2 N2` stays four atoms.
///
/// Charges (`Fe3+`, `O2-`, `Li+`) stand between symbol and amount as pymatgen writes them, each species between blanks,
/// and are dropped: `Fe3+2 O2-3` is `Fe2O3`. A sign anywhere else might mean something else (`CaSO4-2H2O`, `NH4+`) and
/// is an error.
///
/// # Errors
/// When the text is no formula: with the text and the place.
pub fn parse_composition(text: &str) -> Result<Composition, CompositionError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
    let mut amounts = Vec::with_capacity(8);
    reader.group(&mut amounts, None, 0)?;
    Composition::from_amounts(amounts, text)
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Species and groups, up to the bracket that ends the group or to the end of the text.
    fn group(
        &mut self,
        amounts: &mut Vec<(Species, f64)>,
        closing: Option<u8>,
        depth: usize,
    ) -> Result<(), CompositionError> {
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b'@') => self.at += 1,
                Some(open @ (b'(' | b'[' | b'{')) if depth < MAX_DEPTH => {
                    self.at += 1;
                    let begin = amounts.len();
                    let closing = if open == b'(' { b')' } else { open + 2 };
                    self.group(amounts, Some(closing), depth + 1)?;
                    self.skip_blanks();
                    let factor = self.number()?.unwrap_or(1.0);
                    amounts.iter_mut().skip(begin).for_each(|(_, amount)| *amount *= factor);
                }
                Some(b'A'..=b'Z') => amounts.push(self.species()?),
                found if found == closing => {
                    self.at += usize::from(found.is_some());
                    return Ok(());
                }
                _ => {
                    return Err(self.unexpected(if closing.is_some() {
                        "an element or the end of the bracket"
                    } else {
                        "an element"
                    }));
                }
            }
        }
    }

    /// A symbol, its charge if there is one, its amount.
    fn species(&mut self) -> Result<(Species, f64), CompositionError> {
        let begin = self.at;
        self.at += 1;
        while self.peek().is_some_and(|byte| byte.is_ascii_lowercase()) {
            self.at += 1;
        }
        let symbol = self.text.get(begin..self.at).unwrap_or_default();
        let element = element_of_symbol(symbol).ok_or_else(|| CompositionError::UnknownElement {
            text: self.text.into(),
            symbol: symbol.into(),
            place: self.place(begin),
        })?;
        let before = begin.checked_sub(1).and_then(|before| self.bytes.get(before));
        if before.is_none_or(u8::is_ascii_whitespace)
            && let Some(amount) = self.charge_and_amount()
        {
            return Ok((element, amount));
        }
        self.skip_blanks();
        Ok((element, self.number()?.unwrap_or(1.0)))
    }

    /// Goes past a number with a sign and the amount behind it, up to a blank or the end of the text; goes nowhere if
    /// something else stands there. A number without sign is an amount.
    fn charge_and_amount(&mut self) -> Option<f64> {
        let begin = self.at;
        let amount = self.sign_and_amount();
        if amount.is_none() || self.peek().is_some_and(|byte| !byte.is_ascii_whitespace()) {
            self.at = begin;
            return None;
        }
        amount
    }

    fn sign_and_amount(&mut self) -> Option<f64> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        if !matches!(rest.get(digits), Some(b'+' | b'-')) {
            return None;
        }
        self.at += digits + 1;
        Some(self.number().ok()?.unwrap_or(1.0))
    }

    /// A decimal number without sign; an exponent only with digits.
    fn number(&mut self) -> Result<Option<f64>, CompositionError> {
        let begin = self.at;
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while reader.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                reader.at += 1;
            }
            reader.at > from
        };
        digits(self);
        if self.peek() == Some(b'.') {
            self.at += 1;
            digits(self);
        }
        if self.at == begin {
            return Ok(None);
        }
        if self.peek() == Some(b'e') {
            let before = self.at;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !digits(self) {
                self.at = before;
            }
        }
        let number = self.text.get(begin..self.at).unwrap_or_default().parse().ok();
        if number.is_none() {
            self.at = begin;
            return Err(self.unexpected("an amount"));
        }
        Ok(number)
    }

    /// The number of the character at a byte, from 1.
    fn place(&self, byte: usize) -> usize {
        self.text.get(..byte).map_or(byte, |before| before.chars().count()) + 1
    }

    fn unexpected(&self, expected: &'static str) -> CompositionError {
        let found = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(character) => format!("`{character}`"),
            None if self.text.trim().is_empty() => return CompositionError::Empty { text: self.text.into() },
            None => "its end".into(),
        };
        CompositionError::Syntax { text: self.text.into(), found, expected, place: self.place(self.at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> String {
        match parse_composition(text) {
            Ok(composition) => composition.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn formulas_of_all_kinds_are_read() {
        for (text, expected) in [
            ("Al1 Ga1 N2", "AlGaN2"),
            ("Fe2O3", "Fe2O3"),
            ("Ca(OH)2", "CaH2O2"),
            ("K4[Fe(CN)6]", "C6FeK4N6"),
            ("Li0.5 Co O2.0", "CoLi0.5O2"),
            ("(Li0.5Na0.5)2 O", "LiNaO"),
            ("Y3N@C80", "C80NY3"),
            ("Fe3+", "Fe"),
            ("Fe3+2 O2-3", "Fe2O3"),
            ("Li+ Fe2.5+0.5", "Fe0.5Li"),
            ("Na+4 Cl-4", "Cl4Na4"),
            ("Xe0+1", "Xe"),
            ("NaNa", "Na2"),
            ("D2O", "H2O"),
            ("Fe 2 O 3", "Fe2O3"),
            ("Fe1e-1O", "Fe0.1O"),
            ("Fe0 O", "O"),
            ("Fe.5", "Fe0.5"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, expected) in [
            ("", "the composition `` holds no atom"),
            ("Fe0", "the composition `Fe0` holds no atom"),
            ("Xx2O", "`Xx` in the composition `Xx2O`, character 1, is no element"),
            ("Fe2o3", "the composition `Fe2o3` has `o` at character 4, where an element was expected"),
            ("3Fe", "the composition `3Fe` has `3` at character 1, where an element was expected"),
            (
                "Ca(OH",
                "the composition `Ca(OH` has its end at character 6, where an element or the end of the bracket was expected",
            ),
            ("CaOH)2", "the composition `CaOH)2` has `)` at character 5, where an element was expected"),
            ("Fe₂", "the composition `Fe₂` has `₂` at character 3, where an element was expected"),
            ("Fe.", "the composition `Fe.` has `.` at character 3, where an amount was expected"),
            ("CuSO4*5H2O", "the composition `CuSO4*5H2O` has `*` at character 6, where an element was expected"),
            ("Fe-2O3", "the composition `Fe-2O3` has `-` at character 3, where an element was expected"),
            ("CaSO4-2H2O", "the composition `CaSO4-2H2O` has `-` at character 6, where an element was expected"),
            ("Fe3+2O2-3", "the composition `Fe3+2O2-3` has `+` at character 4, where an element was expected"),
            ("NH4+", "the composition `NH4+` has `+` at character 4, where an element was expected"),
            ("CaSO4-2", "the composition `CaSO4-2` has `-` at character 6, where an element was expected"),
            ("Na+Cl-", "the composition `Na+Cl-` has `+` at character 3, where an element was expected"),
            ("Fe3+ 2", "the composition `Fe3+ 2` has `2` at character 6, where an element was expected"),
            ("Fe++", "the composition `Fe++` has `+` at character 3, where an element was expected"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        assert!(parse_composition("Fe1e999").is_err());
        assert!(parse_composition(&"(".repeat(100_000)).is_err());
    }

    #[test]
    fn elements_of_lists_lose_their_charge() {
        for text in ["Fe", " Fe3+", "Fe2.5+", "Fe+", "Fe-", "Fe3+,spin=5"] {
            assert_eq!(parse_element(text).unwrap().symbol(), "Fe", "{text}");
        }
        assert_eq!(parse_element("D").unwrap().symbol(), "H");
        for text in ["", "fe", "X", "Fe O", "3+", "Fe(3)"] {
            assert!(parse_element(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[A-Za-z0-9()\\[\\]{}+. @é-]{0,24}") {
            let _ = parse_composition(&text);
            let _ = parse_element(&text);
        }
    }
}
