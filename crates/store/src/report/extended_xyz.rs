//! Structures as extended XYZ, the form of <https://github.com/libAtoms/extxyz>, as ASE reads it.

use super::row::EntryRow;
use mlip_atoms::Species;
use std::fmt::Write;

/// A structure and what is said of it.
pub(super) struct Frame<'a> {
    /// Rows are the lattice vectors, Å.
    pub(super) lattice: &'a [[f64; 3]; 3],
    /// Atomic numbers.
    pub(super) numbers: &'a [u8],
    /// `[n_atoms]`, Å.
    pub(super) positions: &'a [[f64; 3]],
    /// `[n_atoms]`, eV/Å; none where there are none.
    pub(super) forces: &'a [[f64; 3]],
    /// `[n_atoms]`, μ_B.
    pub(super) magmoms: Option<&'a [f64]>,
    /// What the comment line says after the cell: keys and values.
    pub(super) said: &'a str,
}

/// Adds a structure to a text. Numbers read back to the same bits.
pub(super) fn write(text: &mut String, frame: &Frame<'_>) -> std::fmt::Result {
    let Frame { lattice, numbers, positions, forces, magmoms, said } = frame;
    let vectors: Vec<String> = lattice.iter().flatten().map(|component| format!("{component:?}")).collect();
    writeln!(text, "{}", numbers.len())?;
    write!(text, "Lattice=\"{}\" Properties=species:S:1:pos:R:3", vectors.join(" "))?;
    if !forces.is_empty() {
        text.write_str(":forces:R:3")?;
    }
    if magmoms.is_some() {
        text.write_str(":magmoms:R:1")?;
    }
    writeln!(text, " pbc=\"T T T\" {said}")?;
    for (site, (number, x)) in numbers.iter().zip(*positions).enumerate() {
        // `X` is what ASE calls an atom of no element.
        let symbol = Species::from_atomic_number(*number).map_or("X", Species::symbol);
        write!(text, "{symbol} {:?} {:?} {:?}", x[0], x[1], x[2])?;
        if let Some([x, y, z]) = forces.get(site) {
            write!(text, " {x:?} {y:?} {z:?}")?;
        }
        if let Some(magmom) = magmoms.and_then(|magmoms| magmoms.get(site)) {
            write!(text, " {magmom:?}")?;
        }
        text.push('\n');
    }
    Ok(())
}

/// Cartesian positions, Å, of fractional ones in a cell whose rows are its vectors.
pub(super) fn cartesian(lattice: &[[f64; 3]; 3], fractional: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let at = |x: &[f64; 3], axis: usize| x[0] * lattice[0][axis] + x[1] * lattice[1][axis] + x[2] * lattice[2][axis];
    fractional.iter().map(|x| [at(x, 0), at(x, 1), at(x, 2)]).collect()
}

/// Adds a stress in ASE's convention, as the matrix that its reader takes.
pub(super) fn stress(said: &mut String, stress: Option<[f64; 6]>) {
    if let Some([xx, yy, zz, yz, xz, xy]) = stress {
        // Writing into a string cannot fail.
        let _ = write!(said, " stress=\"{xx:?} {xy:?} {xz:?} {xy:?} {yy:?} {yz:?} {xz:?} {yz:?} {zz:?}\"");
    }
}

/// Adds charge and spin of a structure, where it came with them.
pub(super) fn charge_and_spin(said: &mut String, entry: &EntryRow<'_>) {
    let Some(given) = entry.given else { return };
    // Writing into a string cannot fail.
    if let Some(charge) = given.structure.charge() {
        let _ = write!(said, " charge={charge}");
    }
    if let Some(spin) = given.structure.spin() {
        let _ = write!(said, " spin={spin}");
    }
}

/// A value with quotes around it; backslashes before what would end it. What ASE would take for numbers, a truth value or
/// JSON is written as the text that it is, in the form that ASE has for that: `_JSON "0012"`.
pub(super) fn quoted(value: &str) -> String {
    let words = || value.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    // Python reads `1_000`, `nan` and `Infinity` as numbers too.
    let is_number = words().all(|word| word.replace('_', "").parse::<f64>().is_ok());
    let is_truth = words().all(|word| ["T", "F", "true", "false", "True", "False", "TRUE", "FALSE"].contains(&word));
    let is_other = value.starts_with("_JSON") || value.contains(char::is_control);
    let json;
    let value = if is_number || is_truth || is_other {
        json = format!("_JSON {}", serde_json::Value::from(value));
        json.as_str()
    } else {
        value
    };
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_something_else_stays_text() {
        assert_eq!(quoted("0012"), r#""_JSON \"0012\"""#);
        assert_eq!(quoted("nan, 1_0"), r#""_JSON \"nan, 1_0\"""#);
        assert_eq!(quoted("1abc"), r#""1abc""#);
        assert_eq!(quoted("T"), r#""_JSON \"T\"""#);
        assert_eq!(quoted("mp-12"), r#""mp-12""#);
        assert_eq!(quoted("a\nb"), r#""_JSON \"a\\nb\"""#);
    }

    #[test]
    fn a_frame_has_a_column_for_what_there_is() {
        let mut text = String::new();
        let lattice = [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1e-7]];
        let (positions, forces, magmoms) = ([[0.5, 0.0, -0.0]], [[0.1, 1e22, 0.0]], [0.25]);
        let frame = Frame {
            lattice: &lattice,
            numbers: &[26],
            positions: &positions,
            forces: &forces,
            magmoms: Some(&magmoms),
            said: "energy=-1.5",
        };
        write(&mut text, &frame).unwrap();
        let expected = "1\nLattice=\"2.0 0.0 0.0 0.0 2.0 0.0 0.0 0.0 1e-7\" \
                        Properties=species:S:1:pos:R:3:forces:R:3:magmoms:R:1 pbc=\"T T T\" energy=-1.5\n\
                        Fe 0.5 0.0 -0.0 0.1 1e22 0.0 0.25\n";
        assert_eq!(text, expected);
    }
}
