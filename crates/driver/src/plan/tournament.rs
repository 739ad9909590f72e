//! The largest of many keys that change one at a time.

use std::cmp::Ordering;

/// Keys by place, and which place has the largest; of equal keys the first place. A change takes as many steps as the
/// number of places has binary digits.
#[derive(Debug)]
pub(super) struct Tournament<K> {
    keys: Vec<K>,
    /// A binary tree in an array: each node names the place that wins below it. The leaves are the places themselves.
    winners: Vec<usize>,
    compare: fn(&K, &K) -> Ordering,
}

impl<K: Clone> Tournament<K> {
    /// This key at this many places; at least one.
    pub(super) fn new(places: usize, key: K, compare: fn(&K, &K) -> Ordering) -> Self {
        let places = places.max(1);
        let mut tournament = Self { keys: vec![key; places], winners: vec![0; 2 * places], compare };
        for place in 0..places {
            tournament.winners[places + place] = place;
        }
        for node in (1..places).rev() {
            tournament.play(node);
        }
        tournament
    }

    fn play(&mut self, node: usize) {
        let (a, b) = (self.winners[2 * node], self.winners[2 * node + 1]);
        let order = (self.compare)(&self.keys[a], &self.keys[b]).then(b.cmp(&a));
        self.winners[node] = if order == Ordering::Less { b } else { a };
    }

    /// Another key at this place.
    pub(super) fn set(&mut self, place: usize, key: K) {
        self.keys[place] = key;
        let mut node = (self.keys.len() + place) / 2;
        while node > 0 {
            self.play(node);
            node /= 2;
        }
    }

    pub(super) fn key(&self, place: usize) -> &K {
        &self.keys[place]
    }

    /// The place with the largest key.
    pub(super) fn first(&self) -> usize {
        // With one place, node 1 is its leaf.
        self.winners[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_winner_is_the_largest_and_of_equals_the_first(
            places in 1usize..40, changes in prop::collection::vec((0usize..40, 0u8..6), 0..80),
        ) {
            let mut tournament = Tournament::new(places, 3u8, u8::cmp);
            prop_assert_eq!(tournament.first(), 0);
            let mut keys = vec![3u8; places];
            for (place, key) in changes {
                tournament.set(place % places, key);
                keys[place % places] = key;
                let expected = (0..places).max_by(|a, b| keys[*a].cmp(&keys[*b]).then(b.cmp(a))).unwrap();
                prop_assert_eq!(tournament.first(), expected);
                prop_assert_eq!(tournament.key(expected), &keys[expected]);
            }
        }
    }
}
