//! Relative paths start from the folder that is said, whatever the current folder is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use mlip_inputs::LoadOptions;
use mlip_inputs::{Blocks, Enumeration, Source, enumerate, load};
use std::io::Write;
use std::path::Path;

/// A cube with one atom.
fn cif(length: f64) -> String {
    format!(
        "data_x\n_cell_length_a {length}\n_cell_length_b {length}\n_cell_length_c {length}\n_cell_angle_alpha 90\n\
         _cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n_atom_site_label\n_atom_site_type_symbol\n\
         _atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nH1 H 0 0 0\n"
    )
}

/// The same names with other contents.
fn fill(folder: &Path, length: f64) {
    std::fs::create_dir_all(folder.join("cifs/deep")).unwrap();
    std::fs::write(folder.join("cifs/deep/a.cif"), cif(length)).unwrap();
    std::fs::write(folder.join("some.list"), "cifs/deep/a.cif\n").unwrap();
    std::fs::write(folder.join("two.cif"), cif(length) + &cif(length + 1.0).replace("data_x", "data_y")).unwrap();
    std::fs::write(folder.join("t.csv"), format!("id,cif\nrow,\"{}\"\n", cif(length + 2.0))).unwrap();
    let mut archive = tar::Builder::new(std::fs::File::create(folder.join("set.tar")).unwrap());
    archive.append_path_with_name(folder.join("cifs/deep/a.cif"), "in/a.cif").unwrap();
    archive.into_inner().unwrap().flush().unwrap();
}

/// What is shown of each entry, and the length of its cell.
fn lengths(folder: &Path) -> Vec<(String, f64)> {
    let sources: Vec<Source> = ["cifs", "some.list", "two.cif", "t.csv", "set.tar"]
        .map(|name| Source::from_path_in(folder, name).unwrap())
        .into();
    let how = Enumeration { folder: folder.into(), blocks: Blocks::Named, ..Enumeration::default() };
    let manifest = enumerate(&sources, &how).unwrap();
    let entries = manifest.iter().map(|entry| {
        let locator = entry.unwrap().locator;
        locator.check(folder).unwrap();
        let (structure, _) = load(&locator, folder, &LoadOptions::default()).unwrap();
        let length = structure.lattice().vectors()[2].iter().map(|x| x * x).sum::<f64>().sqrt();
        (locator.to_string(), (length * 1e6).round() / 1e6)
    });
    entries.collect()
}

#[test]
fn two_folders_in_one_process_have_their_own_files_under_the_same_names() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill(a.path(), 3.0);
    fill(b.path(), 7.0);
    let shown = ["cifs/deep/a.cif", "cifs/deep/a.cif", "two.cif:x", "two.cif:y", "t.csv:1", "set.tar:in/a.cif"];
    for (folder, first) in [(&a, 3.0), (&b, 7.0), (&a, 3.0)] {
        let expected = [0.0, 0.0, 0.0, 1.0, 2.0, 0.0].map(|more| first + more);
        let expected: Vec<(String, f64)> = shown.into_iter().map(str::to_owned).zip(expected).collect();
        assert_eq!(lengths(folder.path()), expected);
    }
}
