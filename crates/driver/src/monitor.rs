//! What ranks and nodes hold, for people (`--monitor-memory`).

use crate::protocol::Tally;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time between two lines.
const EVERY: Duration = Duration::from_secs(5);

/// Tells of memory on stderr.
pub(crate) struct Monitor {
    hosts: Vec<String>,
    last: Instant,
}

impl Monitor {
    /// With the host of each rank.
    pub(crate) fn new(hosts: Vec<String>) -> Self {
        Self { hosts, last: Instant::now() }
    }

    /// Says what ranks hold, if it is time to.
    pub(crate) fn tell<'a>(&mut self, tallies: impl Iterator<Item = &'a Tally>) {
        if self.last.elapsed() >= EVERY {
            self.last = Instant::now();
            self.describe(tallies).iter().for_each(|line| tracing::info!("{line}"));
        }
    }

    /// A line for each host.
    pub(crate) fn describe<'a>(&self, tallies: impl Iterator<Item = &'a Tally>) -> Vec<String> {
        let mut nodes: BTreeMap<&str, (usize, u64, u64, u64)> = BTreeMap::new();
        for (host, tally) in self.hosts.iter().zip(tallies) {
            let (ranks, now, peak, largest) = nodes.entry(host).or_default();
            *ranks += 1;
            *now += tally.resident_bytes;
            *peak += tally.peak_bytes;
            *largest = (*largest).max(tally.peak_bytes);
        }
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        nodes
            .iter()
            .map(|(host, (ranks, now, peak, largest))| {
                format!(
                    "memory on {host}: {:.0} MB resident in {ranks} ranks, peaks add up to {:.0} MB, the largest is {:.0} MB",
                    megabytes(*now),
                    megabytes(*peak),
                    megabytes(*largest)
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_a_node_are_added_up() {
        let monitor = Monitor::new(["a", "b", "a"].map(str::to_owned).to_vec());
        let tally = |now, peak| Tally { resident_bytes: now, peak_bytes: peak, ..Tally::default() };
        let tallies = [tally(1_000_000, 2_000_000), tally(5_000_000, 5_000_000), tally(3_000_000, 9_000_000)];
        let lines = monitor.describe(tallies.iter());
        assert_eq!(lines[0], "memory on a: 4 MB resident in 2 ranks, peaks add up to 11 MB, the largest is 9 MB");
        assert_eq!(lines[1], "memory on b: 5 MB resident in 1 ranks, peaks add up to 5 MB, the largest is 5 MB");
    }
}
