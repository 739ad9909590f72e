//! VASP's POSCAR and CONTCAR, with element symbols (version 5 and later).
//!
//! ```text
//! a title
//! 1.0                    scale: a factor, minus the volume, or three factors for x, y, z
//! 4.2 0 0                lattice vectors as rows
//! 0 4.2 0
//! 0 0 4.2
//! Na Cl                  symbols; `Fe_pv` and `Fe/0123abcd` are Fe
//! 1 1                    how many of each
//! Selective dynamics     optional
//! Direct                 or Cartesian
//! 0.0 0.0 0.0  T T T
//! 0.5 0.5 0.5  F F F
//! ```
//!
//! What follows the positions (velocities, lattice velocities) is ignored.

use crate::Parsed;
use crate::text::{Lines, MAX_ATOMS, element_or_isotope, failure, isotope, number};
use mlip_atoms::{Failure, Lattice, Species, Structure};

const SYNTAX: &str = "poscar_syntax";

/// Reads a POSCAR.
///
/// # Errors
/// When it is cut short, names no elements, or holds something that is no number or element.
pub fn parse_poscar(bytes: &[u8]) -> Result<Parsed, Failure> {
    let mut lines = Lines::new(bytes);
    let mut line = |what: &str| match lines.next() {
        Some(text) => Ok((text.into_owned(), lines.number())),
        None => Err(failure(
            SYNTAX,
            lines.number().max(1),
            format!("the file ends before {what}"),
            "fetch or write the file again",
        )),
    };
    line("the title")?;
    let scale = read_scale(&line("the scale")?)?;
    let mut vectors = [[0.0; 3]; 3];
    for vector in &mut vectors {
        *vector = triple(&line("the lattice vectors")?, "a lattice vector")?;
    }
    let (vectors, scale) = scale.apply(vectors);
    let lattice = Lattice::from_vectors(vectors)
        .map_err(|error| failure("cell_invalid", 3, error.to_string(), "correct the lattice vectors"))?;
    let (species, has_isotope) = read_species(&line("the symbols")?, &line("the numbers of atoms")?)?;
    let (mut mode, mut number) = line("`Direct` or `Cartesian`")?;
    if mode.starts_with(['S', 's']) {
        (mode, number) = line("`Direct` or `Cartesian`")?;
    }
    let is_cartesian = match mode.chars().next() {
        Some('C' | 'c' | 'K' | 'k') => true,
        Some('D' | 'd') => false,
        _ => {
            let cause = format!("expected `Direct` or `Cartesian`, found {mode:?}");
            return Err(failure(SYNTAX, number, cause, "correct the line, or the line of the numbers of atoms"));
        }
    };
    let mut positions = Vec::with_capacity(species.len());
    for _ in 0..species.len() {
        let [x, y, z] = triple(&line("the position of the last atom")?, "a position")?;
        let position = [x, y, z];
        positions.push(if is_cartesian {
            lattice.fractional([x * scale[0], y * scale[1], z * scale[2]])
        } else {
            position
        });
    }
    let structure = Structure::new(lattice, species, positions)
        .map_err(|error| failure(SYNTAX, 7, error.to_string(), "correct the file"))?;
    Ok((structure, has_isotope.then(isotope).into_iter().collect()))
}

type NumberedLine = (String, u32);

enum Scale {
    Factors([f64; 3]),
    Volume(f64),
}

impl Scale {
    /// The scaled vectors, and the factors of Cartesian positions.
    fn apply(&self, vectors: [[f64; 3]; 3]) -> ([[f64; 3]; 3], [f64; 3]) {
        let factors = match self {
            Self::Factors(factors) => *factors,
            Self::Volume(volume) => {
                let [a, b, c] = vectors;
                let now = a[0] * (b[1] * c[2] - b[2] * c[1])
                    + a[1] * (b[2] * c[0] - b[0] * c[2])
                    + a[2] * (b[0] * c[1] - b[1] * c[0]);
                [(volume / now.abs()).cbrt(); 3]
            }
        };
        let scaled = vectors.map(|vector| [vector[0] * factors[0], vector[1] * factors[1], vector[2] * factors[2]]);
        (scaled, factors)
    }
}

fn read_scale((text, line): &NumberedLine) -> Result<Scale, Failure> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let refuse = |cause: String| failure(SYNTAX, *line, cause, "write a factor such as 1.0");
    let numbers = words.iter().take(3).map_while(|word| word.parse::<f64>().ok()).collect::<Vec<_>>();
    match numbers.as_slice() {
        [x, y, z] if [x, y, z].iter().all(|factor| **factor > 0.0) => Ok(Scale::Factors([*x, *y, *z])),
        // A comment may follow the factor.
        [one, ..] if *one > 0.0 && one.is_finite() => Ok(Scale::Factors([*one; 3])),
        [one, ..] if *one < 0.0 && one.is_finite() => Ok(Scale::Volume(-one)),
        _ => Err(refuse(format!("the scale is {text:?}, not a number other than zero"))),
    }
}

fn triple((text, line): &NumberedLine, what: &str) -> Result<[f64; 3], Failure> {
    let mut words = text.split_ascii_whitespace();
    let mut numbers = [0.0; 3];
    for value in &mut numbers {
        let word = words.next().ok_or_else(|| {
            failure(SYNTAX, *line, format!("{what} has less than three numbers"), "write the line again")
        })?;
        *value = number(word, *line, what)?;
    }
    Ok(numbers)
}

fn read_species(symbols: &NumberedLine, counts: &NumberedLine) -> Result<(Vec<Species>, bool), Failure> {
    let ((symbols, line), (counts, counts_line)) = (symbols, counts);
    if symbols.split_ascii_whitespace().next().is_none_or(|word| word.parse::<f64>().is_ok()) {
        return Err(failure(
            "poscar_no_symbols",
            *line,
            "line 6 holds no element symbols (VASP 4)",
            "write the symbols into a line before the numbers of atoms, as VASP 5 does",
        ));
    }
    let (mut species, mut has_isotope) = (Vec::new(), false);
    let mut counts = counts.split_ascii_whitespace();
    for symbol in symbols.split_ascii_whitespace() {
        let bare = symbol.split(['_', '/', '.']).next().unwrap_or(symbol);
        let (one, is_isotope) = element_or_isotope(bare, *line)?;
        has_isotope |= is_isotope;
        let word = counts.next().unwrap_or("nothing");
        let count: usize = word.parse().map_err(|_| {
            let cause = format!("the number of {symbol} atoms is {word:?}");
            failure(SYNTAX, *counts_line, cause, "write one number for each symbol")
        })?;
        if species.len().saturating_add(count) > MAX_ATOMS {
            let cause = format!("more than {MAX_ATOMS} atoms");
            return Err(failure("too_large", *counts_line, cause, "choose a smaller cell"));
        }
        species.resize(species.len() + count, one);
    }
    match counts.next().filter(|word| word.parse::<u64>().is_ok()) {
        None => Ok((species, has_isotope)),
        Some(_) => Err(failure(
            SYNTAX,
            *counts_line,
            "there are more numbers of atoms than symbols",
            "write one number for each symbol",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str =
        "salt\n 1.0\n4 0 0\n0 4 0\n0 0 4\n Na_pv Cl/0123\n 1 1\nDirect\n0 0 0\n0.5 0.5 0.5 T F T\n\n0 0 0\n";

    #[test]
    fn direct_positions_are_kept_to_the_bit() {
        let (structure, _) = parse_poscar(SALT.as_bytes()).unwrap();
        assert_eq!(structure.formula(), "ClNa");
        assert_eq!(structure.fractional()[1], [0.5; 3]);
        assert_eq!(structure.lattice().vectors()[0], [4.0, 0.0, 0.0]);
        let (structure, remarks) = parse_poscar(SALT.replace("Cl/0123", "D").as_bytes()).unwrap();
        assert_eq!((structure.formula().as_str(), remarks[0].0.as_str()), ("HNa", "isotope"));
    }

    #[test]
    fn scales_act_on_lattice_and_cartesian_positions() {
        let cartesian = SALT.replace("Direct", "Selective dynamics\nCartesian").replace("0.5 0.5 0.5", "2 2 2");
        for (scale, volume) in [("2.0", 512.0), ("-512", 512.0), ("1 2 3", 384.0)] {
            let text = cartesian.replace(" 1.0\n", &format!("{scale}\n"));
            let (structure, _) = parse_poscar(text.as_bytes()).unwrap();
            assert!((structure.lattice().volume() - volume).abs() < 1e-9, "{scale}");
            assert!(structure.fractional()[1].iter().all(|x| (x - 0.5).abs() < 1e-12), "{scale}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let of = |text: &str| {
            let failure = parse_poscar(text.as_bytes()).unwrap_err();
            (failure.kind.to_string(), failure.line.unwrap_or(0))
        };
        let class = |class: &str, line| (class.to_owned(), line);
        assert_eq!(of(&SALT.replace(" Na_pv Cl/0123\n", "")), class("poscar_no_symbols", 6));
        assert_eq!(of(&SALT.replace("Cl/", "Qq/")), class("unknown_element", 6));
        assert_eq!(of(&SALT.replace(" 1 1\n", " 1\n")), class(SYNTAX, 7));
        assert_eq!(of(&SALT.replace(" 1 1\n", " 1 1 1\n")), class(SYNTAX, 7));
        assert_eq!(of(&SALT.replace(" 1 1\n", " 1 900000\n")), class("too_large", 7));
        assert_eq!(of(&SALT.replace("Direct", "7")), class(SYNTAX, 8));
        assert_eq!(of(&SALT.replace("0.5 0.5 0.5", "0.5 x 0.5")), class("bad_number", 10));
        assert_eq!(of(&SALT.replace(" 1.0\n", "0\n")), class(SYNTAX, 2));
        assert_eq!(of(&SALT.replace("0 0 4\n", "0 4 0\n")), class("cell_invalid", 3));
        assert_eq!(of("salt\n1.0\n4 0 0\n"), class(SYNTAX, 3));
        assert_eq!(of(""), class(SYNTAX, 1));
    }
}
