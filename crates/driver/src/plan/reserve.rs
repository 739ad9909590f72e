//! What is kept back while the list is still being read.

use super::item::Item;
use super::ranked::Ranked;
use mlip_ranks::Rank;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Structures that wait until all are known, but for the cheapest, which are computed meanwhile.
///
/// Costliest first is the right order for the end of a run only. Before, it would use the costly ones of the window up and
/// leave a window of cheap ones, worth a moment, behind which the last costly ones of the list would stand alone.
#[derive(Debug)]
pub(crate) struct Reserve<W> {
    items: BinaryHeap<Reverse<Ranked<Read<W>>>>,
    cost: f64,
}

/// A structure, and the rank that read it.
type Read<W> = (Rank, Item<W>);

impl<W> Default for Reserve<W> {
    fn default() -> Self {
        Self { items: BinaryHeap::new(), cost: 0.0 }
    }
}

impl<W> Reserve<W> {
    /// Keeps a structure that `home` has read.
    pub(crate) fn push(&mut self, home: Rank, item: Item<W>) {
        self.cost += f64::from(item.cost);
        self.items.push(Reverse(Ranked { cost: item.cost, entry: item.entry, content: (home, item) }));
    }

    /// Gives the cheapest, and the rank that read it.
    pub(crate) fn pop(&mut self) -> Option<(Rank, Item<W>)> {
        let Reverse(Ranked { content, .. }) = self.items.pop()?;
        self.cost = if self.items.is_empty() { 0.0 } else { self.cost - f64::from(content.1.cost) };
        Some(content)
    }

    /// Structures in it.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Their predicted time, seconds.
    pub(crate) fn cost(&self) -> f64 {
        self.cost
    }

    /// Predicts anew, as [`Planner::predict`](super::Planner::predict).
    pub(crate) fn predict(&mut self, predict: impl Fn(&W) -> (f32, f32)) {
        for Reverse(Ranked { content: (home, mut item), .. }) in std::mem::take(self).items {
            let (cost, saves) = predict(&item.work);
            item.cost = cost;
            if let Some(group) = &mut item.group {
                group.saves = saves;
            }
            self.push(home, item);
        }
    }
}
