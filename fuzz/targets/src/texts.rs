//! Readers of structures.

use mlip_atoms::{Failure, Frame};
use mlip_formats::cif::{CifOptions, Coordinates, parse_cif};
use mlip_formats::{Parsed, check_matter, parse_json, parse_poscar, parse_xyz, text_within_json};

/// A structure is a structure, a refusal has something to say.
fn check(read: Result<Parsed, Failure>) {
    match read.and_then(|parsed| check_matter(parsed, false)) {
        Ok((structure, remarks)) => {
            assert!(structure.n_atoms() > 0);
            assert!(structure.cartesian().iter().flatten().all(|x| x.is_finite()));
            assert!(remarks.iter().all(|(class, message)| !class.is_empty() && message.len() < 4000));
        }
        Err(failure) => assert!(!failure.message.is_empty() && failure.message.len() < 4000, "{failure:?}"),
    }
}

pub(crate) fn cif(bytes: &[u8]) {
    for (frame, coordinates) in [(Frame::Pymatgen, Coordinates::default()), (Frame::Ase, Coordinates::Pymatgen)] {
        check(
            parse_cif(bytes, &CifOptions { frame, coordinates })
                .map_err(|error| {
                    assert!(!error.hint.is_empty());
                    let kind = mlip_atoms::FailureKind::Cif(error.class.to_string());
                    Failure { kind, line: error.line, message: error.message }
                })
                .map(|parsed| (parsed.structure, Vec::new())),
        );
    }
}

pub(crate) fn xyz(bytes: &[u8]) {
    check(parse_xyz(bytes));
}

pub(crate) fn poscar(bytes: &[u8]) {
    check(parse_poscar(bytes));
}

pub(crate) fn json(bytes: &[u8]) {
    check(parse_json(bytes, Frame::Pymatgen));
    if let Some((key, _)) = text_within_json(bytes) {
        assert!(!key.is_empty());
    }
}
