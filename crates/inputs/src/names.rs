//! What names say: of files their format, of columns and keys that they hold an id.

use crate::compression::{unpacked_name, without_ending};
use mlip_formats::Format;

/// What ids are called: columns of tables, in any case, and names of JSON objects.
pub(crate) const ID_NAMES: [&str; 5] = ["structure_id", "material_id", "id", "name", "mat_id"];

/// The format that the name of a file tells, with or without the ending of a compression behind it.
pub(crate) fn format_of_name(name: &[u8]) -> Option<Format> {
    Format::of_name(unpacked_name(name))
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
    fn names_of_compressed_files_tell_formats() {
        for (name, format) in [
            ("POSCAR.gz", Some(Format::Poscar)),
            ("a.cif.GZ", Some(Format::Cif)),
            ("a.jsonl.gz", Some(Format::JsonLines)),
            ("a.extxyz.xz", Some(Format::Xyz)),
            ("a.tar.gz", None),
            ("cif.gz", None),
        ] {
            assert_eq!(format_of_name(name.as_bytes()), format, "{name}");
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
