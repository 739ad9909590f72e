//! Mixtures of the compositions that were used last.

use super::merged::Merged;
use super::routing::Composition;
use mlip_atoms::PredictError;
use mlip_kernels::simd::Real;
use std::sync::{Arc, Mutex, PoisonError};

/// Least recently used first. Bounded in bytes; what is in use lives on until its evaluation ends.
#[derive(Debug)]
pub(super) struct Cache<T> {
    limit: u64,
    held: Mutex<Vec<Slot<T>>>,
}

#[derive(Debug)]
struct Slot<T> {
    composition: Composition,
    /// Empty while a thread mixes it; others that want it wait here.
    merged: Arc<Mutex<Option<Arc<Merged<T>>>>>,
}

impl<T: Real> Cache<T> {
    /// Holds at least the last one, and more while they have `limit` bytes together.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, held: Mutex::new(Vec::new()) }
    }

    /// The mixture of this composition, made by `merge` if it is not held.
    pub(super) fn get(
        &self,
        composition: Composition,
        merge: impl FnOnce(&Composition) -> Result<Merged<T>, PredictError>,
    ) -> Result<Arc<Merged<T>>, PredictError> {
        let place = {
            let mut held = self.lock();
            let slot = match held.iter().position(|slot| slot.composition == composition) {
                Some(at) => held.remove(at),
                None => Slot { composition: composition.clone(), merged: Arc::default() },
            };
            let place = slot.merged.clone();
            held.push(slot);
            place
        };
        let mut filled = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(merged) = &*filled {
            return Ok(merged.clone());
        }
        let merged = Arc::new(merge(&composition)?);
        *filled = Some(merged.clone());
        drop(filled);
        self.shrink(merged.bytes());
        Ok(merged)
    }

    /// Drops the least recently used ones. All mixtures of a model have the same size.
    fn shrink(&self, bytes: u64) {
        let mut held = self.lock();
        let most = (self.limit / bytes.max(1)).max(1) as usize;
        let excess = held.len().saturating_sub(most);
        held.drain(..excess);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Slot<T>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compositions held, for tests.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}
