//! What the readers of line-based formats share: numbered lines, numbers, elements, failures.

use mlip_atoms::{Failure, FailureKind, Species};

/// Largest cell that is read, as for CIFs.
pub(crate) const MAX_ATOMS: usize = 250_000;

/// The lines of a text, from 1; ends may be LF, CR LF or CR.
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
    number: u32,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes), number: 0 }
    }

    /// The number of the line that [`next`](Self::next) gave last.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The next line, without blanks at its ends; bytes that are not UTF-8 are replaced.
    pub(crate) fn next(&mut self) -> Option<std::borrow::Cow<'a, str>> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = self.rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(self.rest.len());
        let line = &self.rest[..end];
        let is_pair = self.rest[end..].starts_with(b"\r\n");
        self.rest = self.rest.get(end + 1 + usize::from(is_pair)..).unwrap_or_default();
        Some(String::from_utf8_lossy(line.trim_ascii()))
    }
}

/// A failure of a reader: class, line, cause and remedy.
pub(crate) fn failure(class: &str, line: u32, cause: impl AsRef<str>, remedy: &str) -> Failure {
    let message = format!("{}; {remedy}", cause.as_ref());
    Failure { kind: FailureKind::Cif(class.into()), line: Some(line), message }
}

/// A finite number; Fortran's `1.0D-3` too.
pub(crate) fn number(word: &str, line: u32, what: &str) -> Result<f64, Failure> {
    let parsed = word.parse::<f64>().or_else(|_| word.replace(['d', 'D'], "e").parse());
    match parsed {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(failure(
            "bad_number",
            line,
            format!("{what} is {word:?}, which is not a finite number"),
            "write a decimal number, for example 0.25 or 4.59",
        )),
    }
}

/// A charge or spin: a whole number, also as `1.0`.
pub(crate) fn whole(word: &str, line: u32, what: &str) -> Result<i32, Failure> {
    let number = word.trim().parse::<f64>().ok().and_then(whole_number);
    number.ok_or_else(|| {
        let cause = format!("{what} is {word:?}, which is not a whole number");
        failure("bad_number", line, cause, "write a whole number, for example -1, or leave it out")
    })
}

/// A charge or spin that stands beside a structure, in a cell of a table.
///
/// # Errors
/// When it is no whole number.
pub fn parse_whole(text: &str, what: &str) -> Result<i32, Failure> {
    whole(text, 1, what)
}

/// A spin multiplicity that stands beside a structure.
///
/// # Errors
/// When it is negative.
pub fn parse_spin(value: i32) -> Result<u32, Failure> {
    spin(value, 1)
}

/// A number without a fraction that an `i32` holds.
pub(crate) fn whole_number(number: f64) -> Option<i32> {
    let is_whole = number.fract() == 0.0 && (-1e9..=1e9).contains(&number);
    is_whole.then_some(number as i32)
}

/// A spin multiplicity: 0 means that it is not said.
pub(crate) fn spin(spin: i32, line: u32) -> Result<u32, Failure> {
    u32::try_from(spin).map_err(|_| {
        let cause = format!("the spin is {spin}, which is no multiplicity");
        failure("bad_number", line, cause, "write 1 for a singlet, 2 for a doublet, … or leave it out")
    })
}

/// Class and sentence of the remark that hydrogen has a mass of its own.
pub(crate) fn isotope() -> (String, String) {
    let said = "D and T are isotopes of hydrogen: potentials see hydrogen, its mass matters in dynamics";
    ("isotope".to_owned(), said.to_owned())
}

/// An element by its symbol, and whether that is one of an isotope of hydrogen.
pub(crate) fn element_or_isotope(word: &str, line: u32) -> Result<(Species, bool), Failure> {
    match word {
        "D" | "d" | "T" | "t" => Ok((element("H", line)?, true)),
        _ => Ok((element(word, line)?, false)),
    }
}

/// An element by its symbol, in any case.
pub(crate) fn element(word: &str, line: u32) -> Result<Species, Failure> {
    let mut symbol = word.to_ascii_lowercase();
    if let Some(first) = symbol.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Species::from_symbol(&symbol).ok_or_else(|| {
        failure("unknown_element", line, format!("{word:?} is not an element"), "write its symbol, for example Fe")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        let mut lines = Lines::new(b"\xef\xbb\xbfa\r\n b \r\n\nc\rd");
        let mut seen = Vec::new();
        while let Some(line) = lines.next() {
            seen.push((lines.number(), line.into_owned()));
        }
        let expected = [(1, "a"), (2, "b"), (3, ""), (4, "c"), (5, "d")].map(|(n, text)| (n, text.to_owned()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn numbers_are_finite_or_refused() {
        assert_eq!(number("-1.5D-1", 1, "x").unwrap(), -0.15);
        for word in ["nan", "inf", "1e999", "0,5", "", "d"] {
            assert_eq!(number(word, 3, "x").unwrap_err().line, Some(3), "{word}");
        }
        assert_eq!(element("fe", 1).unwrap().symbol(), "Fe");
        assert!(element("", 1).is_err() && element("é", 1).is_err() && element("Xx", 1).is_err());
    }
}
