//! Looks at a tree.

use super::tree::{Node, Object, Slot, Tree};
use crate::error::Problem;

/// A value in a pickle: cheap to copy, borrowed from its tree.
///
/// References may form cycles; whoever follows them without a plan should remember [`Value::id`].
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    tree: &'a Tree,
    slot: Slot,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum View<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer within 64 bits.
    Int(i64),
    /// An integer beyond: two's complement, little-endian.
    BigInt(&'a [u8]),
    /// A float.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A tuple; see [`Value::items`].
    Tuple,
    /// A list; see [`Value::items`].
    List,
    /// A set; see [`Value::items`].
    Set,
    /// A dictionary; see [`Value::entries`].
    Dict,
    /// A class or function, by name.
    Class(&'a str),
    /// What Python would make with this class or function; see [`Value::arguments`], [`Value::state`].
    Object(&'a str),
    /// A reference out of the pickle; see [`Value::items`] of [`Value::arguments`].
    Persistent,
}

impl Tree {
    /// What the pickle describes.
    pub fn root(&self) -> Value<'_> {
        Value { tree: self, slot: self.root }
    }

    /// Number of objects.
    pub fn n_objects(&self) -> usize {
        self.nodes.len()
    }
}

impl<'a> Value<'a> {
    fn at(self, slot: Slot) -> Self {
        Self { tree: self.tree, slot }
    }

    fn node(self) -> Option<&'a Node> {
        match self.slot {
            Slot::Node(index) => self.tree.nodes.get(index as usize),
            _ => None,
        }
    }

    fn object(self) -> Option<&'a Object> {
        match self.node()? {
            Node::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Identity of an object: two values with one id are the same object. Numbers have none.
    pub fn id(self) -> Option<u32> {
        match self.slot {
            Slot::Node(index) => Some(index),
            _ => None,
        }
    }

    /// What it is.
    pub fn view(self) -> View<'a> {
        match self.slot {
            Slot::None => return View::None,
            Slot::Bool(value) => return View::Bool(value),
            Slot::Int(value) => return View::Int(value),
            Slot::Float(value) => return View::Float(value),
            Slot::Node(_) => {}
        }
        match self.node() {
            None => View::None,
            Some(Node::Text(text)) => View::Text(text),
            Some(Node::Bytes(bytes)) => View::Bytes(bytes),
            Some(Node::BigInt(bytes)) => View::BigInt(bytes),
            Some(Node::Tuple(_)) => View::Tuple,
            Some(Node::List(_)) => View::List,
            Some(Node::Set(_)) => View::Set,
            Some(Node::Dict(_)) => View::Dict,
            Some(Node::Class(name)) => View::Class(name),
            Some(Node::Object(object)) => match self.at(object.class).view() {
                View::Class(name) => View::Object(name),
                _ => View::None,
            },
            Some(Node::Persistent(_)) => View::Persistent,
        }
    }

    /// Whether it is `None`.
    pub fn is_none(self) -> bool {
        self.slot == Slot::None
    }

    /// A truth value.
    pub fn as_bool(self) -> Option<bool> {
        match self.slot {
            Slot::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// An integer.
    pub fn as_int(self) -> Option<i64> {
        match self.slot {
            Slot::Int(value) => Some(value),
            _ => None,
        }
    }

    /// A number; integers are converted.
    pub fn as_float(self) -> Option<f64> {
        match self.slot {
            Slot::Float(value) => Some(value),
            Slot::Int(value) => Some(value as f64),
            _ => None,
        }
    }

    /// Text.
    pub fn as_str(self) -> Option<&'a str> {
        match self.node()? {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Bytes.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        match self.node()? {
            Node::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// `module.name` of an object's class, or of a class itself.
    pub fn class(self) -> Option<&'a str> {
        match self.view() {
            View::Class(name) | View::Object(name) => Some(name),
            _ => None,
        }
    }

    /// Elements of a tuple, list or set, or of an object that is a list; none of anything else.
    pub fn items(self) -> impl ExactSizeIterator<Item = Value<'a>> + Clone {
        let items = match self.node() {
            Some(Node::Tuple(items) | Node::List(items) | Node::Set(items)) => items.as_slice(),
            Some(Node::Object(object)) => &object.items,
            _ => &[],
        };
        items.iter().map(move |slot| self.at(*slot))
    }

    /// Keys and values of a dictionary, or of an object that is one, in order; none of anything else.
    ///
    /// A key that was set twice stands twice; the later counts.
    pub fn entries(self) -> impl DoubleEndedIterator<Item = (Value<'a>, Value<'a>)> + ExactSizeIterator + Clone {
        let entries = match self.node() {
            Some(Node::Dict(entries)) => entries.as_slice(),
            Some(Node::Object(object)) => &object.entries,
            _ => &[],
        };
        entries.iter().map(move |(key, value)| (self.at(*key), self.at(*value)))
    }

    /// Arguments that an object was made with; what a reference out of the pickle refers to.
    pub fn arguments(self) -> Option<Value<'a>> {
        match self.node()? {
            Node::Object(object) => Some(self.at(object.arguments)),
            Node::Persistent(reference) => Some(self.at(*reference)),
            _ => None,
        }
    }

    /// Keyword arguments that an object was made with.
    pub fn keywords(self) -> Option<Value<'a>> {
        self.object()?.keywords.map(|slot| self.at(slot))
    }

    /// What an object's `__setstate__` would be given: mostly a dictionary of its attributes.
    pub fn state(self) -> Option<Value<'a>> {
        self.object()?.state.map(|slot| self.at(slot))
    }

    /// An entry of a dictionary, or an attribute of an object.
    pub fn get(self, name: &str) -> Option<Value<'a>> {
        let entry = |value: Value<'a>| {
            value.entries().rev().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
        };
        if let Some(found) = entry(self) {
            return Some(found);
        }
        let state = self.state()?;
        match state.view() {
            View::Dict => entry(state),
            // Of a class with `__slots__`: (attributes, slots).
            View::Tuple => state.items().filter_map(entry).last(),
            _ => None,
        }
    }

    /// An entry of a dictionary, or an attribute of an object, that must be there.
    ///
    /// # Errors
    /// When it is not; the message names what is there.
    pub fn field(self, name: &str) -> Result<Value<'a>, Problem> {
        self.get(name).ok_or_else(|| Problem::Missing { name: name.to_owned(), place: self.describe() })
    }

    /// A few words for messages.
    pub fn describe(self) -> String {
        let named = |kind: &str, value: Value<'_>| {
            let names: Vec<&str> = value.entries().take(8).map(|(key, _)| key.as_str().unwrap_or("…")).collect();
            format!("{kind} with {} entries ({})", value.entries().len(), names.join(", "))
        };
        match self.view() {
            View::None => "None".to_owned(),
            View::Bool(value) => value.to_string(),
            View::Int(value) => value.to_string(),
            View::BigInt(_) => "a large integer".to_owned(),
            View::Float(value) => value.to_string(),
            View::Text(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
            View::Bytes(bytes) => format!("{} bytes", bytes.len()),
            View::Tuple => format!("a tuple of {}", self.items().len()),
            View::List => format!("a list of {}", self.items().len()),
            View::Set => format!("a set of {}", self.items().len()),
            View::Dict => named("a dictionary", self),
            View::Class(name) => format!("the class {name}"),
            View::Object(name) => named(&format!("a {name}"), self.state().unwrap_or(self)),
            View::Persistent => "a reference out of the pickle".to_owned(),
        }
    }
}
