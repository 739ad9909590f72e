//! What ranks and hosts hold.

use crate::protocol::Tally;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time between two events.
const EVERY: Duration = Duration::from_secs(5);

/// What the ranks of a host hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostMemory {
    /// The host.
    pub host: String,
    /// Ranks on it.
    pub n_ranks: usize,
    /// Their resident sets now, added up, bytes.
    pub resident_bytes: u64,
    /// Their largest resident sets, added up, bytes.
    pub peak_bytes: u64,
    /// The largest resident set of one of them, bytes.
    pub largest_bytes: u64,
}

/// Adds up what ranks report of themselves.
#[derive(Debug)]
pub(crate) struct Monitor {
    hosts: Vec<String>,
    last: Instant,
}

impl Monitor {
    /// With the host of each rank.
    pub(crate) fn new(hosts: Vec<String>) -> Self {
        Self { hosts, last: Instant::now() }
    }

    /// What the hosts hold, if it is time to say so.
    pub(crate) fn if_due<'a>(&mut self, tallies: impl Iterator<Item = &'a Tally>) -> Option<Vec<HostMemory>> {
        if self.last.elapsed() < EVERY {
            return None;
        }
        self.last = Instant::now();
        Some(self.by_host(tallies))
    }

    /// What the hosts hold, in alphabetical order.
    pub(crate) fn by_host<'a>(&self, tallies: impl Iterator<Item = &'a Tally>) -> Vec<HostMemory> {
        let mut hosts: BTreeMap<&str, HostMemory> = BTreeMap::new();
        for (host, tally) in self.hosts.iter().zip(tallies) {
            let memory = hosts.entry(host).or_default();
            memory.n_ranks += 1;
            memory.resident_bytes += tally.resident_bytes;
            memory.peak_bytes += tally.peak_bytes;
            memory.largest_bytes = memory.largest_bytes.max(tally.peak_bytes);
        }
        hosts.into_iter().map(|(host, memory)| HostMemory { host: host.to_owned(), ..memory }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_a_host_are_added_up() {
        let monitor = Monitor::new(["a", "b", "a"].map(str::to_owned).to_vec());
        let tally = |now, peak| Tally { resident_bytes: now, peak_bytes: peak, ..Tally::default() };
        let tallies = [tally(1, 2), tally(5, 5), tally(3, 9)];
        let memory = |host: &str, n_ranks, [resident_bytes, peak_bytes, largest_bytes]: [u64; 3]| HostMemory {
            host: host.into(),
            n_ranks,
            resident_bytes,
            peak_bytes,
            largest_bytes,
        };
        assert_eq!(monitor.by_host(tallies.iter()), [memory("a", 2, [4, 11, 9]), memory("b", 1, [5, 5, 5])]);
    }
}
