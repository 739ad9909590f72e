//! Whether a key may be in a run.

use crate::Key;

/// A Bloom filter whose bits of one key lie in one cache line (Putze, Sanders, Singler, ACM JEA 14, 2009).
///
/// Keys are digests, so their bytes are hashes already.
#[derive(Debug)]
pub(crate) struct Filter {
    lines: Vec<[u64; 8]>,
}

/// Bits a key: of keys that are not there one in eighty is taken for one that is.
const BITS_A_KEY: usize = 10;
const LINE_BITS: usize = 512;
const PROBES: u32 = 6;

impl Filter {
    /// For this many keys, without any yet.
    pub(crate) fn new(keys: usize) -> Self {
        Self { lines: vec![[0; 8]; (keys * BITS_A_KEY).div_ceil(LINE_BITS).max(1)] }
    }

    /// Which line, and the hash whose parts are the bits in it.
    fn place(&self, key: &Key) -> (usize, u64) {
        let halves = [0, 8].map(|at| {
            let mut half = [0; 8];
            half.copy_from_slice(&key[at..at + 8]);
            u64::from_le_bytes(half)
        });
        let line = (u128::from(halves[1]) * self.lines.len() as u128) >> 64;
        (line as usize, halves[0])
    }

    pub(crate) fn insert(&mut self, key: &Key) {
        let (line, hash) = self.place(key);
        for probe in 0..PROBES {
            let bit = (hash >> (9 * probe)) as usize % LINE_BITS;
            self.lines[line][bit / 64] |= 1 << (bit % 64);
        }
    }

    pub(crate) fn may_hold(&self, key: &Key) -> bool {
        let (line, hash) = self.place(key);
        (0..PROBES).all(|probe| {
            let bit = (hash >> (9 * probe)) as usize % LINE_BITS;
            self.lines[line][bit / 64] >> (bit % 64) & 1 == 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits of a well mixed sequence (splitmix64).
    fn key(number: u64) -> Key {
        let mixed = |number: u64| {
            let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        (u128::from(mixed(2 * number + 1)) << 64 | u128::from(mixed(2 * number + 2))).to_le_bytes()
    }

    #[test]
    fn what_is_there_is_never_missed_and_what_is_not_seldom_suspected() {
        let mut filter = Filter::new(20_000);
        (0..20_000).for_each(|number| filter.insert(&key(number)));
        assert!((0..20_000).all(|number| filter.may_hold(&key(number))));
        let suspected = (20_000..120_000).filter(|number| filter.may_hold(&key(*number))).count();
        assert!(suspected < 2_000, "{suspected} of 100,000");
    }
}
