//! Energies above the hulls of MP-20, three potentials: published answers to published entries.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use mlip_hull::table::TableReader;
use mlip_hull::{Entries, Hull};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Two computations of the same hull, eV/atom; the largest difference is 1.1e-13.
const TOLERANCE: f64 = 1e-12;

/// Columns of energies and of answers.
const POTENTIALS: [(&str, &str); 3] = [
    ("mace_energy_ev", "mace_ev_per_atom"),
    ("orb_energy_ev", "orb_ev_per_atom"),
    ("uma_energy_ev", "uma_ev_per_atom"),
];

fn answers(path: &Path, column: &str) -> HashMap<String, f64> {
    let file: Box<dyn std::io::Read> = match path.extension().is_some_and(|extension| extension == "gz") {
        true => Box::new(flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap())),
        false => Box::new(std::fs::File::open(path).unwrap()),
    };
    let mut reader = csv::Reader::from_reader(file);
    let at = reader.headers().unwrap().iter().position(|heading| heading == column).unwrap();
    let rows = reader.records().map(Result::unwrap).filter(|row| !row[at].is_empty());
    rows.map(|row| (row[0].to_owned(), row[at].parse().unwrap())).collect()
}

/// Compares all answers; how many there were.
fn compare(entries: &Path, expected: &Path) -> usize {
    let mut n_compared = 0;
    for (energy, answer) in POTENTIALS {
        let expected = answers(expected, answer);
        let hull = Hull::new(Entries::read(entries, energy).unwrap().entries);
        let (mut n, mut largest) = (0, 0.0f64);
        for row in TableReader::open(entries, energy).unwrap().map(Result::unwrap) {
            let Some(expected) = expected.get(&row.id) else { continue };
            let (composition, energy) = row.content.unwrap().unwrap();
            let found = hull.above(&composition, energy).unwrap();
            largest = largest.max((found.energy - expected).abs());
            assert!((found.energy - expected).abs() < TOLERANCE, "{}: {} {expected}", row.id, found.energy);
            assert!(found.energy >= 0.0, "{}: an entry lies below its own hull: {}", row.id, found.energy);
            n += 1;
        }
        assert_eq!(n, expected.len(), "{answer}");
        eprintln!("{answer}: {n} answers, at most {largest:e} eV/atom from what is expected");
        n_compared += n;
    }
    n_compared
}

#[test]
fn ten_elements_of_mp20_are_as_published() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/mp20");
    assert!(compare(&folder.join("hull_entries.csv"), &folder.join("e_above_hull.csv")) > 800);
}

#[test]
fn all_of_mp20_is_as_published() {
    let Some(folder) = std::env::var_os("MLIP_REFERENCE_DIR").map(|folder| PathBuf::from(folder).join("mp20")) else {
        eprintln!("skipped: MLIP_REFERENCE_DIR is not set");
        return;
    };
    assert!(compare(&folder.join("hull_entries.csv.gz"), &folder.join("e_above_hull.csv.gz")) > 50_000);
}
