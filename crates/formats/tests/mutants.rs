//! Texts that were cut, mixed and changed at random, always the same ones: every reader gives a structure or a sentence,
//! soon, and never panics. `MLIP_MUTANTS=N` tries N times as many.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use mlip_atoms::{Failure, Frame};
use mlip_formats::cif::{CifOptions, parse_cif};
use mlip_formats::{Parsed, check_matter, parse_json, parse_poscar, parse_xyz};
use std::path::Path;
use std::time::{Duration, Instant};

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

const WORDS: [&[u8]; 24] = [
    b"nan",
    b"1e999",
    b"-1",
    b"0",
    b"1e-300",
    b"999999999999",
    b"?",
    b".",
    b"loop_",
    b"data_x",
    b"'",
    b"\"",
    b";\n",
    b"[[",
    b"]",
    b"{",
    b"}",
    b"\\",
    b"\n",
    b"\r",
    b"\xff\xfe",
    b"\0",
    b"1/0",
    b"Lattice=",
];

fn mutant(seeds: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seeds[numbers.below(seeds.len())].clone();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        match numbers.below(7) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << numbers.below(8),
            2 => drop(bytes.splice(at..at, WORDS[numbers.below(WORDS.len())].iter().copied())),
            3 => {
                let end = (at + 1 + numbers.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + 1 + numbers.below(200)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                // The end of another text.
                let other = &seeds[numbers.below(seeds.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[numbers.below(other.len()).min(other.len())..]);
            }
            _ => {
                let end =
                    bytes[at..].iter().position(|byte| byte.is_ascii_whitespace()).map_or(bytes.len(), |end| at + end);
                bytes.splice(at..end, WORDS[numbers.below(WORDS.len())].iter().copied());
            }
        }
    }
    bytes.truncate(1 << 16);
    bytes
}

/// Reads mutants; how many were read and how many were refused.
fn attack(name: &str, seeds: &[Vec<u8>], read: impl Fn(&[u8]) -> Result<Parsed, Failure>) {
    let times: usize = std::env::var("MLIP_MUTANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut numbers = Numbers(seeds.len() as u64);
    let (mut n_read, mut n_refused, mut n_bytes) = (0usize, 0usize, 0usize);
    for _ in 0..3000 * times {
        let bytes = mutant(seeds, &mut numbers);
        n_bytes += bytes.len();
        let begin = Instant::now();
        match read(&bytes).and_then(|parsed| check_matter(parsed, false)) {
            Ok((structure, _)) => {
                assert!(structure.cartesian().iter().flatten().all(|x| x.is_finite()));
                n_read += 1;
            }
            Err(failure) => {
                assert!(!failure.message.is_empty() && failure.message.len() < 2000, "{failure:?}");
                n_refused += 1;
            }
        }
        // A debug build on a busy machine; what is meant is that nothing grows without a bound.
        assert!(begin.elapsed() < Duration::from_secs(20), "{name}: {:?}", String::from_utf8_lossy(&bytes));
    }
    eprintln!("{name}: {n_bytes} bytes, {n_read} read, {n_refused} refused");
    assert!(n_read > 0 && n_refused > 0, "{name}: {n_read} read, {n_refused} refused");
}

fn as_failure(error: mlip_formats::cif::CifError) -> Failure {
    let kind = mlip_atoms::FailureKind::Cif(error.class.to_string());
    Failure { kind, line: error.line, message: format!("{}; {}", error.message, error.hint) }
}

#[test]
fn cifs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cif/quirks");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(seeds.len() > 100);
    attack("CIF", &seeds, |bytes| {
        let parsed = parse_cif(bytes, &CifOptions::default()).map_err(as_failure)?;
        Ok((parsed.structure, Vec::new()))
    });
}

#[test]
fn frames_of_xyz() {
    let seeds: Vec<Vec<u8>> =
        include_str!("xyz/xyz_corpus.txt").split("%%\n").map(|frame| frame.as_bytes().to_vec()).collect();
    attack("XYZ", &seeds, parse_xyz);
}

#[test]
fn poscars() {
    let seeds = [
        "salt\n1.0\n5.6 0 0\n0 5.6 0\n0 0 5.6\nNa Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n",
        "salt\n-176\n5.6 0.1 0\n0 5.6 0\n0 0 5.6\nNa_pv Cl/0123\n2 2\nSelective dynamics\nCartesian\n0 0 0 T T F\n2.8 2.8 0 T T T\n2.8 0 0 F F F\n0 2.8 0\n",
        "scaled\n1.1 1.2 1.3\n3 0 0\n0 3 0\n0 0 3\nFe\n1\nD\n1e-3 -0.5 1.7D0\n\n0 0 0\n",
    ];
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    attack("POSCAR", &seeds, parse_poscar);
}

#[test]
fn json() {
    let site = r#"{"species": [{"element": "Na", "occu": 1}], "abc": [0, 0.25, 0], "properties": {"magmom": NaN}}"#;
    let other = r#"{"species": [{"element": "Cl1-"}], "xyz": [2.8, 2.8, 2.8], "label": "\u0043l"}"#;
    let cell = r#""lattice": {"matrix": [[5.6, 0, 0], [0, 5.6, 0], [0.1, 0, 5.6]], "pbc": [true, true, false]}"#;
    let lengths = r#""lattice": {"a": 5.6, "b": 5, "c": 4, "alpha": 90, "beta": 80.5, "gamma": 1e2}"#;
    let of = |cell: &str| format!(r#"{{"@class": "Structure", "charge": 0, {cell}, "sites": [{site}, {other}]}}"#);
    let seeds = [of(cell), of(lengths), format!(r#"[{{"id": 7, "structure": {}}}]"#, of(cell))];
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(String::into_bytes).collect();
    attack("JSON", &seeds, |bytes| parse_json(bytes, Frame::default()));
}
