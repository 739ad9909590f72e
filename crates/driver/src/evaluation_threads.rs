//! The threads inside one evaluation.

use std::io;
use std::num::NonZeroUsize;

/// The threads inside one evaluation.
pub(crate) struct EvaluationThreads(Option<rayon::ThreadPool>);

impl EvaluationThreads {
    /// One thread is the calling thread itself.
    pub(crate) fn new(pool: Option<rayon::ThreadPool>) -> Self {
        Self(pool)
    }

    pub(crate) fn number(&self) -> usize {
        self.0.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    pub(crate) fn run<T: Send>(&self, evaluation: impl FnOnce() -> T + Send) -> T {
        match &self.0 {
            Some(pool) => pool.install(evaluation),
            None => evaluation(),
        }
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
