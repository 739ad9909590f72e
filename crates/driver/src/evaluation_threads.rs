//! The threads inside one evaluation.

use std::io;
use std::num::NonZeroUsize;

/// The threads inside one evaluation.
pub(crate) struct EvaluationThreads {
    own: Option<rayon::ThreadPool>,
    /// More than its own, while other workers have nothing to do.
    lent: Option<rayon::ThreadPool>,
}

impl EvaluationThreads {
    /// One thread is the calling thread itself.
    pub(crate) fn new(pool: Option<rayon::ThreadPool>) -> Self {
        Self { own: pool, lent: None }
    }

    /// Those that are its own.
    pub(crate) fn number(&self) -> usize {
        self.own.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Runs an evaluation on its own threads, or on this many if these are more. What is computed is the same.
    pub(crate) fn run<T: Send>(&mut self, threads: usize, evaluation: impl FnOnce() -> T + Send) -> T {
        if threads > self.number() {
            if self.lent.as_ref().is_none_or(|pool| pool.current_num_threads() != threads) {
                // Threads that cannot be had are done without.
                self.lent = rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok();
            }
            if let Some(pool) = &self.lent {
                return pool.install(evaluation);
            }
        }
        match &self.own {
            Some(pool) => pool.install(evaluation),
            None => evaluation(),
        }
    }
}

/// Threads for each of the last evaluations under way, of all that a rank has: a power of two, so that they do not change
/// with every evaluation that ends.
pub(crate) fn lent_threads(all: usize, evaluations: usize) -> usize {
    match all / evaluations.max(1) {
        0 | 1 => 1,
        each => 1 << each.ilog2(),
    }
}

/// A pool for the threads of one evaluation; the calling thread alone needs none.
pub(crate) fn evaluation_threads(threads: NonZeroUsize) -> io::Result<EvaluationThreads> {
    if threads.get() == 1 {
        return Ok(EvaluationThreads::new(None));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build().map_err(io::Error::other)?;
    Ok(EvaluationThreads::new(Some(pool)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_lent_and_given_back() {
        let mut threads = evaluation_threads(NonZeroUsize::MIN).unwrap();
        let here = std::thread::current().id();
        let seen = |threads: &mut EvaluationThreads, lent| {
            threads.run(lent, || {
                let is_in_pool = rayon::current_thread_index().is_some();
                (if is_in_pool { rayon::current_num_threads() } else { 1 }, std::thread::current().id() == here)
            })
        };
        assert_eq!(seen(&mut threads, 1), (1, true));
        assert_eq!(seen(&mut threads, 4), (4, false));
        assert_eq!(seen(&mut threads, 2), (2, false));
        assert_eq!(seen(&mut threads, 1), (1, true));
        assert_eq!(threads.number(), 1);
    }

    #[test]
    fn all_threads_are_divided_among_evaluations() {
        let lent = |evaluations| lent_threads(16, evaluations);
        assert_eq!([0, 1, 2, 3, 4, 5, 8, 9, 16, 20].map(lent), [16, 16, 8, 4, 4, 2, 2, 1, 1, 1]);
        assert_eq!(lent_threads(1, 1), 1);
    }
}
