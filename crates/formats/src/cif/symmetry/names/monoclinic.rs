//! Triclinic and monoclinic names that no table has.

use crate::cif::symmetry::hall::operations_of_symbol;
use crate::cif::symmetry::operation::{Operation, misfit};
use mlip_atoms::Lattice;

/// Triclinic and monoclinic names with any centering: `C -1`, `B 1 21/m 1`, `A 1 1 2/n`.
pub(super) fn interpret(body: &str, lattice: &Lattice) -> Option<Vec<Operation>> {
    let letter = body.chars().next().filter(|c| "pabcif".contains(*c))?.to_ascii_uppercase();
    let rest = &body[1..];
    match rest {
        "1" => return operations_of_symbol(&format!("{letter} 1")),
        "-1" => return operations_of_symbol(&format!("-{letter} 1")),
        _ => {}
    }
    let about = |axis: char, element: &str| operations_of_symbol(&monoclinic_symbol(letter, axis, element)?);
    let with_ones = rest.strip_prefix('1').and_then(|rest| rest.strip_suffix('1'));
    if let Some(found) = with_ones.and_then(|element| about('y', element)) {
        return Some(found);
    }
    if let Some(found) = rest.strip_prefix("11").and_then(|element| about('z', element)) {
        return Some(found);
    }
    if let Some(found) = rest.strip_suffix("11").and_then(|element| about('x', element)) {
        return Some(found);
    }
    let all = ['y', 'z', 'x'].into_iter().filter_map(|axis| about(axis, rest));
    // `min_by` keeps the first of equals: b.
    all.min_by(|a, b| misfit(a, lattice).total_cmp(&misfit(b, lattice)))
}

/// The Hall symbol of `2`, `21`, `m`, `n`, `2/m`, `21/c`, … about an axis.
fn monoclinic_symbol(letter: char, axis: char, element: &str) -> Option<String> {
    let (along, across) = match axis {
        'x' => ("a", "bc"),
        'y' => ("b", "ac"),
        _ => ("c", "ab"),
    };
    let glide = |plane: &str| -> Option<String> {
        match plane {
            "m" => Some(String::new()),
            "n" => Some(across.to_owned()),
            "a" | "b" | "c" if across.contains(plane) => Some(plane.to_owned()),
            _ => None,
        }
    };
    Some(match element.split_once('/') {
        Some(("2", plane)) => format!("-{letter} 2{axis}{}", glide(plane)?),
        Some(("21", plane)) => format!("-{letter} 2{axis}{along}{}", glide(plane)?),
        Some(_) => return None,
        None if element == "2" => format!("{letter} 2{axis}"),
        None if element == "21" => format!("{letter} 2{axis}{along}"),
        None => format!("{letter} -2{axis}{}", glide(element)?),
    })
}
