//! Tasks that may be what processes died of: they go last, and not too many at a time.

use super::state::Treatments;
use crate::plan::Item;
use std::collections::BTreeMap;

/// Suspects that wait, by how many of them may be in flight at most.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    by_company: BTreeMap<u32, Vec<Item<Treatments>>>,
    len: usize,
}

impl Suspects {
    /// Adds one that may be in flight with this many suspects in all, itself among them.
    pub(super) fn push(&mut self, company: u32, item: Item<Treatments>) {
        self.by_company.entry(company.max(1)).or_default().push(item);
        self.len += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Their predicted time, seconds.
    pub(super) fn cost(&self) -> f64 {
        self.by_company.values().flatten().map(|item| f64::from(item.cost)).sum()
    }

    /// At most this many that may go while `in_flight` others do: those that may have most company first, so that all in
    /// flight may have as much as the last.
    pub(super) fn next(&mut self, at_most: usize, in_flight: usize) -> Vec<Item<Treatments>> {
        let mut shard = Vec::new();
        while shard.len() < at_most
            && let Some(mut most) = self.by_company.last_entry()
            && in_flight + shard.len() < *most.key() as usize
        {
            shard.extend(most.get_mut().pop());
            if most.get().is_empty() {
                most.remove();
            }
            self.len -= 1;
        }
        shard
    }
}
