//! The CIF reader against golden structures, and against damaged files.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod cif_score;

use cif_score::{Golden, read_goldens, score};
use mlip_atoms::Deadline;
use mlip_atoms::neighbors::NeighborList;
use mlip_formats::cif::{CifClass, CifOptions, parse_cif};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cif")
}

/// The large corpus, if there is one.
fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("MLIP_CIF_DIR").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: MLIP_CIF_DIR is not set");
    }
    folder
}

fn all_right(folder: &Path) -> Vec<Golden> {
    let goldens = read_goldens(&folder.join("goldens.jsonl"));
    let wrong: Vec<String> = goldens
        .iter()
        .filter_map(|golden| {
            let bytes = std::fs::read(folder.join(&golden.file)).unwrap();
            score(golden, &bytes).err().map(|why| format!("{}: {why}", golden.file))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} files:\n{}", wrong.len(), goldens.len(), wrong.join("\n"));
    goldens
}

#[test]
fn hand_made_files_are_read_or_refused_as_they_should_be() {
    assert!(all_right(&fixtures()).len() > 160);
}

#[test]
fn the_whole_corpus_is_read_or_refused_as_it_should_be() {
    if let Some(folder) = corpus() {
        assert!(all_right(&folder).len() > 800);
    }
}

#[test]
fn neighbor_counts_in_files_are_exact() {
    let Some(folder) = corpus() else { return };
    let table = std::fs::read_to_string(folder.join("neighbours.csv")).unwrap();
    let mut n_rows = 0;
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let (file, cutoff): (&str, f64) = (cells[0], cells[1].parse().unwrap());
        let read = parse_cif(&std::fs::read(folder.join(file)).unwrap(), &CifOptions::default()).unwrap();
        let list = NeighborList::build(&read.structure, cutoff, &Deadline::NONE).unwrap();
        assert_eq!(read.structure.n_atoms().to_string(), cells[2], "{file}");
        assert_eq!(list.n_edges().to_string(), cells[3], "{file} at {cutoff} Å");
        n_rows += 1;
    }
    assert!(n_rows > 300);
}

/// Errors and the line that they must name, by what stands there.
const LINES: [(&str, CifClass, &str); 20] = [
    ("bad_extra_value.cif", CifClass::LoopTruncated, "O4 O"),
    ("bad_truncated_row.cif", CifClass::LoopTruncated, "O4 O"),
    ("bad_unclosed_quote.cif", CifClass::Syntax, "'never closed"),
    ("bad_truncated_text.cif", CifClass::Syntax, ";"),
    ("bad_poscar_inside.cif", CifClass::Syntax, "TiO2"),
    ("bad_nul_inside.cif", CifClass::Syntax, "O3\0"),
    ("cell_angle_180.cif", CifClass::CellInvalid, "_cell_angle_gamma"),
    ("cell_negative_length.cif", CifClass::CellInvalid, "_cell_length_c"),
    ("num_comma_decimal.cif", CifClass::BadNumber, "0,5"),
    ("num_garbage_cell.cif", CifClass::BadNumber, "_cell_length_b"),
    ("num_nan_coord.cif", CifClass::BadNumber, "nan"),
    ("num_coord_dot.cif", CifClass::CoordsMissing, "O4 O ."),
    ("occ_negative.cif", CifClass::OccupancyInvalid, "-0.5"),
    ("occ_partial.cif", CifClass::Disordered, "Na1 Na"),
    ("occ_disorder_groups.cif", CifClass::Disordered, "O1B"),
    ("pos_overlap_elements.cif", CifClass::Overlap, "N1 N"),
    ("sym_hm_unknown.cif", CifClass::SymmetryUnknown, "P 7/q"),
    ("sym_op_malformed.cif", CifClass::SymopInvalid, "-y,q"),
    ("txt_duplicate_tag_conflict.cif", CifClass::DuplicateTag, "9.9"),
    ("type_unknown.cif", CifClass::UnknownElement, "Xx"),
];

#[test]
fn errors_name_the_line_of_their_cause() {
    for (file, class, text) in LINES {
        let bytes = std::fs::read(fixtures().join("quirks").join(file)).unwrap();
        let error = parse_cif(&bytes, &CifOptions::default()).unwrap_err();
        assert_eq!(error.class, class, "{file}");
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        let line = lines[error.line.unwrap_or_else(|| panic!("{file}: no line")) as usize - 1];
        assert!(String::from_utf8_lossy(line).contains(text), "{file}: {:?}", String::from_utf8_lossy(line));
        assert!(!error.message.is_empty() && !error.hint.is_empty());
    }
}

#[test]
fn lines_are_counted_for_all_line_ends() {
    let text = "data_x\n_publ_text\n;\n a\n b\n;\n_cell_length_a 1,5\n_atom_site_fract_x 0\n";
    for end in ["\n", "\r\n", "\r"] {
        let error = parse_cif(text.replace('\n', end).as_bytes(), &CifOptions::default()).unwrap_err();
        assert_eq!((error.class, error.line), (CifClass::BadNumber, Some(7)), "{end:?}");
    }
}

#[test]
fn coordinates_of_listed_atoms_keep_every_bit() {
    let text = "data_x _cell_length_a 5 _cell_length_b 5 _cell_length_c 5 _symmetry_equiv_pos_as_xyz x,y,z \
        loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z \
        H1 0.12345678901234567 -100.1952 1.0000000000000002 H2 0.5 .5 1e-17";
    let read = parse_cif(text.as_bytes(), &CifOptions::default()).unwrap();
    let expected = [[0.12345678901234567, -100.1952, 1.0000000000000002], [0.5, 0.5, 1e-17]];
    assert_eq!(read.structure.fractional(), expected);
}

#[test]
fn a_long_file_takes_time_in_proportion() {
    // 100,000 atoms and a loop of as many values that do not matter.
    let mut text =
        String::from("data_x _cell_length_a 300 _cell_length_b 300 _cell_length_c 300 loop_ _refln_index_h\n");
    (0..100_000).for_each(|k| text.push_str(&format!("{k}\n")));
    text.push_str("loop_ _atom_site_type_symbol _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\n");
    for k in 0..100_000 {
        let (i, j, l) = (k % 47, k / 47 % 47, k / 47 / 47);
        text.push_str(&format!("H {:.5} {:.5} {:.5}\n", f64::from(i) / 47.0, f64::from(j) / 47.0, f64::from(l) / 47.0));
    }
    let start = std::time::Instant::now();
    let read = parse_cif(text.as_bytes(), &CifOptions::default()).unwrap();
    assert_eq!(read.structure.n_atoms(), 100_000);
    // Half a second is usual without optimisation; quadratic time would take minutes.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut paths: Vec<_> =
        std::fs::read_dir(fixtures().join("quirks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
});

/// What is done to a file: where, how many bytes go, what comes.
fn damage() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let words = prop::sample::select(vec![
        "loop_",
        "data_",
        "save_",
        ";",
        "\n;\n",
        "'",
        "\"",
        "_cell_length_a",
        "nan",
        "1e999",
        "?",
        ".",
        "-1",
        "0",
        "(",
        "#\\#CIF_2.0\n",
        "[",
        "{",
        "x,y,z",
        "1/0",
        "-P 2(",
        "(0 0 1)",
        ":",
        "é",
        "\u{0}",
        "\r",
        "99999999999999999999",
        "_atom_site_fract_x",
    ]);
    let insert = prop_oneof![words.prop_map(|word| word.as_bytes().to_vec()), prop::collection::vec(any::<u8>(), 0..4)];
    (any::<prop::sample::Index>(), 0usize..30, insert)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_give_a_structure_or_an_error(
        file in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        let mut bytes = file.get(&FILES).clone();
        for (place, removed, inserted) in damages {
            let start = place.index(bytes.len() + 1);
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, inserted);
        }
        match parse_cif(&bytes, &CifOptions::default()) {
            Ok(read) => prop_assert!(read.structure.fractional().iter().flatten().all(|x| x.is_finite())),
            Err(error) => {
                let n_lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).count();
                prop_assert!(error.line.is_none_or(|line| (1..=n_lines).contains(&(line as usize))), "{error:?}");
            }
        }
    }

    #[test]
    fn any_bytes_give_a_structure_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_cif(&bytes, &CifOptions::default());
    }

    #[test]
    fn any_symmetry_text_gives_operations_or_an_error(
        name in "[ -~éPABCFIRm1-6/:_()'\"=*^nabcduvwxyz -]{0,14}",
        tag in prop::sample::select(vec!["_space_group_name_Hall", "_symmetry_space_group_name_H-M", "_symmetry_equiv_pos_as_xyz", "_symmetry_Int_Tables_number"]),
    ) {
        let text = format!(
            "data_x _cell_length_a 5 _cell_length_b 5 _cell_length_c 5 {tag}\n;{name}\n;\n_atom_site_type_symbol H \
             _atom_site_fract_x 0.1 _atom_site_fract_y 0.2 _atom_site_fract_z 0.3"
        );
        let _ = parse_cif(text.as_bytes(), &CifOptions::default());
    }

    #[test]
    fn any_hall_symbol_of_the_grammar_gives_operations_or_an_error(
        symbol in "-?[PABCIRF]( -?[12346]['\"=^]?[xyz*]?[abcnuvwd1-6]{0,3}){1,4}( \\([0-9-]{1,2} [0-9]{1,2} [0-9]\\))?",
    ) {
        let text = format!(
            "data_x _cell_length_a 5 _cell_length_b 5 _cell_length_c 5 _space_group_name_Hall\n;{symbol}\n;\n \
             _atom_site_type_symbol H _atom_site_fract_x 0.1 _atom_site_fract_y 0.2 _atom_site_fract_z 0.3"
        );
        let _ = parse_cif(text.as_bytes(), &CifOptions::default());
    }
}
