//! Objects with shared references: an arena, so that cycles are possible and nothing is recursive.

/// What a pickle describes. Read it through [`crate::Value`].
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Slot,
}

/// A value, or the index of an object in the arena.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Slot {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Node(u32),
}

/// An object. Two slots with one index are the same object, as in Python.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Bytes(Vec<u8>),
    /// An integer beyond 64 bits, two's complement, little-endian.
    BigInt(Vec<u8>),
    Tuple(Vec<Slot>),
    List(Vec<Slot>),
    Set(Vec<Slot>),
    /// In order of insertion; a key that was set twice stands twice, and the later counts.
    Dict(Vec<(Slot, Slot)>),
    /// `module.name` of a class or function.
    Class(String),
    /// What Python would make by calling a class or function.
    Object(Box<Object>),
    /// A reference out of the pickle: torch's storages.
    Persistent(Slot),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    /// `module.name` stands in this node.
    pub(super) class: Slot,
    /// A tuple.
    pub(super) arguments: Slot,
    /// Keyword arguments.
    pub(super) keywords: Option<Slot>,
    /// What `__setstate__` would be given.
    pub(super) state: Option<Slot>,
    /// Of a subclass of `list`.
    pub(super) items: Vec<Slot>,
    /// Of a subclass of `dict`.
    pub(super) entries: Vec<(Slot, Slot)>,
}
