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
//! are kept too, as ASE and fairchem write them. All other keys are ignored. Of a key that stands there twice the last counts,
//! as in ASE; `D` and `T` are hydrogen.

use crate::Parsed;
use crate::comment_line::key_values;
use crate::text::{Lines, MAX_ATOMS, element_or_isotope, failure, isotope, number, spin, whole};
use mlip_atoms::{Failure, Lattice, Species, Structure};

const SYNTAX: &str = "xyz_syntax";

/// Where species and positions stand in the columns of the atoms.
#[derive(Debug, PartialEq)]
struct Columns {
    /// One of these two at least.
    symbol: Option<usize>,
    number: Option<usize>,
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
    let value = |name: &str| {
        let exact = pairs.iter().rfind(|(key, _)| key == name);
        let found = exact.or_else(|| pairs.iter().rfind(|(key, _)| key.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value.as_str())
    };
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
        let (one, is_isotope) = columns.species(&words, lines.number())?;
        if is_isotope && !warnings.iter().any(|(class, _)| class == "isotope") {
            warnings.push(isotope());
        }
        species.push(one);
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

impl Columns {
    /// The element of an atom, and whether it is an isotope of hydrogen.
    fn species(&self, words: &[&str], line: u32) -> Result<(Species, bool), Failure> {
        let by_number = |column: usize| {
            let number = words[column].parse().ok().and_then(Species::from_atomic_number);
            number.ok_or_else(|| {
                let cause = format!("{:?} is no atomic number", words[column]);
                failure("unknown_element", line, cause, "write 1 to 118")
            })
        };
        let Some(column) = self.symbol else { return Ok((by_number(self.number.unwrap_or(0))?, false)) };
        let word = words[column];
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            let cause = format!("the species is {word:?}: a type of atoms, which says nothing of the element");
            let remedy = "write symbols (in LAMMPS dump_modify element), or atomic numbers in a column Z:I:1";
            return Err(failure("unknown_element", line, cause, remedy));
        }
        let (species, is_isotope) = element_or_isotope(word, line)?;
        match self.number.map(by_number).transpose()? {
            Some(other) if other != species => {
                let cause = format!("the species is {word:?}, and the atomic number that of {other}");
                Err(failure("unknown_element", line, cause, "leave out one of the two columns, or correct it"))
            }
            _ => Ok((species, is_isotope)),
        }
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
    // One array of nine numbers, or three rows of three.
    let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']');
    let words: Vec<&str> = text.split(is_between).filter(|word| !word.is_empty()).collect();
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
    let (mut symbol, mut number, mut position, mut total) = (None, None, None, 0usize);
    for triple in words.chunks(3) {
        let [name, kind, count] = triple else { return Err(refuse(format!("Properties is {text:?}, not triples"))) };
        if !matches!(*kind, "R" | "I" | "S" | "L") {
            return Err(refuse(format!("Properties gives {name:?} the type {kind:?}, not R, I, S or L")));
        }
        let count: usize =
            count.parse().map_err(|_| refuse(format!("Properties gives {name:?} {count:?} columns, not a number")))?;
        match (name.to_ascii_lowercase().as_str(), count) {
            ("species" | "element" | "symbols", 1) => symbol = Some(total),
            ("z" | "numbers", 1) => number = Some(total),
            ("pos" | "positions", 3) => position = Some(total),
            _ => {}
        }
        total = total.saturating_add(count).min(10_000);
    }
    match position {
        Some(position) if symbol.is_some() || number.is_some() => Ok(Columns { symbol, number, position, total }),
        _ => Err(refuse(format!("Properties {text:?} has no species:S:1 or no pos:R:3"))),
    }
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
    fn the_lattice_may_be_three_rows_and_the_last_of_two_counts() {
        let lattice = |value: &str| {
            let text = format!("1\nLattice=\"9 0 0 0 9 0 0 0 9\" {value} x=[[1, 2], [3, 4]]\nH 0 0 0\n");
            parse_xyz(text.as_bytes()).map(|(structure, _)| *structure.lattice().vectors())
        };
        let expected = [[4.0, 0.0, 0.0], [0.5, 5.0, 0.0], [0.0, 1.0, 6.0]];
        for value in [
            "Lattice=[[4,0,0],[0.5,5,0],[0,1,6]]",
            "Lattice = [ [4, 0, 0], [0.5, 5, 0], [0, 1, 6] ]",
            "Lattice=[4, 0, 0, 0.5, 5, 0, 0, 1, 6]",
            "Lattice = \"4 0 0 0.5 5 0 0 1 6\"",
            "Lattice= {4 0 0 0.5 5 0 0 1 6}",
            "\"Lattice\"='4,0,0,0.5,5,0,0,1,6'",
        ] {
            assert_eq!(lattice(value).unwrap(), expected, "{value}");
        }
        assert!(lattice("Lattice=[[4,0,0],[0.5,5,0]]").unwrap_err().message.contains("6 numbers, not 9"));
    }

    #[test]
    fn what_names_no_element_or_two_is_refused() {
        let frame = |properties: &str, atom: &str| {
            let text = format!("1\nLattice=\"9 0 0 0 9 0 0 0 9\" Properties={properties}\n{atom}\n");
            parse_xyz(text.as_bytes()).map(|(structure, remarks)| (structure.formula(), remarks.len()))
        };
        let said = |properties: &str, atom: &str| frame(properties, atom).unwrap_err().message;
        assert!(said("species:S:1:pos:R:3", "1 0 0 0").contains("a type of atoms"));
        assert!(said("Z:I:1:pos:R:3", "0 0 0 0").contains("no atomic number"));
        assert!(said("species:S:1:pos:R:3:Z:I:1", "Fe 0 0 0 7").contains("that of N"));
        assert!(said("species:X:1:pos:R:3", "Fe 0 0 0").contains("the type \"X\""));
        assert_eq!(frame("species:S:1:pos:R:3:Z:I:1", "Fe 0 0 0 26").unwrap(), ("Fe".into(), 0));
        assert_eq!(frame("species:S:1:pos:R:3", "D 0 0 0").unwrap(), ("H".into(), 1));
    }
}
