//! Bytes of a pickle, consumed front to back.

use crate::error::Fault;

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// As many bytes; nothing is reserved for a length that the input does not have.
    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let end = usize::try_from(length).ok().and_then(|length| self.position.checked_add(length));
        let taken = end.and_then(|end| self.bytes.get(self.position..end)).ok_or(Fault::Truncated)?;
        self.position += taken.len();
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.take(N as u64)?.try_into().map_err(|_| Fault::Truncated)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    /// Text of this many bytes. Python lets lone surrogates through, which are not text.
    pub(super) fn text(&mut self, length: u64) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.take(length)?).map_err(|_| Fault::NotText)
    }

    /// Text up to the end of the line.
    pub(super) fn line(&mut self) -> Result<&'a str, Fault> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or(Fault::Truncated)?;
        let line = self.text(length as u64)?;
        self.position += 1;
        Ok(line)
    }
}
