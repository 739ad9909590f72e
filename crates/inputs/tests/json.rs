//! pymatgen's JSON in everything that it comes in.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use flate2::write::GzEncoder;
use mlip_atoms::{Frame, Lattice, Structure};
use mlip_inputs::LoadOptions;
use mlip_inputs::{Enumeration, Locator, Manifest, Source, enumerate, load};
use std::io::Write;
use std::path::Path;

const LENGTHS: [f64; 3] = [5.64, 4.021, 7.123_456_789_012_345];
const ANGLES: [f64; 3] = [90.0, 103.217, 90.0];

/// Texts of the coordinates, each of its own.
fn coordinates(number: usize) -> [[String; 3]; 2] {
    let of =
        |site: usize| [0.123_456_789_012_345_67, 1.0 / 3.0, -0.7].map(|x| (x * (number + site) as f64).to_string());
    [of(1), of(2)]
}

fn cif(number: usize) -> String {
    let ([a, b, c], [alpha, beta, gamma]) = (LENGTHS, ANGLES);
    let mut text = format!(
        "data_x\n_cell_length_a {a}\n_cell_length_b {b}\n_cell_length_c {c}\n_cell_angle_alpha {alpha}\n_cell_angle_beta \
         {beta}\n_cell_angle_gamma {gamma}\n_symmetry_space_group_name_H-M 'P 1'\nloop_\n_atom_site_label\n\
         _atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    );
    for ([x, y, z], symbol) in coordinates(number).into_iter().zip(["Na", "Cl"]) {
        text += &format!("{symbol}1 {x} {y} {z}\n");
    }
    text
}

/// The same crystal, as `Structure.as_dict()` gives it.
fn json(number: usize) -> String {
    let lattice = Lattice::from_parameters(LENGTHS, ANGLES, Frame::default()).unwrap();
    let site = |([x, y, z], symbol): ([String; 3], &str)| {
        format!(
            r#"{{"species": [{{"element": "{symbol}", "oxidation_state": 1, "occu": 1}}], "abc": [{x}, {y}, {z}],
               "xyz": [0, 0, 0], "properties": {{}}, "label": "{symbol}"}}"#
        )
    };
    let sites = coordinates(number).into_iter().zip(["Na", "Cl"]).map(site).collect::<Vec<_>>().join(", ");
    format!(
        r#"{{"@module": "pymatgen.core.structure", "@class": "Structure", "charge": 0, "lattice": {{"matrix": {:?},
           "pbc": [true, true, true]}}, "properties": {{}}, "sites": [{sites}]}}"#,
        lattice.vectors()
    )
}

fn line(number: usize) -> String {
    json(number).replace('\n', " ") + "\n"
}

/// As another rank sees the entries: by the manifest that was written.
fn read(folder: &Path, source: Source) -> Vec<(String, Result<Structure, String>)> {
    let path = folder.join("inputs.manifest");
    let how = Enumeration { spool: folder.join("inputs.spool"), ..Enumeration::default() };
    enumerate(&[source], &how).unwrap().write(&path).unwrap();
    let load = |locator: &Locator| match load(locator, Path::new(""), &LoadOptions::default()) {
        Ok((structure, remarks)) => {
            assert_eq!(remarks, []);
            Ok(structure)
        }
        Err(failure) => Err(format!("{} {:?}: {}", failure.kind, failure.line, failure.message)),
    };
    Manifest::read(&path).unwrap().iter().map(Result::unwrap).map(|entry| (entry.id, load(&entry.locator))).collect()
}

fn of_cifs(folder: &Path, n: usize) -> Vec<Structure> {
    let cifs = folder.join("cifs");
    std::fs::create_dir_all(&cifs).unwrap();
    (0..n).for_each(|number| std::fs::write(cifs.join(format!("{number}.cif")), cif(number)).unwrap());
    read(folder, Source::from_path(cifs).unwrap()).into_iter().map(|(_, structure)| structure.unwrap()).collect()
}

#[test]
fn whatever_json_stands_in_it_is_the_structure_of_the_cif_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let expected = of_cifs(folder, 3);
    let list = format!("[{}]", (0..3).map(json).collect::<Vec<_>>().join(",\n"));
    let lines: String = (0..3).map(line).collect();
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines.as_bytes()).unwrap();
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["material_id", "structure"]).unwrap();
    (0..3).for_each(|number| table.write_record([format!("mp-{number}"), json(number)]).unwrap());
    let id = |number: usize| format!("{{\"material_id\": \"mp-{number}\", \"structure\": {}}}", json(number));
    let files = [
        ("a.json", list.into_bytes(), "a@"),
        ("a.jsonl", lines.into_bytes(), "a@"),
        ("a.jsonl.gz", gzip.finish().unwrap(), "a@"),
        ("a.csv", table.into_inner().unwrap(), "mp-"),
        ("b.json", (0..3).map(id).collect::<String>().into_bytes(), "b:mp-"),
    ];
    for (name, bytes, ids) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
        let found = read(folder, Source::from_path(folder.join(name)).unwrap());
        let wanted: Vec<_> = (0..3).map(|number| (format!("{ids}{number}"), Ok(expected[number].clone()))).collect();
        assert_eq!(found, wanted, "{name}");
    }
    std::fs::write(folder.join("one.json"), json(1)).unwrap();
    let one = read(folder, Source::from_path(folder.join("one.json")).unwrap());
    assert_eq!(one, [("one".to_owned(), Ok(expected[1].clone()))]);
}

#[test]
fn of_a_folder_only_json_that_holds_structures_is_taken_and_of_a_list_all() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    std::fs::create_dir(&root).unwrap();
    let expected = of_cifs(folder.path(), 1).remove(0);
    let files = [
        ("a.json", json(0)),
        ("cut.json", json(0)[..200].to_owned()),
        ("empty.json", String::new()),
        ("log.jsonl", "{\"step\": 1}\n{\"step\": 2}\n".to_owned()),
        ("settings.json", "{\"potential\": {\"lattice\": 1}}".to_owned()),
    ];
    for (name, text) in &files {
        std::fs::write(root.join(name), text).unwrap();
    }
    let found = read(folder.path(), Source::from_path(root.clone()).unwrap());
    assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a", "cut"]);
    assert_eq!(found[0].1.as_ref(), Ok(&expected));
    assert!(found[1].1.as_ref().unwrap_err().contains("json_syntax"), "{found:?}");

    let list = root.join("all.list");
    std::fs::write(&list, files.map(|(name, _)| name).join("\n")).unwrap();
    let found = read(folder.path(), Source::from_path(list).unwrap());
    let ids: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["a", "cut", "empty", "log@0", "log@1", "settings"]);
    assert_eq!(found.iter().filter(|(_, structure)| structure.is_ok()).count(), 1);
}

#[test]
fn a_broken_line_or_end_of_a_list_costs_only_its_own_record() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cut = json(1)[..300].replace('\n', " ");
    let disordered = line(2).replacen("\"occu\": 1}", "\"occu\": 0.5}", 1);
    let lines = format!("{}{cut}\n{disordered}{}", line(0), line(3));
    let list = format!("[\n{},\n{},\n{}", json(0), json(1), &json(2)[..300]);
    for (name, text, expected) in [
        ("a.jsonl", lines, vec!["", "json_syntax Some(2)", "disordered Some(3): site 0", ""]),
        // Four lines a structure; cut in the second of the third, or behind the second.
        ("a.json", list, vec!["", "", "json_syntax Some(11)"]),
        ("b.json", format!("[{},\n{}", json(0), json(1)), vec!["", "", "json_syntax Some(8)"]),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
        let found = read(folder, Source::from_path(folder.join(name)).unwrap());
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
        for ((_, structure), expected) in found.iter().zip(expected) {
            match structure {
                Ok(_) => assert_eq!(expected, "", "{name}"),
                Err(cause) => assert!(!expected.is_empty() && cause.starts_with(expected), "{name}: {cause}"),
            }
        }
    }
}
