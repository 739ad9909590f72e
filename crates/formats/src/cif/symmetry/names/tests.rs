use super::monoclinic::interpret;
use super::resolve::{filter_by_extension, split_extension};
use super::table::{entry, squeezed, table};
use super::*;
use crate::cif::symmetry::hall::operations_of_setting;
use crate::cif::symmetry::operation::Operation;
use mlip_atoms::{Frame, Lattice};
use std::collections::BTreeSet;

fn cell(lengths: [f64; 3], angles: [f64; 3]) -> Lattice {
    Lattice::from_parameters(lengths, angles, Frame::Ase).unwrap()
}

fn cubic() -> Lattice {
    cell([5.0; 3], [90.0; 3])
}

fn keys(operations: &[Operation]) -> BTreeSet<crate::cif::symmetry::operation::OperationKey> {
    operations.iter().map(Operation::key).collect()
}

/// Whether the name means exactly these settings.
fn means(name: &str, lattice: &Lattice, settings: &[u16]) {
    let got: Vec<_> = resolve_name(name, None, lattice).iter().map(|set| keys(set)).collect();
    let expected: Vec<_> = settings.iter().map(|n| keys(operations_of_setting(*n).unwrap())).collect();
    assert!(got == expected, "{name}: {} candidates instead of {settings:?}", got.len());
}

#[test]
fn dialects_of_a_name_mean_the_same_setting() {
    let tetragonal = cell([4.6, 4.6, 3.0], [90.0; 3]);
    for name in [
        "P 42/m n m",
        "P42/mnm",
        "P4_2/mnm",
        "p 42/m n m",
        "P4(2)/mnm",
        "P 42/m 21/n 2/m",
        "P 42/mnm (no. 136)",
        "*P 42/m n m",
    ] {
        means(name, &tetragonal, &[419]);
    }
    for name in ["F m -3 m", "Fm3m", "F m 3 m", "F 4/m -3 2/m", "F 4/m 3 2/m", "Fm\u{2212}3m"] {
        means(name, &cubic(), &[523]);
    }
    for name in ["C m c a", "Cmce", "C m c e"] {
        means(name, &cubic(), &[304]);
    }
}

#[test]
fn extensions_choose_origin_and_axes() {
    for (name, setting) in [
        ("F d -3 m :1", 525),
        ("F d -3 m S", 525),
        ("Fd-3mS", 525),
        ("F d 3 m :2", 526),
        ("Fd-3m Z", 526),
        ("Fd-3mZ", 526),
        ("F d -3 m (origin choice 2)", 526),
        ("I 41/a m d :1", 426),
    ] {
        means(name, &cubic(), &[setting]);
    }
    means("F d -3 m", &cubic(), &[525, 526]);
    let (hexagonal, rhombohedral) = (cell([4.8, 4.8, 13.0], [90.0, 90.0, 120.0]), cell([5.1; 3], [55.3; 3]));
    for (name, lattice, setting) in [
        ("R -3 c", &hexagonal, 460),
        ("R -3 c", &rhombohedral, 461),
        ("R-3cH", &hexagonal, 460),
        ("R -3 c :R", &rhombohedral, 461),
        ("R -3 c r", &rhombohedral, 461),
        ("H -3 c", &hexagonal, 460),
    ] {
        means(name, lattice, &[setting]);
    }
}

#[test]
fn the_cell_tells_the_unique_axis_of_a_short_monoclinic_name() {
    for (angles, setting) in
        [([90.0, 99.0, 90.0], 82), ([90.0, 90.0, 99.0], 85), ([99.0, 90.0, 90.0], 88), ([90.0; 3], 82)]
    {
        means("P 21/n", &cell([5.0, 6.0, 7.0], angles), &[setting]);
    }
    means("P 21/b", &cell([5.0, 6.0, 7.0], [90.0, 90.0, 99.0]), &[86]);
    means("B 2/b", &cell([5.0, 6.0, 7.0], [90.0, 90.0, 99.0]), &[99]);
}

#[test]
fn names_that_do_not_exist_mean_nothing() {
    for name in ["", "P", "P 7/q r s", "Q 1", "hexagonal", "P 21/", "C 4/m", ":", "é", "(", "F d -3 m :x"] {
        assert!(resolve_name(name, None, &cubic()).is_empty(), "{name}");
    }
}

#[test]
fn monoclinic_names_are_interpreted_as_tabulated() {
    for number in 3..=107 {
        let full = squeezed(entry(number).unwrap().hm_full);
        let got = interpret(&full, &cubic()).unwrap_or_else(|| panic!("{full}"));
        assert_eq!(keys(&got), keys(operations_of_setting(number).unwrap()), "{full}");
    }
    assert_eq!(interpret("c-1", &cubic()).unwrap().len(), 4);
    assert_eq!(interpret("b121/m1", &cubic()).unwrap().len(), 8);
    assert_eq!(interpret("b21/x", &cubic()), None);
}

#[test]
fn numbers_mean_the_standard_setting_with_the_axes_of_the_cell() {
    let first = |number, lattice: &Lattice| keys(&standard_settings(number, lattice)[0]);
    let of = |setting| keys(operations_of_setting(setting).unwrap());
    assert_eq!(first(136, &cubic()), of(419));
    assert_eq!(first(167, &cell([5.1; 3], [55.3; 3])), of(461));
    assert_eq!(first(14, &cell([5.0, 6.0, 7.0], [90.0, 99.0, 90.0])), of(81));
    assert_eq!(first(14, &cell([5.0, 6.0, 7.0], [90.0, 90.0, 99.0])), of(84));
    assert_eq!(standard_settings(227, &cubic()).len(), 2);
    for number in [-1, 0, 231, i32::MAX, i32::MIN] {
        assert!(standard_settings(number, &cubic()).is_empty());
    }
}

#[test]
fn all_names_of_the_corpus_mean_their_setting() {
    let Some(folder) = std::env::var_os("MLIP_CIF_DIR") else {
        eprintln!("skipped: MLIP_CIF_DIR is not set");
        return;
    };
    let text = std::fs::read_to_string(std::path::Path::new(&folder).join("spacegroups.jsonl")).unwrap();
    let mut n_names = 0;
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = u16::try_from(row["hall_number"].as_u64().unwrap()).unwrap();
        let ops = row["ops"].as_array().unwrap().iter();
        let expected: BTreeSet<_> =
            ops.map(|op| super::super::parse_operation(op.as_str().unwrap()).unwrap().key()).collect();
        assert_eq!(keys(operations_of_setting(number).unwrap()), expected, "setting {number}");
        for name in row["names"].as_array().unwrap() {
            let name = name.as_str().unwrap();
            let numbers = table().get(&split_extension(name).0).unwrap_or_else(|| panic!("{name} is not known"));
            let mut numbers = numbers.clone();
            assert!(filter_by_extension(&mut numbers, &split_extension(name).1.unwrap_or_default()), "{name}");
            // Settings of one name may be the same set of operations.
            let sets: Vec<_> = numbers.iter().map(|n| keys(operations_of_setting(*n).unwrap())).collect();
            assert!(sets.contains(&expected), "{name}: {numbers:?} instead of {number}");
            // A short monoclinic name may mean other axes too, if the cell says so.
            let is_monoclinic = (3..=107).contains(&number);
            let only = sets.iter().all(|set| *set == expected) || (is_monoclinic && sets[0] == expected);
            assert!(only, "{name}: {numbers:?} instead of {number}");
            n_names += 1;
        }
    }
    assert!(n_names > 700, "{n_names}");
}
