//! What waits to be handed out.

use super::item::Item;
use super::ranked::Ranked;
use std::collections::BinaryHeap;

/// What stands in the queue of a rank.
#[derive(Debug)]
pub(super) enum Candidate<W> {
    One(Item<W>),
    /// A group, by its key; without meaning once a rank has begun it.
    Group(u64),
}

/// The structures of a group that are left.
#[derive(Debug)]
pub(super) struct Gathered<W> {
    pub(super) home: usize,
    pub(super) items: BinaryHeap<Ranked<Item<W>>>,
    /// Seconds.
    pub(super) cost: f64,
    pub(super) begun: bool,
}
