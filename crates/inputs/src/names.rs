//! What names say: of files their format, of columns and keys that they hold an id.

use crate::compression::{unpacked_name, without_ending};
use mlip_formats::Format;
use std::path::Path;

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

/// The file name without folder and without the endings that only tell format and compression; `POSCAR` and `CONTCAR`,
/// which say nothing, with the name of their folder.
pub(crate) fn file_id(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let stem = stem(&name);
    if stem.eq_ignore_ascii_case("POSCAR") || stem.eq_ignore_ascii_case("CONTCAR") {
        let folder = path.parent().and_then(Path::file_name).map(std::ffi::OsStr::to_string_lossy);
        return folder.map_or_else(|| stem.to_owned(), |folder| format!("{folder}/{stem}"));
    }
    stem.to_owned()
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
