//! What a rank can say to the others.

use crate::ended::Ended;
use crate::rank::Rank;
use std::time::Duration;

/// Streams of messages that do not mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The work protocol.
    Work,
    /// Collective operations: used by the methods of [`Communicator`] only.
    Collective,
    /// The end of the job: used by [`crate::dismiss`] and [`crate::leave`] only.
    End,
}

impl Channel {
    /// Number of channels.
    pub(crate) const COUNT: usize = 3;

    /// Position in lists with one element a channel.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// A waiting time that grows while nothing happens.
///
/// Polling ranks sleep between looks: at first a millisecond at most, later more, because 64 idle
/// ranks on two cores that wake a thousand times a second would take a fifth of them.
#[derive(Debug, Clone, Copy)]
pub struct Pause {
    next: Duration,
}

impl Pause {
    const FIRST: Duration = Duration::from_micros(200);
    /// Longest pause; bounds the time to an answer of an idle rank.
    pub const LONGEST: Duration = Duration::from_millis(8);

    /// Starts short.
    pub fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// Something happened: start short again.
    pub fn reset(&mut self) {
        self.next = Self::FIRST;
    }

    /// How long to wait now. Up to one millisecond it doubles, after that it grows by an eighth.
    pub fn take(&mut self) -> Duration {
        let now = self.next;
        let grown = if now < Duration::from_millis(1) { now * 2 } else { now + now / 8 };
        self.next = grown.min(Self::LONGEST);
        now
    }

    /// Waits on the calling thread.
    pub fn sleep(&mut self) {
        std::thread::sleep(self.take());
    }
}

impl Default for Pause {
    fn default() -> Self {
        Self::new()
    }
}

/// The ranks of a run, seen from one of them. Used by the main thread of a rank only.
///
/// Messages between two ranks on one channel arrive in the order in which they were sent.
/// Collective operations are called by every rank in the same order.
pub trait Communicator {
    /// This rank.
    fn rank(&self) -> Rank;

    /// Number of ranks.
    fn size(&self) -> usize;

    /// Name of the machine that this rank runs on.
    fn host(&self) -> &str;

    /// Sends a message of any size. Never waits for the receiver to be ready to *use* it: while a
    /// large message is under way, what arrives is received and kept, so that two ranks may send to
    /// each other at the same time. A rank may send to itself.
    fn send(&mut self, to: Rank, channel: Channel, bytes: Vec<u8>);

    /// Sends several messages, as [`send`](Self::send) does, without waiting for one receiver after the other. Messages
    /// for the same rank arrive in their order.
    fn send_all(&mut self, channel: Channel, messages: Vec<(Rank, Vec<u8>)>) {
        for (to, bytes) in messages {
            self.send(to, channel, bytes);
        }
    }

    /// The next message, if one has arrived, and who sent it.
    fn try_receive(&mut self, channel: Channel) -> Option<(Rank, Vec<u8>)>;

    /// Ends the processes of all ranks at once.
    fn abort(&self, code: i32) -> !;

    /// Whether this rank coordinates.
    fn is_root(&self) -> bool {
        self.rank() == Rank::ROOT
    }

    /// Whether the job goes on. Whoever waits for a message looks here as well.
    ///
    /// # Errors
    /// When the root has ended the job or, on the root, when another rank cannot go on. It is said once: hand it on.
    fn check_end(&mut self) -> Result<(), Ended> {
        match self.try_receive(Channel::End) {
            Some((from, bytes)) => Ended::read(from, &bytes).map_or(Ok(()), Err),
            None => Ok(()),
        }
    }

    /// Waits for the next message of a collective operation.
    #[doc(hidden)]
    fn wait_collective(&mut self) -> Result<(Rank, Vec<u8>), Ended> {
        let mut pause = Pause::new();
        loop {
            if let Some(message) = self.try_receive(Channel::Collective) {
                return Ok(message);
            }
            self.check_end()?;
            pause.sleep();
        }
    }

    /// Gives every rank the root's bytes; returns them.
    ///
    /// # Errors
    /// When the job has ended.
    fn broadcast(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, Ended> {
        self.scatter(vec![bytes; self.size()])
    }

    /// Gives every rank its element of the root's list, which has one for each; the lists of the others are not looked at.
    ///
    /// # Errors
    /// When the job has ended.
    fn scatter(&mut self, mut parts: Vec<Vec<u8>>) -> Result<Vec<u8>, Ended> {
        if !self.is_root() {
            return Ok(self.wait_collective()?.1);
        }
        parts.resize(self.size(), Vec::new());
        let others = parts.split_off(1).into_iter().zip(1..);
        let messages = others.map(|(bytes, index)| (Rank::from_index(index), bytes)).collect();
        self.send_all(Channel::Collective, messages);
        Ok(parts.pop().unwrap_or_default())
    }

    /// Brings everyone's bytes to the root, by rank; the others get an empty list. Nobody returns
    /// before the root has received from everybody.
    ///
    /// # Errors
    /// When the job has ended.
    fn gather(&mut self, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, Ended> {
        let all = self.collect(bytes)?;
        self.broadcast(Vec::new())?;
        Ok(all)
    }

    /// [`gather`](Self::gather) without the answer of the root, which the caller must give: a rank
    /// that went on at once could be received from twice before another was.
    #[doc(hidden)]
    fn collect(&mut self, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, Ended> {
        if !self.is_root() {
            self.send(Rank::ROOT, Channel::Collective, bytes);
            return Ok(Vec::new());
        }
        let mut all = vec![Vec::new(); self.size()];
        all[0] = bytes;
        for _ in 1..self.size() {
            let (from, bytes) = self.wait_collective()?;
            all[from.index()] = bytes;
        }
        Ok(all)
    }

    /// Whether all ranks say `true`. Nobody returns before everybody called it.
    ///
    /// # Errors
    /// When the job has ended.
    fn agree(&mut self, ok: bool) -> Result<bool, Ended> {
        let votes = self.collect(vec![u8::from(ok)])?;
        let all = votes.iter().all(|vote| vote == &[1]);
        Ok(self.broadcast(vec![u8::from(all)])? == [1])
    }

    /// Nobody returns before everybody called it.
    ///
    /// # Errors
    /// When the job has ended.
    fn barrier(&mut self) -> Result<(), Ended> {
        self.agree(true).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_start_again() {
        let mut pause = Pause::new();
        let first = pause.take();
        let mut last = first;
        for _ in 0..100 {
            let next = pause.take();
            assert!(next >= last);
            last = next;
        }
        assert_eq!(last, Pause::LONGEST);
        pause.reset();
        assert_eq!(pause.take(), first);
    }
}
