//! A run of one process.

use crate::{Channel, Communicator, Rank};
use std::collections::VecDeque;

/// The only rank of its run.
#[derive(Debug, Default)]
pub struct Solo {
    host: String,
    inbox: [VecDeque<Vec<u8>>; Channel::COUNT],
}

impl Solo {
    /// `host` is the name of this machine.
    pub fn new(host: String) -> Self {
        Self { host, inbox: Default::default() }
    }
}

impl Communicator for Solo {
    fn rank(&self) -> Rank {
        Rank::ROOT
    }

    fn size(&self) -> usize {
        1
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn send(&mut self, _to: Rank, channel: Channel, bytes: Vec<u8>) {
        self.inbox[channel.index()].push_back(bytes);
    }

    fn try_receive(&mut self, channel: Channel) -> Option<(Rank, Vec<u8>)> {
        self.inbox[channel.index()].pop_front().map(|bytes| (Rank::ROOT, bytes))
    }

    fn abort(&self, code: i32) -> ! {
        std::process::exit(code)
    }
}
