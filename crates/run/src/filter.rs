//! `--where`: which structures of a run are taken, by numbers of its tables.
//!
//! `COLUMN OP NUMBER`, joined by `and`, which binds closer, and `or`. A value that is missing satisfies no comparison.

use std::fmt;
use thiserror::Error;

/// Conditions on the numbers of a structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    text: String,
    /// One of these holds; of each all hold.
    alternatives: Vec<Vec<Comparison>>,
}

/// A number of a table against one that was named.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    /// Of which potential.
    pub(crate) label: Option<String>,
    pub(crate) column: String,
    operator: Operator,
    number: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

const OPERATORS: [(&str, Operator); 7] = [
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=", Operator::Equal),
];

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}`, character {place}: {found} where {expected} is expected")]
pub struct FilterError {
    text: String,
    /// From 1.
    place: usize,
    found: String,
    expected: &'static str,
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Filter {
    /// Reads `e_above_hull < 0.1 and n_atoms <= 20`.
    ///
    /// # Errors
    /// Says what is found where something else is expected.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let words = words(text);
        let mut words = words.iter();
        let (mut alternatives, mut all) = (Vec::new(), Vec::new());
        let fail = |word: Option<&(usize, &str)>, expected| FilterError {
            text: text.into(),
            place: word.map_or(text.chars().count() + 1, |(byte, _)| text[..*byte].chars().count() + 1),
            found: word.map_or("nothing".into(), |(_, word)| format!("`{word}`")),
            expected,
        };
        loop {
            let word = words.next();
            let name = word.filter(|(_, word)| is_name(word)).ok_or_else(|| fail(word, "a column"))?.1;
            let (label, column) = match name.split_once(':') {
                Some((label, column)) => (Some(label.to_owned()), column),
                None => (None, name),
            };
            let word = words.next();
            let operator = word.and_then(|(_, word)| OPERATORS.iter().find(|(text, _)| text == word));
            let operator = operator.ok_or_else(|| fail(word, "<, <=, >, >=, = or !="))?.1;
            let word = words.next();
            let number = word.and_then(|(_, word)| number_of(word)).filter(|number| !number.is_nan());
            let number = number.ok_or_else(|| fail(word, "a number, true or false"))?;
            all.push(Comparison { label, column: column.to_owned(), operator, number });
            match words.next() {
                None => break,
                Some((_, "and")) => {}
                Some((_, "or")) => alternatives.push(std::mem::take(&mut all)),
                word => return Err(fail(word, "and, or, or the end")),
            }
        }
        alternatives.push(all);
        Ok(Self { text: text.into(), alternatives })
    }

    /// All comparisons, in their order.
    pub(crate) fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        self.alternatives.iter().flatten()
    }

    /// Whether a structure is taken; its values in the order of [`comparisons`](Self::comparisons).
    pub(crate) fn holds(&self, values: &[Option<f64>]) -> bool {
        let mut values = values.iter();
        // Every alternative uses up its own values.
        let held = self.alternatives.iter().map(|all| {
            let held = all.iter().map(|one| one.holds(values.next().copied().flatten()));
            held.fold(true, |sum, one| sum & one)
        });
        held.fold(false, |sum, one| sum | one)
    }
}

impl Comparison {
    fn holds(&self, value: Option<f64>) -> bool {
        let Some(value) = value else { return false };
        match self.operator {
            Operator::Less => value < self.number,
            Operator::LessOrEqual => value <= self.number,
            Operator::Greater => value > self.number,
            Operator::GreaterOrEqual => value >= self.number,
            Operator::Equal => value == self.number,
            Operator::NotEqual => value != self.number,
        }
    }
}

/// A number as filters and tables write it.
pub(crate) fn number_of(word: &str) -> Option<f64> {
    match word {
        "true" => Some(1.0),
        "false" => Some(0.0),
        word => word.parse().ok(),
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && !matches!(word, "and" | "or")
}

/// Words and operators, with the byte at which each begins.
fn words(text: &str) -> Vec<(usize, &str)> {
    let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return words };
        let end = rest.find(|c: char| c.is_whitespace() || is_sign(c) != is_sign(first)).unwrap_or(rest.len());
        words.push((text.len() - rest.len(), &rest[..end]));
        rest = &rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_binds_closer_than_or() {
        let filter = Filter::parse("a<1 or b >= -2.5e0 and lj:c!=true").unwrap();
        let names: Vec<_> = filter.comparisons().map(|one| (one.label.as_deref(), one.column.as_str())).collect();
        assert_eq!(names, [(None, "a"), (None, "b"), (Some("lj"), "c")]);
        for (values, holds) in [
            ([Some(0.0), None, None], true),
            ([Some(1.0), Some(-2.5), Some(0.0)], true),
            ([None, Some(-2.5), Some(1.0)], false),
            ([None, Some(-2.5), None], false),
            ([None, Some(-2.6), Some(0.0)], false),
        ] {
            assert_eq!(filter.holds(&values), holds, "{values:?}");
        }
    }

    #[test]
    fn what_is_no_filter_is_named_with_its_place() {
        for (text, expected) in [
            ("", "``, character 1: nothing where a column is expected"),
            ("a", "`a`, character 2: nothing where <, <=, >, >=, = or != is expected"),
            ("a => 1", "`a => 1`, character 3: `=>` where <, <=, >, >=, = or != is expected"),
            ("a < b", "`a < b`, character 5: `b` where a number, true or false is expected"),
            ("a < nan", "`a < nan`, character 5: `nan` where a number, true or false is expected"),
            ("a < 1 b < 2", "`a < 1 b < 2`, character 7: `b` where and, or, or the end is expected"),
            ("a < 1 and", "`a < 1 and`, character 10: nothing where a column is expected"),
            ("or < 1", "`or < 1`, character 1: `or` where a column is expected"),
            ("ä < 1 &", "`ä < 1 &`, character 1: `ä` where a column is expected"),
        ] {
            assert_eq!(Filter::parse(text).unwrap_err().to_string(), expected);
        }
    }
}
