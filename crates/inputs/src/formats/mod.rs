//! What a text may be written in.

mod json;
mod poscar;
mod text;
mod xyz;

pub(crate) use json::parse_json;
pub(crate) use poscar::parse_poscar;
pub(crate) use xyz::parse_xyz;

use crate::compression::{unpacked_name, without_ending};
use mlip_atoms::Structure;
use serde::{Deserialize, Serialize};

/// What ids are called: columns of tables, in any case, and names of JSON objects.
pub(crate) const ID_NAMES: [&str; 5] = ["structure_id", "material_id", "id", "name", "mat_id"];

/// How the text of a structure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Format {
    /// Crystallographic Information File.
    #[default]
    Cif,
    /// One frame of extended XYZ, with a `Lattice`.
    Xyz,
    /// VASP's POSCAR or CONTCAR, of version 5 or later: with element symbols.
    Poscar,
    /// pymatgen's JSON.
    Json,
    /// The same, each structure on a line of its own.
    JsonLines,
}

/// A structure, and class and sentence of each remark of its reader.
pub(crate) type Parsed = (Structure, Vec<(String, String)>);

impl Format {
    /// What the name of a file says; `None` for a name that says nothing.
    ///
    /// `.cif` and `.mcif`; `.xyz` and `.extxyz`; `.json`; `.jsonl` and `.ndjson`; `.vasp`, `.poscar` and `.contcar`, and `POSCAR` or `CONTCAR` alone or
    /// with something after `_`, `-` or `.`: all in any case, and with the ending of a compression behind it.
    pub(crate) fn of_name(name: &[u8]) -> Option<Self> {
        let name = unpacked_name(name).to_ascii_lowercase();
        let extension = name.iter().rposition(|byte| *byte == b'.').and_then(|dot| name.get(dot + 1..));
        match extension {
            Some(b"cif" | b"mcif") => return Some(Self::Cif),
            Some(b"xyz" | b"extxyz") => return Some(Self::Xyz),
            Some(b"json") => return Some(Self::Json),
            Some(b"jsonl" | b"ndjson") => return Some(Self::JsonLines),
            Some(b"vasp" | b"poscar" | b"contcar") => return Some(Self::Poscar),
            _ => {}
        }
        let rest = name.strip_prefix(b"poscar").or_else(|| name.strip_prefix(b"contcar"))?;
        matches!(rest.first(), None | Some(b'_' | b'-' | b'.')).then_some(Self::Poscar)
    }
}

/// The name of a file without the endings that only tell its format and compression.
pub(crate) fn stem(name: &str) -> &str {
    const ENDINGS: [&[u8]; 9] =
        [b".cif", b".xyz", b".extxyz", b".json", b".jsonl", b".ndjson", b".vasp", b".poscar", b".contcar"];
    let stem = without_ending(unpacked_name(name.as_bytes()), &ENDINGS);
    // Endings are ASCII: what is left of a text is one.
    name.get(..stem.len()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_formats() {
        for (name, format) in [
            ("a.CIF", Some(Format::Cif)),
            ("a.mcif", Some(Format::Cif)),
            ("a.xyz", Some(Format::Xyz)),
            ("a.extXYZ", Some(Format::Xyz)),
            ("a.vasp", Some(Format::Poscar)),
            ("POSCAR", Some(Format::Poscar)),
            ("POSCAR.gz", Some(Format::Poscar)),
            ("a.cif.GZ", Some(Format::Cif)),
            ("a.json", Some(Format::Json)),
            ("a.jsonl.gz", Some(Format::JsonLines)),
            ("a.extxyz.xz", Some(Format::Xyz)),
            ("a.tar.gz", None),
            ("cif.gz", None),
            ("CONTCAR.mp-1", Some(Format::Poscar)),
            ("POSCAR_001", Some(Format::Poscar)),
            ("poscars.txt", None),
            ("a.txt", None),
            ("cif", None),
        ] {
            assert_eq!(Format::of_name(name.as_bytes()), format, "{name}");
        }
    }

    #[test]
    fn only_endings_that_tell_the_format_are_dropped() {
        for (name, expected) in [
            ("a.CIF", "a"),
            ("a.vasp", "a"),
            ("a.b.xyz", "a.b"),
            (".cif", ".cif"),
            ("é", "é"),
            ("a.mcif", "a.mcif"),
            ("é.cif.bz2", "é"),
            ("POSCAR.gz", "POSCAR"),
            (".gz", ".gz"),
        ] {
            assert_eq!(stem(name), expected);
        }
    }
}
