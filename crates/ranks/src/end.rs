//! The one way to end a job, from any rank and in any phase.
//!
//! What is to be said is said by the root, before any rank is let go: launchers kill the others as soon as they see one
//! process end with a code that is not 0. So the root says its last words and calls [`dismiss`]; every other rank calls
//! [`leave`], with what keeps it from going on, if anything, and stays until the root lets it go. Whoever waits for a
//! message meanwhile gets [`Ended`] instead. The root takes in whatever is still under way, so that nobody waits in a send
//! for ever.

use crate::communicator::{Channel, Communicator, Pause};
use crate::ended::{Ended, Word};
use crate::rank::Rank;
use std::time::{Duration, Instant};

/// A rank that has not answered for so long (it loads a large file, or stands still) is not waited for: the launcher ends
/// all processes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a rank other than the root leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// It is done, or knows that the root is about to end the job.
    Done,
    /// The root has ended the job: [`Ended::ByRoot`].
    Dismissed {
        /// What every process of the job exits with.
        code: i32,
    },
    /// It cannot go on.
    Unable {
        /// Why, in a line; the root says it.
        message: String,
        /// What every process of the job should exit with.
        code: i32,
    },
}

/// On the root, when everything is said: lets all other ranks go with this code. Returns when they have taken leave.
pub fn dismiss(ranks: &mut dyn Communicator, code: i32) {
    let others: Vec<Rank> = (1..ranks.size()).map(Rank::from_index).collect();
    let word = Word::Go { code }.bytes();
    ranks.send_all(Channel::End, others.iter().map(|rank| (*rank, word.clone())).collect());
    let mut here = others.len();
    let begin = Instant::now();
    let mut pause = Pause::new();
    while here > 0 {
        discard(ranks);
        match ranks.try_receive(Channel::End) {
            Some((_, bytes)) => {
                here -= usize::from(Word::read(&bytes) == Some(Word::Gone));
                pause.reset();
            }
            None if begin.elapsed() >= PATIENCE => ranks.abort(code),
            None => pause.sleep(),
        }
    }
}

/// On every other rank, whatever became of its work: waits until the root lets it go. What the process exits with.
pub fn leave(ranks: &mut dyn Communicator, why: Leaving) -> i32 {
    let mut dismissed = None;
    match why {
        Leaving::Done => {}
        Leaving::Dismissed { code } => dismissed = Some(code),
        Leaving::Unable { message, code } => {
            ranks.send(Rank::ROOT, Channel::End, Word::Unable { code, message }.bytes());
        }
    }
    let mut pause = Pause::new();
    let code = loop {
        if let Some(code) = dismissed {
            break code;
        }
        discard(ranks);
        match ranks.check_end() {
            Err(Ended::ByRoot { code }) => dismissed = Some(code),
            Err(Ended::ByRank { .. }) | Ok(()) => pause.sleep(),
        }
    };
    ranks.send(Rank::ROOT, Channel::End, Word::Gone.bytes());
    code
}

/// Takes in what nobody needs any more: its sender may wait for that.
fn discard(ranks: &mut dyn Communicator) {
    while ranks.try_receive(Channel::Work).is_some() {}
    while ranks.try_receive(Channel::Collective).is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ThreadRanks;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Every rank does its part of the work, then leaves; codes by rank, and what the root had to say.
    fn job(size: usize, work: impl Fn(&mut ThreadRanks) -> Result<(), Ended> + Sync) -> (Vec<i32>, Option<String>) {
        let said = AtomicBool::new(false);
        let ends = ThreadRanks::run(size, |mut ranks| {
            let result = work(&mut ranks);
            if !ranks.is_root() {
                let why = match result {
                    Ok(()) => Leaving::Done,
                    Err(Ended::ByRoot { code }) => Leaving::Dismissed { code },
                    Err(Ended::ByRank { message, code, .. }) => Leaving::Unable { message, code },
                };
                let code = leave(&mut ranks, why);
                assert!(said.load(Ordering::SeqCst), "nobody goes before the root has spoken");
                return (code, None);
            }
            let (code, message) = match result {
                Ok(()) => (0, None),
                Err(Ended::ByRank { code, ref message, .. }) => (code, Some(message.clone())),
                Err(Ended::ByRoot { code }) => (code, Some("the root".into())),
            };
            // Others must not be gone meanwhile.
            std::thread::sleep(Duration::from_millis(20));
            said.store(true, Ordering::SeqCst);
            dismiss(&mut ranks, code);
            (code, message)
        });
        let (codes, mut said): (Vec<i32>, Vec<_>) = ends.into_iter().unzip();
        (codes, said.swap_remove(0))
    }

    #[test]
    fn an_error_of_any_rank_ends_all_with_its_code_and_one_message() {
        for size in [1, 2, 3, 8] {
            for who in 0..size {
                let (codes, said) = job(size, |ranks| {
                    if ranks.rank().index() == who {
                        let (rank, code) = (ranks.rank(), 40 + who as i32);
                        return Err(match rank {
                            Rank::ROOT => Ended::ByRoot { code },
                            rank => Ended::ByRank { rank, message: format!("of {who}"), code },
                        });
                    }
                    // The others wait for something that will never come.
                    ranks.broadcast(Vec::new())?;
                    ranks.gather(vec![1])?;
                    ranks.barrier()
                });
                assert_eq!(codes, vec![40 + who as i32; size]);
                assert_eq!(said.unwrap(), if who == 0 { "the root".to_owned() } else { format!("of {who}") });
            }
        }
    }

    #[test]
    fn a_good_end_waits_for_the_last_words_too() {
        let (codes, said) = job(5, |ranks| ranks.barrier());
        assert_eq!((codes, said), (vec![0; 5], None));
    }

    #[test]
    fn of_several_errors_one_is_said() {
        let (codes, said) = job(6, |ranks| match ranks.rank() {
            Rank::ROOT => ranks.barrier(),
            rank => Err(Ended::ByRank { rank, message: "mine".into(), code: 7 }),
        });
        assert_eq!((codes, said.as_deref()), (vec![7; 6], Some("mine")));
    }
}
