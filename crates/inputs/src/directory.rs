//! Folders.

use crate::InputError;
use crate::escape::bytes_of;
use crate::names::format_of_name;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Every file below a folder whose name tells a format, in the bytewise order of the paths.
///
/// Relative folders start from `start`. A folder below it that cannot be listed is visited itself, so that it becomes a failure record. `visit` says whether
/// a file was a structure: the name `.json` alone does not tell.
pub(crate) fn walk(
    folder: &Path,
    start: &Path,
    mut visit: impl FnMut(PathBuf) -> Result<bool, InputError>,
) -> Result<(), InputError> {
    let mut seen = HashSet::new();
    if let Ok(canonical) = start.join(folder).canonicalize() {
        seen.insert(canonical);
    }
    let mut n_files = 0u64;
    // Depth first, smallest name on top; never more than the unvisited names of the folders that lead here.
    let mut stack = list(folder, start).map_err(|error| InputError::read(folder, error))?;
    while let Some((path, is_folder)) = stack.pop() {
        if is_folder {
            if start.join(&path).canonicalize().is_ok_and(|canonical| !seen.insert(canonical)) {
                continue;
            }
            if let Ok(below) = list(&path, start) {
                stack.extend(below);
                continue;
            }
        }
        n_files += u64::from(visit(path)?);
    }
    if n_files == 0 {
        return Err(InputError::NoStructures {
            path: folder.into(),
            expected: "*.cif, *.xyz, *.vasp, POSCAR or *.json files in it or below it",
        });
    }
    Ok(())
}

/// Folders and structures in a folder, largest name first. A folder sorts as if its name ended in `/`, which makes
/// the depth-first order that of whole paths.
fn list(folder: &Path, start: &Path) -> std::io::Result<Vec<(PathBuf, bool)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(start.join(folder))? {
        let path = folder.join(entry?.file_name());
        let Some(name) = path.file_name().map(bytes_of) else { continue };
        if name.starts_with(b".") {
            continue;
        }
        // A link to nowhere is kept if its name tells a format: it becomes a failure record.
        let is_folder = start.join(&path).is_dir();
        if is_folder || format_of_name(name).is_some() {
            let mut key = name.to_vec();
            if is_folder {
                key.push(b'/');
            }
            found.push((key, path, is_folder));
        }
    }
    found.sort_unstable_by(|a, b| b.0.cmp(&a.0));
    Ok(found.into_iter().map(|(_, path, is_folder)| (path, is_folder)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_paths_and_links_do_not_loop() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "b.cif",
            "a/z.cif",
            "a/deep/y.CIF",
            "a-b.cif",
            "a.cif",
            "note.txt",
            "a/POSCAR",
            ".hidden.cif",
            ".git/x.cif",
            "é.cif",
        ] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(root.path(), root.path().join("a/loop")).unwrap();
        let mut paths = Vec::new();
        let visit = |path: PathBuf| {
            paths.push(path.strip_prefix(root.path()).unwrap().to_owned());
            Ok(true)
        };
        walk(root.path(), Path::new(""), visit).unwrap();
        let expected = ["a-b.cif", "a.cif", "a/POSCAR", "a/deep/y.CIF", "a/z.cif", "b.cif", "é.cif"].map(PathBuf::from);
        assert_eq!(paths, expected);
        let mut sorted = paths.clone();
        sorted.sort_by(|a, b| bytes_of(a.as_os_str()).cmp(bytes_of(b.as_os_str())));
        assert_eq!(paths, sorted);
    }

    #[test]
    fn a_folder_without_structures_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(walk(root.path(), Path::new(""), |_| Ok(true)), Err(InputError::NoStructures { .. })));
        std::fs::write(root.path().join("settings.json"), "{}").unwrap();
        assert!(matches!(walk(root.path(), Path::new(""), |_| Ok(false)), Err(InputError::NoStructures { .. })));
    }
}
