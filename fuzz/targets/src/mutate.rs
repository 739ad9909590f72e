//! Seeds, and what is made of them without a fuzzer: always the same for the same number.

use std::path::{Path, PathBuf};

/// Texts that a target begins with: seeds and earlier findings, in the order of their names.
pub fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default();
    let mut found = Vec::new();
    for folder in ["seeds", "regressions"] {
        for entry in std::fs::read_dir(base.join(folder).join(target)).into_iter().flatten().flatten() {
            if let Ok(bytes) = std::fs::read(entry.path()) {
                found.push((entry.path(), bytes));
            }
        }
    }
    found.sort();
    found
}

const WORDS: [&[u8]; 20] = [
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\0",
    b"\x80",
    b"nan",
    b"1e999",
    b"-1",
    b"1e-300",
    b"999999999999",
    b"\"",
    b"\n",
    b"\\",
    b"{",
    b"[[",
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"loop_",
    b"Lattice=",
];

/// Makes texts of others.
#[derive(Debug, Clone)]
pub struct Mutator(u64);

impl Mutator {
    /// What it makes depends on this number alone.
    pub fn new(number: u64) -> Self {
        Self(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }

    /// One of these texts, changed in some places.
    pub fn next(&mut self, seeds: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
        const LONGEST: usize = 1 << 16;
        let Some((_, seed)) = seeds.get(self.below(seeds.len())) else {
            return (0..self.below(200)).map(|_| self.below(256) as u8).collect();
        };
        let mut bytes = seed.clone();
        for _ in 0..=self.below(5) {
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(60)).min(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(at),
                1 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                2 if !bytes.is_empty() => bytes[at] = self.below(256) as u8,
                3 => drop(bytes.splice(at..at, WORDS[self.below(WORDS.len())].iter().copied())),
                4 => drop(bytes.drain(at..end)),
                5 => {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
                6 => {
                    let other = &seeds[self.below(seeds.len())].1;
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[self.below(other.len()).min(other.len())..]);
                }
                _ => {
                    let word = WORDS[self.below(WORDS.len())];
                    let end = (at + word.len()).min(bytes.len());
                    bytes.splice(at..end, word.iter().copied());
                }
            }
        }
        bytes.truncate(LONGEST);
        bytes
    }
}
