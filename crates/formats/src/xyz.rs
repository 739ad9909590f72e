//! Extended XYZ: one frame.
//!
//! ```text
//! 2
//! Lattice="4.2 0 0 0 4.2 0 0 0 4.2" Properties=species:S:1:pos:R:3 pbc="T T T"
//! Na 0.0 0.0 0.0
//! Cl 2.1 2.1 2.1
//! ```
//!
//! Axes and positions are Cartesian, in Å, and are kept as they are. `charge=` (elementary charges) and `spin=` (multiplicity)
//! are kept too, as ASE and fairchem write them. All other keys are ignored.

use crate::Parsed;
use crate::text::{Lines, MAX_ATOMS, element, failure, number, spin, whole};
use mlip_atoms::{Failure, Lattice, Species, Structure};

const SYNTAX: &str = "xyz_syntax";

/// Where species and positions stand in the columns of the atoms.
#[derive(Debug, PartialEq)]
struct Columns {
    species: usize,
    is_atomic_number: bool,
    position: usize,
    total: usize,
}

/// Reads the first frame of a text.
///
/// # Errors
/// When it is cut short, has no lattice, or holds something that is no number or element.
pub fn parse_xyz(bytes: &[u8]) -> Result<Parsed, Failure> {
    let mut lines = Lines::new(bytes);
    let first = lines.next().unwrap_or_default();
    let n_atoms: usize = first.parse().map_err(|_| {
        failure(
            SYNTAX,
            1,
            format!("a frame begins with its number of atoms, not with {:?}", shortened(&first)),
            "look for a frame before it whose number of atoms does not fit its lines",
        )
    })?;
    if n_atoms > MAX_ATOMS {
        let cause = format!("{n_atoms} atoms are more than {MAX_ATOMS}");
        return Err(failure("too_large", 1, cause, "choose a smaller cell"));
    }
    let cut = |line| failure(SYNTAX, line, "the frame is cut short", "write it again, or correct the number of atoms");
    let comment = lines.next().ok_or_else(|| cut(1))?;
    let pairs = key_values(&comment);
    let value = |name: &str| pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    let lattice = read_lattice(value("Lattice"))?;
    let columns = read_columns(value("Properties").unwrap_or("species:S:1:pos:R:3"))?;
    let mut warnings = Vec::new();
    if let Some(pbc) = value("pbc").filter(|pbc| pbc.split([' ', ',', '[', ']']).any(is_false)) {
        let message = format!("pbc is {pbc:?}; the structure is computed as periodic in all three directions");
        warnings.push(("not_periodic".to_owned(), message));
    }
    let charge = value("charge").map(|text| whole(text, 2, "charge")).transpose()?;
    let spin = value("spin").map(|text| spin(whole(text, 2, "spin")?, 2)).transpose()?;
    let (mut species, mut positions) = (Vec::with_capacity(n_atoms), Vec::with_capacity(n_atoms));
    for _ in 0..n_atoms {
        let line = lines.next().ok_or_else(|| cut(lines.number()))?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if words.len() < columns.total {
            let cause = format!("an atom has {} columns, not {}", words.len(), columns.total);
            return Err(failure(SYNTAX, lines.number(), cause, "correct the line, the number of atoms or Properties"));
        }
        species.push(read_species(words[columns.species], columns.is_atomic_number, lines.number())?);
        let mut position = [0.0; 3];
        for (component, word) in position.iter_mut().zip(&words[columns.position..]) {
            *component = number(word, lines.number(), "a position")?;
        }
        positions.push(lattice.fractional(position));
    }
    let structure = Structure::new(lattice, species, positions)
        .map_err(|error| failure(SYNTAX, 1, error.to_string(), "correct the frame"))?;
    Ok((structure.with_charge(charge).with_spin(spin), warnings))
}

fn shortened(text: &str) -> String {
    text.chars().take(30).collect()
}

fn is_false(word: &str) -> bool {
    ["f", "false", "0"].iter().any(|no| word.eq_ignore_ascii_case(no))
}

fn read_species(word: &str, is_atomic_number: bool, line: u32) -> Result<Species, Failure> {
    let by_number = word.parse().ok().and_then(Species::from_atomic_number);
    match by_number {
        Some(species) => Ok(species),
        None if is_atomic_number => {
            Err(failure("unknown_element", line, format!("{word:?} is no atomic number"), "write 1 to 118"))
        }
        None => element(word, line),
    }
}

fn read_lattice(value: Option<&str>) -> Result<Lattice, Failure> {
    let Some(text) = value else {
        return Err(failure(
            "cell_missing",
            2,
            "the frame has no Lattice=\"…\" in its second line: a molecule, not a crystal",
            "write it as extended XYZ with a lattice (a large box around a molecule)",
        ));
    };
    let words: Vec<&str> = text.split([' ', '\t', ',']).filter(|word| !word.is_empty()).collect();
    if words.len() != 9 {
        let cause = format!("Lattice has {} numbers, not 9", words.len());
        return Err(failure("cell_invalid", 2, cause, "give three vectors of three components"));
    }
    let mut vectors = [[0.0; 3]; 3];
    for (component, word) in vectors.iter_mut().flatten().zip(words) {
        *component = number(word, 2, "Lattice")?;
    }
    Lattice::from_vectors(vectors)
        .map_err(|error| failure("cell_invalid", 2, error.to_string(), "correct the lattice vectors"))
}

/// `species:S:1:pos:R:3:forces:R:3`: name, type, number of columns, again and again.
fn read_columns(text: &str) -> Result<Columns, Failure> {
    let refuse = |cause: String| failure(SYNTAX, 2, cause, "write for example Properties=species:S:1:pos:R:3");
    let words: Vec<&str> = text.split(':').collect();
    let (mut species, mut position, mut total) = (None, None, 0usize);
    for triple in words.chunks(3) {
        let [name, _, count] = triple else { return Err(refuse(format!("Properties is {text:?}, not triples"))) };
        let count: usize =
            count.parse().map_err(|_| refuse(format!("Properties gives {name:?} {count:?} columns, not a number")))?;
        match (name.to_ascii_lowercase().as_str(), count) {
            ("species" | "element", 1) => species = Some((total, false)),
            ("z" | "numbers", 1) => species = species.or(Some((total, true))),
            ("pos" | "positions", 3) => position = Some(total),
            _ => {}
        }
        total = total.saturating_add(count).min(10_000);
    }
    match (species, position) {
        (Some((species, is_atomic_number)), Some(position)) => {
            Ok(Columns { species, is_atomic_number, position, total })
        }
        _ => Err(refuse(format!("Properties {text:?} has no species:S:1 or no pos:R:3"))),
    }
}

/// `key=value` pairs of a comment line; values may be quoted by `"…"`, `'…'`, `{…}` or `[…]`.
fn key_values(line: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let Some(value) = after.strip_prefix('=') else {
            rest = after.trim_start();
            if end == 0 && rest.len() == after.len() {
                break;
            }
            continue;
        };
        let close = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => Some(quote),
            Some('{') => Some('}'),
            Some('[') => Some(']'),
            _ => None,
        };
        let (text, after) = match close {
            Some(close) => {
                let inside = &value[1..];
                inside.split_once(close).unwrap_or((inside, ""))
            }
            None => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        pairs.push((key, text));
        rest = after.trim_start();
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "2\nid=\"a b\" Lattice=\"4.0 0 0 0 5.0 0 1.0 0 6.0\" Properties=species:S:1:pos:R:3:forces:R:3 \
                        flag pbc=\"T T T\"\nNa 0 0 0 1 2 3\nCl 2.0 2.5 3.0 4 5 6\n";

    #[test]
    fn a_frame_is_read_with_its_own_axes() {
        let (structure, warnings) = parse_xyz(SALT.as_bytes()).unwrap();
        assert_eq!(structure.formula(), "ClNa");
        assert_eq!(structure.lattice().vectors()[2], [1.0, 0.0, 6.0]);
        let back = structure.cartesian()[1];
        assert!(back.iter().zip([2.0, 2.5, 3.0]).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-14), "{back:?}");
        assert!(warnings.is_empty());
    }

    #[test]
    fn charge_and_spin_come_with_the_frame() {
        let read = |pairs: &str| parse_xyz(SALT.replace("flag", pairs).as_bytes());
        let of = |pairs: &str| read(pairs).map(|(structure, _)| (structure.charge(), structure.spin())).unwrap();
        assert_eq!(of("flag"), (None, None));
        assert_eq!(of("charge=-1 spin=2"), (Some(-1), Some(2)));
        assert_eq!(of("charge=1.0 spin=\"0\""), (Some(1), Some(0)));
        let refused = |pairs: &str| {
            let failure = read(pairs).unwrap_err();
            (failure.line, failure.message)
        };
        let message =
            "charge is \"abc\", which is not a whole number; write a whole number, for example -1, or leave it out";
        assert_eq!(refused("charge=abc"), (Some(2), message.to_owned()));
        assert!(refused("spin=0.5").1.contains("spin is \"0.5\"") && refused("spin=-1").1.contains("no multiplicity"));
    }

    #[test]
    fn columns_may_come_in_any_order() {
        let text = "1\nLattice={3 0 0 0 3 0 0 0 3} Properties=pos:R:3:tag:I:1:Z:I:1 pbc=[T, T, F]\n1 1 1 7 26\n";
        let (structure, warnings) = parse_xyz(text.as_bytes()).unwrap();
        assert_eq!(structure.formula(), "Fe");
        assert_eq!(warnings[0].0, "not_periodic");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let of = |text: &str| {
            let failure = parse_xyz(text.as_bytes()).unwrap_err();
            (failure.kind.to_string(), failure.line.unwrap_or(0))
        };
        let class = |class: &str, line| (class.to_owned(), line);
        assert_eq!(of("2\nplain\nH 0 0 0\nH 0 0 1\n"), class("cell_missing", 2));
        assert_eq!(of(&SALT.replace("Cl ", "Qq ")), class("unknown_element", 4));
        assert_eq!(of(&SALT.replace("2.5", "2,5")), class("bad_number", 4));
        assert_eq!(of(&SALT.replace("2\nid", "3\nid")), class(SYNTAX, 4));
        assert_eq!(of(&SALT.replace(" 6\n", "\n")), class(SYNTAX, 4));
        assert_eq!(of(&SALT.replace("5.0", "0.0")), class("cell_invalid", 2));
        assert_eq!(of(&SALT.replace("pos:R:3", "pos:R")), class(SYNTAX, 2));
        assert_eq!(of("x"), class(SYNTAX, 1));
        assert_eq!(of(""), class(SYNTAX, 1));
        assert_eq!(of("999999999\n"), class("too_large", 1));
        assert_eq!(of("0\nLattice=\"1 0 0 0 1 0 0 0 1\"\n"), class(SYNTAX, 1));
    }

    #[test]
    fn odd_comments_end() {
        assert_eq!(key_values("=  a = b='c d' e=\"open"), [("", ""), ("", ""), ("b", "c d"), ("e", "open")]);
    }
}
