//! Tasks that may be what processes died of: they go last, and not too many at a time.

use super::state::Treatments;
use crate::plan::Item;
use mlip_store::CrashPolicy;
use std::collections::BTreeMap;

/// What is said of a task whose process died without a sign again and again.
pub(super) fn silent_deaths(structure: &str, potential: &str, silent: u32, policy: CrashPolicy) -> String {
    let after = match policy.max_crashes {
        0 => String::new(),
        _ => format!("; after {} such deaths it is given up", CrashPolicy::MOST_SILENT),
    };
    format!(
        "{structure} with {potential}: the process was killed {silent} times while nothing else was in flight, and nothing \
         says why (no fault, no want of memory). It counts as killed from outside and is tried again, after all others{after}. \
         If it is the structure's doing, take it out of the input, or give each rank more memory"
    )
}

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
