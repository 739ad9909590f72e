//! The instructions, one arm each.

use super::classes::full_name;
use super::cursor::Cursor;
use super::stack::Machine;
use super::tree::{Node, Slot, Tree};
use crate::error::{Fault, Problem};

/// Reads a pickle of protocol 2 to 5 as data.
///
/// Every instruction is at least one byte and makes at most one object, so time and memory are
/// linear in the length of the input; `max_objects` bounds objects, stack and memo besides.
///
/// # Errors
/// When the pickle is damaged, needs an instruction that torch files do not have, mentions a class
/// that is not allowed, or is too large.
pub fn parse(pickle: &[u8], allowed: &[&str], max_objects: usize) -> Result<Tree, Problem> {
    let mut machine = Machine::new(pickle.len(), allowed, max_objects);
    let mut input = Cursor::new(pickle);
    loop {
        let at = input.position();
        match machine.step(&mut input) {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(machine.into_tree(root)),
            Err(fault) => return Err(Problem::Pickle { at, fault }),
        }
    }
}

impl Machine<'_> {
    /// One instruction; the root at the last.
    fn step(&mut self, input: &mut Cursor<'_>) -> Result<Option<Slot>, Fault> {
        match input.u8()? {
            0x80 => match input.u8()? {
                2..=5 => {}
                other => return Err(Fault::Protocol(other)),
            },
            // A frame only announces how much may be read at once.
            0x95 => {
                input.u64()?;
            }
            b'.' => return self.pop().map(Some),

            b'N' => self.push(Slot::None)?,
            0x88 => self.push(Slot::Bool(true))?,
            0x89 => self.push(Slot::Bool(false))?,
            b'J' => {
                let number = i32::from_le_bytes(input.array()?);
                self.push(Slot::Int(number.into()))?;
            }
            b'K' => {
                let number = input.u8()?;
                self.push(Slot::Int(number.into()))?;
            }
            b'M' => {
                let number = input.u16()?;
                self.push(Slot::Int(number.into()))?;
            }
            0x8a => {
                let length = input.u8()?;
                self.integer(input.take(length.into())?)?;
            }
            0x8b => {
                let length = input.u32()?;
                self.integer(input.take(length.into())?)?;
            }
            b'G' => {
                let number = f64::from_be_bytes(input.array()?);
                self.push(Slot::Float(number))?;
            }

            b'X' => {
                let length = input.u32()?;
                self.text(input.text(length.into())?)?;
            }
            0x8c => {
                let length = input.u8()?;
                self.text(input.text(length.into())?)?;
            }
            0x8d => {
                let length = input.u64()?;
                self.text(input.text(length)?)?;
            }
            b'U' => {
                let length = input.u8()?;
                self.string(input.take(length.into())?)?;
            }
            b'T' => {
                let length = input.u32()?;
                self.string(input.take(length.into())?)?;
            }
            b'C' => {
                let length = input.u8()?;
                self.bytes(input.take(length.into())?)?;
            }
            b'B' => {
                let length = input.u32()?;
                self.bytes(input.take(length.into())?)?;
            }
            0x8e | 0x96 => {
                let length = input.u64()?;
                self.bytes(input.take(length)?)?;
            }

            b'(' => {
                self.check(self.marks.len())?;
                self.marks.push(self.stack.len());
            }
            b'0' => self.drop_top()?,
            b'1' => {
                self.pop_to_mark()?;
            }
            b'2' => {
                let top = self.top()?;
                self.push(top)?;
            }
            b')' => self.push_node(Node::Tuple(Vec::new()))?,
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let items = self.pop_to_mark()?;
                self.push_node(Node::Tuple(items))?;
            }
            b']' => self.push_node(Node::List(Vec::new()))?,
            b'l' => {
                let items = self.pop_to_mark()?;
                self.push_node(Node::List(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            b'}' => self.push_node(Node::Dict(Vec::new()))?,
            b'd' => {
                let entries = pairs(self.pop_to_mark()?)?;
                self.push_node(Node::Dict(entries))?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![(key, value)])?;
            }
            b'u' => {
                let entries = pairs(self.pop_to_mark()?)?;
                self.set_items(entries)?;
            }
            0x8f => self.push_node(Node::Set(Vec::new()))?,
            0x90 => {
                let added = self.pop_to_mark()?;
                match self.top_node()? {
                    Node::Set(items) => items.extend(added),
                    _ => return Err(Fault::Operand("a set")),
                }
            }
            0x91 => {
                let items = self.pop_to_mark()?;
                self.push_node(Node::Set(items))?;
            }

            b'q' => {
                let index = input.u8()?;
                self.put(index.into())?;
            }
            b'r' => {
                let index = input.u32()?;
                self.put(index.into())?;
            }
            0x94 => self.put(self.memo.len() as u64)?,
            b'h' => {
                let index = input.u8()?;
                self.get(index.into())?;
            }
            b'j' => {
                let index = input.u32()?;
                self.get(index.into())?;
            }

            b'c' => {
                let name = full_name(input.line()?, input.line()?);
                self.class(name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let name = full_name(self.as_text(module)?, self.as_text(name)?);
                self.class(name)?;
            }
            b'R' | 0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.call(class, arguments, None)?;
            }
            0x92 => {
                let (keywords, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(class, arguments, Some(keywords))?;
            }
            b'b' => {
                let state = self.pop()?;
                match self.top_node()? {
                    Node::Object(object) => object.state = Some(state),
                    // Attributes of an `OrderedDict`, such as the versions that a state dict carries.
                    Node::Dict(_) => {}
                    _ => return Err(Fault::Operand("an object to give a state to")),
                }
            }
            b'Q' => {
                let reference = self.pop()?;
                self.push_node(Node::Persistent(reference))?;
            }

            b'I' | b'L' | b'F' | b'S' | b'V' | b'p' | b'g' | b'P' | b'i' | b'o' => {
                return Err(Fault::Unsupported("of protocols 0 and 1"));
            }
            0x82..=0x84 => return Err(Fault::Unsupported("EXT (a registry of the writing program)")),
            0x97 | 0x98 => return Err(Fault::Unsupported("BUFFER (data outside the pickle)")),
            other => return Err(Fault::UnknownOpcode(other)),
        }
        Ok(None)
    }
}

fn pairs(items: Vec<Slot>) -> Result<Vec<(Slot, Slot)>, Fault> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Fault::Operand("a value for every key"));
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}
