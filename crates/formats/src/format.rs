//! What a text may be written in, and what its reader gives.

use mlip_atoms::Structure;
use serde::{Deserialize, Serialize};

/// A structure, and class and sentence of each remark of its reader.
pub type Parsed = (Structure, Vec<(String, String)>);

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

impl Format {
    /// What the name of a file says; `None` for a name that says nothing. An ending that tells a compression must be
    /// off.
    ///
    /// `.cif` and `.mcif`; `.xyz` and `.extxyz`; `.json`; `.jsonl` and `.ndjson`; `.vasp`, `.poscar` and `.contcar`, and
    /// `POSCAR` or `CONTCAR` alone or with something after `_`, `-` or `.`: all in any case.
    pub fn of_name(name: &[u8]) -> Option<Self> {
        let name = name.to_ascii_lowercase();
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
            ("a.jsonl", Some(Format::JsonLines)),
            ("a.JSON", Some(Format::Json)),
            ("a.tar", None),
            ("CONTCAR.mp-1", Some(Format::Poscar)),
            ("POSCAR_001", Some(Format::Poscar)),
            ("poscars.txt", None),
            ("a.txt", None),
            ("cif", None),
        ] {
            assert_eq!(Format::of_name(name.as_bytes()), format, "{name}");
        }
    }
}
