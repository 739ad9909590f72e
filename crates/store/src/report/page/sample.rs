//! Some of many rows, chosen by their places alone.

use std::collections::BTreeMap;

/// At most so many of the rows that come by, in their order. A row is chosen by a hash of its place in the table, so the same
/// rows are, whoever made them; each has the same chance.
#[derive(Debug)]
pub(super) struct Sample<T> {
    most: usize,
    /// By hash and place.
    chosen: BTreeMap<(u64, u64), T>,
    n_seen: u64,
}

impl<T> Sample<T> {
    /// Of none yet.
    pub(super) fn new(most: usize) -> Self {
        Self { most, chosen: BTreeMap::new(), n_seen: 0 }
    }

    /// Looks at the row in this place.
    pub(super) fn see(&mut self, place: u64, row: T) {
        self.n_seen += 1;
        let key = (mix(place), place);
        if self.chosen.len() < self.most {
            self.chosen.insert(key, row);
        } else if self.chosen.last_key_value().is_some_and(|(last, _)| key < *last) {
            self.chosen.insert(key, row);
            self.chosen.pop_last();
        }
    }

    /// Rows that came by.
    pub(super) fn n_seen(&self) -> u64 {
        self.n_seen
    }

    /// Whether rows are missing in it.
    pub(super) fn is_partial(&self) -> bool {
        self.n_seen > self.chosen.len() as u64
    }

    /// Those that were chosen, in the order of the hash.
    pub(super) fn rows(&self) -> impl Iterator<Item = &T> {
        self.chosen.values()
    }
}

/// Steele, Lea and Flood's SplitMix64: neighbors are far apart.
fn mix(place: u64) -> u64 {
    let mut z = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Of sorted numbers, the one below which this part of them lies; `None` of none.
pub(super) fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((part * last as f64).round() as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_bounded_even_and_the_same_in_any_order() {
        let mut sample = Sample::new(1000);
        (0..100_000).for_each(|place| sample.see(place, place));
        let mut backwards = Sample::new(1000);
        (0..100_000).rev().for_each(|place| backwards.see(place, place));
        let chosen: Vec<u64> = sample.rows().copied().collect();
        assert_eq!((chosen.len(), sample.n_seen(), sample.is_partial()), (1000, 100_000, true));
        assert_eq!(chosen, backwards.rows().copied().collect::<Vec<_>>());
        let first_half = chosen.iter().filter(|place| **place < 50_000).count();
        assert!((420..580).contains(&first_half), "{first_half}");
    }

    #[test]
    fn few_rows_are_all_there() {
        let mut sample = Sample::new(10);
        (0..10).for_each(|place| sample.see(place, place as f64));
        assert!(!sample.is_partial());
        let mut numbers: Vec<f64> = sample.rows().copied().collect();
        numbers.sort_by(f64::total_cmp);
        assert_eq!([0.0, 0.5, 1.0].map(|part| quantile(&numbers, part)), [Some(0.0), Some(5.0), Some(9.0)]);
        assert_eq!(quantile(&[], 0.5), None);
    }
}
