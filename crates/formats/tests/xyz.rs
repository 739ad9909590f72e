//! Extended XYZ as ASE reads it: `xyz/make_xyz_corpus.py` made the frames, and what is read of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use mlip_formats::parse_xyz;

const FRAMES: &str = include_str!("xyz/xyz_corpus.txt");
const READ: &str = include_str!("xyz/xyz_corpus.json");

#[derive(serde::Deserialize)]
struct Read {
    numbers: Vec<u8>,
    cell: [[f64; 3]; 3],
    positions: Vec<[f64; 3]>,
    periodic: bool,
}

#[test]
fn frames_are_read_as_by_ase() {
    let read: Vec<Read> = serde_json::from_str(READ).unwrap();
    let frames: Vec<&str> = FRAMES.split("%%\n").collect();
    assert_eq!((frames.len(), read.len()), (300, 300));
    for (frame, expected) in frames.iter().zip(&read) {
        let (structure, remarks) = parse_xyz(frame.as_bytes()).unwrap_or_else(|failure| panic!("{failure:?}\n{frame}"));
        let numbers: Vec<u8> = structure.species().iter().map(|species| species.atomic_number()).collect();
        assert_eq!(numbers, expected.numbers, "{frame}");
        assert_eq!(structure.lattice().vectors(), &expected.cell, "{frame}");
        for (found, expected) in structure.cartesian().iter().zip(&expected.positions) {
            // Positions go through fractional coordinates.
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}\n{frame}");
        }
        let is_said = remarks.iter().any(|(class, _)| class == "not_periodic");
        assert_eq!(is_said, !expected.periodic, "{frame}");
    }
}

#[test]
fn frames_that_are_cut_or_changed_end_in_a_structure_or_a_sentence() {
    // A generator of numbers that is always the same.
    let mut state = 17u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut refused, mut read) = (0, 0);
    for frame in FRAMES.split("%%\n") {
        for _ in 0..20 {
            let mut bytes = frame.as_bytes().to_vec();
            for _ in 0..=next(3) {
                let at = next(bytes.len());
                match next(4) {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes[at] = *b"\\\"'[]{}=\n\t 0-9Te\xff\0".get(next(19)).unwrap_or(&b'"'),
                    2 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, b"\"[=\\ \n"[next(6)]),
                }
                if bytes.is_empty() {
                    bytes.push(b'1');
                }
            }
            match parse_xyz(&bytes) {
                Ok(_) => read += 1,
                Err(failure) => {
                    assert!(failure.message.contains("; "), "{}", failure.message);
                    refused += 1;
                }
            }
        }
    }
    assert!(refused + read == 6000 && read > 1000 && refused > 1000, "{refused} refused, {read} read");
}
