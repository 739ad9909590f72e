//! Work that is spread over the threads of the pool in which the caller runs.
//!
//! Outside of a pool everything is done by the calling thread; the global pool is never used. What is computed must
//! not depend on how it is divided: parts write to places of their own, and where many rows are added to one, the
//! order of the terms is that of the rows. Then results have the same bits for every number of threads.

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use std::ops::Range;

/// Parts for each thread, so that one that is late does not keep the others waiting.
const PARTS_PER_THREAD: usize = 6;

/// Threads that can work at the same time.
pub fn available() -> usize {
    if rayon::current_thread_index().is_some() { rayon::current_num_threads() } else { 1 }
}

/// Threads worth waking for `work` pieces of which one thread should do at least `grain`.
pub fn worthwhile(work: usize, grain: usize) -> usize {
    if work < 2 * grain { 1 } else { available().min(work / grain) }
}

/// Cuts `0..n` into parts for the threads, each a multiple of `unit` but the last and at least `grain` long; a single
/// part where that is not worthwhile.
pub fn ranges(n: usize, unit: usize, grain: usize) -> Vec<Range<usize>> {
    let threads = worthwhile(n, grain);
    if threads == 1 {
        return std::iter::once(0..n).collect();
    }
    let parts = (threads * PARTS_PER_THREAD).min(n / grain);
    let length = n.div_ceil(parts).next_multiple_of(unit);
    (0..n).step_by(length).map(|first| first..n.min(first + length)).collect()
}

/// Cuts rows of `width` numbers at ranges that follow each other from row 0.
pub fn split<'a, T>(mut rows: &'a mut [T], width: usize, ranges: &[Range<usize>]) -> Vec<&'a mut [T]> {
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (part, rest) = std::mem::take(&mut rows).split_at_mut(range.len() * width);
        parts.push(part);
        rows = rest;
    }
    parts
}

/// Runs `task` on all parts, at the same time if there are threads for it.
pub fn for_each<P: Send>(parts: Vec<P>, task: impl Fn(P) + Send + Sync) {
    if parts.len() < 2 || available() == 1 {
        parts.into_iter().for_each(task);
    } else {
        parts.into_par_iter().with_max_len(1).for_each(task);
    }
}

/// Calls `task` with parts of `rows`, each with the number of its first row; rows have `width` numbers.
pub fn for_each_rows<T: Send>(
    rows: &mut [T],
    width: usize,
    grain: usize,
    task: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    let ranges = ranges(rows.len() / width, 1, grain);
    let parts = split(rows, width, &ranges).into_iter().zip(&ranges).collect();
    for_each(parts, |(part, range): (&mut [T], &Range<usize>)| task(range.start, part));
}

/// This many zeros. Where they are so many that it pays, threads write them: what one thread clears alone keeps all
/// others waiting, and memory that a thread touched first lies near it.
pub fn zeros<T: Copy + Default + Send + Sync>(n: usize) -> Vec<T> {
    /// A quarter of a megabyte of single precision.
    const GRAIN: usize = 1 << 16;
    match worthwhile(n, GRAIN) {
        1 => vec![T::default(); n],
        _ => rayon::iter::repeat_n(T::default(), n).with_min_len(GRAIN).collect(),
    }
}

/// Rows divided among owners, who alone write to them.
///
/// Neighboring rows go to different owners, a few at a time: in a stretch of work that touches rows close to each
/// other all owners have something to do.
#[derive(Debug)]
pub struct Share<'a, T> {
    owner: usize,
    n_owners: usize,
    stride: usize,
    blocks: Vec<&'a mut [T]>,
}

/// Rows that stay together.
const DEALT: usize = 16;

/// Deals out rows of `stride` numbers.
pub fn divide_rows<T>(rows: &mut [T], stride: usize, n_owners: usize) -> Vec<Share<'_, T>> {
    let share = |owner| Share { owner, n_owners, stride, blocks: Vec::new() };
    let mut shares = (0..n_owners).map(share).collect::<Vec<_>>();
    for (index, block) in rows.chunks_mut(DEALT * stride).enumerate() {
        shares[index % n_owners].blocks.push(block);
    }
    shares
}

impl<T> Share<'_, T> {
    /// The numbers of a row from a column on, if the row belongs to this share.
    #[inline(always)]
    pub fn row(&mut self, row: usize, column: usize, width: usize) -> Option<&mut [T]> {
        let block = row / DEALT;
        if block % self.n_owners != self.owner {
            return None;
        }
        let at = row % DEALT * self.stride + column;
        Some(&mut self.blocks[block / self.n_owners][at..at + width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn without_a_pool_the_caller_does_everything_in_one_part() {
        assert_eq!((available(), ranges(1000, 8, 10).len()), (1, 1));
        let own = std::thread::current().id();
        for_each((0..100).collect(), |_: usize| assert_eq!(std::thread::current().id(), own));
    }

    #[test]
    fn parts_cover_all_rows_once() {
        pool(3).install(|| {
            for n in [0, 1, 9, 10, 19, 20, 21, 480, 1001] {
                let mut rows = vec![0; 2 * n];
                for_each_rows(&mut rows, 2, 10, |first, part| {
                    for (index, x) in part.iter_mut().enumerate() {
                        *x += 1 + 2 * first + index;
                    }
                });
                assert_eq!(rows, (1..=2 * n).collect::<Vec<_>>());
            }
            assert!(ranges(480, 48, 48).iter().all(|range| range.start % 48 == 0));
            assert_eq!(ranges(19, 1, 10).len(), 1);
        });
    }

    #[test]
    fn zeros_are_as_many_as_asked_for() {
        for n in [0, 7, 1 << 16, (1 << 18) + 3] {
            assert_eq!(pool(3).install(|| zeros::<f32>(n)), vec![0.0; n]);
        }
    }

    #[test]
    fn every_row_has_one_owner() {
        let mut rows = (0..3 * 137).collect::<Vec<usize>>();
        let mut shares = divide_rows(&mut rows, 3, 4);
        for row in 0..137 {
            let found = shares.iter_mut().filter_map(|share| share.row(row, 1, 2).map(|x| x.to_vec()));
            assert_eq!(found.collect::<Vec<_>>(), [vec![3 * row + 1, 3 * row + 2]]);
        }
    }

    #[test]
    fn a_panic_of_a_part_reaches_the_caller() {
        let run = || pool(2).install(|| for_each(vec![1, 2, 3], |part| assert_ne!(part, 2, "part two")));
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
