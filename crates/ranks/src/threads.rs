//! Ranks as threads of one process, for tests.

use crate::{Channel, Communicator, Rank};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

type Inbox = Mutex<[VecDeque<(Rank, Vec<u8>)>; Channel::COUNT]>;

/// One of several ranks that live in one process.
#[derive(Debug)]
pub struct ThreadRanks {
    rank: Rank,
    host: String,
    inboxes: Arc<Vec<Inbox>>,
}

impl ThreadRanks {
    /// Ranks 0 to `size - 1`, one for each thread.
    pub fn all(size: usize) -> Vec<Self> {
        let inboxes: Arc<Vec<Inbox>> = Arc::new((0..size).map(|_| Inbox::default()).collect());
        (0..size)
            .map(|index| Self { rank: Rank::from_index(index), host: "localhost".into(), inboxes: inboxes.clone() })
            .collect()
    }

    /// Runs `life` as every rank on a thread each; answers by rank.
    ///
    /// # Panics
    /// When a rank panics.
    pub fn run<T: Send>(size: usize, life: impl Fn(Self) -> T + Sync) -> Vec<T> {
        let life = &life;
        std::thread::scope(|scope| {
            let threads: Vec<_> = Self::all(size).into_iter().map(|rank| scope.spawn(move || life(rank))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }
}

impl Communicator for ThreadRanks {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn size(&self) -> usize {
        self.inboxes.len()
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn send(&mut self, to: Rank, channel: Channel, bytes: Vec<u8>) {
        let mut inbox = self.inboxes[to.index()].lock().unwrap_or_else(PoisonError::into_inner);
        inbox[channel.index()].push_back((self.rank, bytes));
    }

    fn try_receive(&mut self, channel: Channel) -> Option<(Rank, Vec<u8>)> {
        let mut inbox = self.inboxes[self.rank.index()].lock().unwrap_or_else(PoisonError::into_inner);
        inbox[channel.index()].pop_front()
    }

    fn abort(&self, code: i32) -> ! {
        panic!("rank {} aborts with code {code}", self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collective_operations_bring_everyone_together() {
        for size in [1, 2, 3, 5] {
            let answers = ThreadRanks::run(size, |mut ranks| {
                let me = ranks.rank();
                let mut seen = Vec::new();
                for round in 0..20u8 {
                    let word = ranks.broadcast(vec![round; 3]).unwrap();
                    assert_eq!(word, vec![round; 3]);
                    assert!(ranks.agree(true).unwrap());
                    assert!(!ranks.agree(me.index() + 1 != size).unwrap());
                    let own = ranks.scatter((0..size).map(|index| vec![index as u8]).collect()).unwrap();
                    assert_eq!(own, [me.0 as u8]);
                    seen = ranks.gather(vec![me.0 as u8, round]).unwrap();
                    ranks.barrier().unwrap();
                }
                seen
            });
            let expected: Vec<Vec<u8>> = (0..size).map(|index| vec![index as u8, 19]).collect();
            assert_eq!(answers[0], expected);
        }
    }

    #[test]
    fn messages_of_a_pair_keep_their_order_and_channels_do_not_mix() {
        let counts = ThreadRanks::run(3, |mut ranks| {
            for number in 0..100u8 {
                for to in 0..3 {
                    ranks.send(Rank(to), Channel::Work, vec![number]);
                }
            }
            ranks.barrier().unwrap();
            let mut next = [0u8; 3];
            while let Some((from, bytes)) = ranks.try_receive(Channel::Work) {
                assert_eq!(bytes, [next[from.index()]]);
                next[from.index()] += 1;
            }
            next
        });
        assert_eq!(counts, vec![[100; 3]; 3]);
    }
}
