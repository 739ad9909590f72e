//! The machine: a stack, a memo, an arena, and what can be done to them.

use super::classes::is_allowed;
use super::tree::{Node, Object, Slot, Tree};
use crate::error::Fault;
use std::collections::HashMap;

/// What a pickle is built with.
pub(super) struct Machine<'a> {
    allowed: &'a [&'a str],
    limit: usize,
    /// Elements that may still be copied from one container into another.
    copies: usize,
    nodes: Vec<Node>,
    pub(super) stack: Vec<Slot>,
    /// Heights of the stack.
    pub(super) marks: Vec<usize>,
    pub(super) memo: HashMap<u64, Slot>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(input_bytes: usize, allowed: &'a [&'a str], max_objects: usize) -> Self {
        Self {
            allowed,
            limit: max_objects.min(u32::MAX as usize),
            copies: input_bytes,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
    }

    pub(super) fn into_tree(self, root: Slot) -> Tree {
        Tree { nodes: self.nodes, root }
    }

    pub(super) fn check(&self, used: usize) -> Result<(), Fault> {
        if used < self.limit { Ok(()) } else { Err(Fault::TooManyObjects(self.limit)) }
    }

    pub(super) fn push(&mut self, slot: Slot) -> Result<(), Fault> {
        self.check(self.stack.len())?;
        self.stack.push(slot);
        Ok(())
    }

    pub(super) fn push_node(&mut self, node: Node) -> Result<(), Fault> {
        self.check(self.nodes.len())?;
        let index = u32::try_from(self.nodes.len()).map_err(|_| Fault::TooManyObjects(self.limit))?;
        self.nodes.push(node);
        self.push(Slot::Node(index))
    }

    /// Nothing is taken from below the last mark, as in Python.
    pub(super) fn pop(&mut self) -> Result<Slot, Fault> {
        if self.stack.len() <= self.marks.last().copied().unwrap_or(0) {
            return Err(Fault::StackUnderflow);
        }
        self.stack.pop().ok_or(Fault::StackUnderflow)
    }

    /// `POP` also takes a mark that lies on top.
    pub(super) fn drop_top(&mut self) -> Result<(), Fault> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(|_| ())
    }

    pub(super) fn pop_to_mark(&mut self) -> Result<Vec<Slot>, Fault> {
        let height = self.marks.pop().ok_or(Fault::StackUnderflow)?;
        if height > self.stack.len() {
            return Err(Fault::StackUnderflow);
        }
        Ok(self.stack.split_off(height))
    }

    pub(super) fn top(&self) -> Result<Slot, Fault> {
        if self.stack.len() <= self.marks.last().copied().unwrap_or(0) {
            return Err(Fault::StackUnderflow);
        }
        self.stack.last().copied().ok_or(Fault::StackUnderflow)
    }

    pub(super) fn top_node(&mut self) -> Result<&mut Node, Fault> {
        match self.top()? {
            Slot::Node(index) => self.nodes.get_mut(index as usize).ok_or(Fault::StackUnderflow),
            _ => Err(Fault::Operand("an object")),
        }
    }

    pub(super) fn node(&self, slot: Slot) -> Option<&Node> {
        match slot {
            Slot::Node(index) => self.nodes.get(index as usize),
            _ => None,
        }
    }

    pub(super) fn as_text(&self, slot: Slot) -> Result<&str, Fault> {
        match self.node(slot) {
            Some(Node::Text(text)) => Ok(text),
            _ => Err(Fault::Operand("text")),
        }
    }

    pub(super) fn integer(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() > 8 {
            return self.push_node(Node::BigInt(bytes.to_vec()));
        }
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [sign; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        self.push(Slot::Int(i64::from_le_bytes(wide)))
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), Fault> {
        self.push_node(Node::Text(text.to_owned()))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.push_node(Node::Bytes(bytes.to_vec()))
    }

    /// Python 2 did not tell text from bytes.
    pub(super) fn string(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text),
            Err(_) => self.bytes(bytes),
        }
    }

    pub(super) fn tuple(&mut self, length: usize) -> Result<(), Fault> {
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push_node(Node::Tuple(items))
    }

    pub(super) fn append(&mut self, added: Vec<Slot>) -> Result<(), Fault> {
        match self.top_node()? {
            Node::List(items) => items.extend(added),
            Node::Object(object) => object.items.extend(added),
            _ => return Err(Fault::Operand("a list")),
        }
        Ok(())
    }

    pub(super) fn set_items(&mut self, added: Vec<(Slot, Slot)>) -> Result<(), Fault> {
        match self.top_node()? {
            Node::Dict(entries) => entries.extend(added),
            Node::Object(object) => object.entries.extend(added),
            _ => return Err(Fault::Operand("a dictionary")),
        }
        Ok(())
    }

    pub(super) fn put(&mut self, index: u64) -> Result<(), Fault> {
        self.check(self.memo.len())?;
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    pub(super) fn get(&mut self, index: u64) -> Result<(), Fault> {
        let slot = self.memo.get(&index).copied().ok_or(Fault::UnknownMemo(index))?;
        self.push(slot)
    }

    pub(super) fn class(&mut self, name: String) -> Result<(), Fault> {
        if !is_allowed(&name, self.allowed) {
            return Err(Fault::UnknownClass(name));
        }
        self.push_node(Node::Class(name))
    }

    /// Notes a call. Calls that only make a container are replaced by that container.
    pub(super) fn call(&mut self, class: Slot, arguments: Slot, keywords: Option<Slot>) -> Result<(), Fault> {
        let Some(Node::Class(name)) = self.node(class) else {
            return Err(Fault::Operand("a class to make an object of"));
        };
        let Some(Node::Tuple(values)) = self.node(arguments) else {
            return Err(Fault::Operand("a tuple of arguments"));
        };
        let container = match (name.as_str(), values.as_slice()) {
            ("collections.OrderedDict", []) | ("collections.defaultdict", [] | [_]) => Some(Node::Dict(Vec::new())),
            ("collections.OrderedDict", [list]) => {
                self.items(*list).and_then(|items| self.pairs_of(items)).map(Node::Dict)
            }
            ("builtins.set" | "builtins.frozenset", []) => Some(Node::Set(Vec::new())),
            ("builtins.set" | "builtins.frozenset", [list]) => self.items(*list).map(|items| Node::Set(items.to_vec())),
            ("torch.Size", [list]) => self.items(*list).map(|items| Node::Tuple(items.to_vec())),
            ("_codecs.encode", [text, _]) => self.as_text(*text).ok().and_then(latin1).map(Node::Bytes),
            _ => None,
        };
        if let Some(node) = container {
            // Each list is made into a set once; a pickle that does it again and again wants to fill the memory.
            let copied = match &node {
                Node::Dict(entries) => entries.len(),
                Node::Set(items) | Node::Tuple(items) => items.len(),
                Node::Bytes(bytes) => bytes.len(),
                _ => 0,
            };
            self.copies = self.copies.checked_sub(copied).ok_or(Fault::TooManyObjects(self.limit))?;
            return self.push_node(node);
        }
        self.push_node(Node::Object(Box::new(Object {
            class,
            arguments,
            keywords,
            state: None,
            items: Vec::new(),
            entries: Vec::new(),
        })))
    }

    pub(super) fn items(&self, slot: Slot) -> Option<&[Slot]> {
        match self.node(slot)? {
            Node::List(items) | Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn pairs_of(&self, items: &[Slot]) -> Option<Vec<(Slot, Slot)>> {
        let pair = |item: &Slot| match self.items(*item) {
            Some([key, value]) => Some((*key, *value)),
            _ => None,
        };
        items.iter().map(pair).collect()
    }
}

/// The bytes that Python's `latin1` codec makes of a text; protocol 2 spells bytes this way.
fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}
