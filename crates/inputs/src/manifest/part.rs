//! Lines `p`: parts of files.

use crate::escape::{push_escaped, unescape};
use crate::names::stem;
use crate::{Packing, Part};
use mlip_formats::Format;
use std::path::PathBuf;

/// Everything of a part but its files.
pub(super) fn push(line: &mut Vec<u8>, file: usize, part: &Part) {
    let format = match part.format {
        Format::Cif => 'c',
        Format::Xyz => 'x',
        Format::Poscar => 'v',
        Format::Json => 'j',
        Format::JsonLines => 'n',
    };
    let packing = match part.packing {
        Packing::Stored => "s".to_owned(),
        Packing::Checked { crc32 } => format!("k{crc32}"),
        Packing::Deflate { crc32 } => format!("d{crc32}"),
        Packing::Zstd { crc32 } => format!("z{crc32}"),
        Packing::Link => "l".to_owned(),
        Packing::Encrypted => "e".to_owned(),
        Packing::Method(number) => format!("m{number}"),
    };
    let Part { byte_offset, length, first_line, .. } = part;
    line.extend(format!("p\t{file}\t{format}{packing}\t{byte_offset}\t{length}\t{first_line}\t").bytes());
    push_escaped(line, part.name.as_bytes());
}

/// A part, and its id where the line has one; `None` for words that [`push`] does not write.
pub(super) fn decode<'a>(words: &[&'a [u8]], path: PathBuf, store: PathBuf) -> Option<(Part, Option<&'a [u8]>)> {
    let [kind, byte_offset, length, first_line, name, id @ ..] = words else { return None };
    if id.len() > 1 {
        return None;
    }
    fn number<T: std::str::FromStr>(word: &[u8]) -> Option<T> {
        std::str::from_utf8(word).ok()?.parse().ok()
    }
    let (format, packing) = match kind {
        [b'c', packing @ ..] => (Format::Cif, packing),
        [b'x', packing @ ..] => (Format::Xyz, packing),
        [b'v', packing @ ..] => (Format::Poscar, packing),
        [b'j', packing @ ..] => (Format::Json, packing),
        [b'n', packing @ ..] => (Format::JsonLines, packing),
        _ => return None,
    };
    let packing = match packing {
        b"s" => Packing::Stored,
        [b'k', crc32 @ ..] => Packing::Checked { crc32: number(crc32)? },
        [b'd', crc32 @ ..] => Packing::Deflate { crc32: number(crc32)? },
        [b'z', crc32 @ ..] => Packing::Zstd { crc32: number(crc32)? },
        b"l" => Packing::Link,
        b"e" => Packing::Encrypted,
        [b'm', method @ ..] => Packing::Method(number(method)?),
        _ => return None,
    };
    let part = Part {
        store,
        path,
        name: String::from_utf8(unescape(name)?).ok()?,
        byte_offset: number(byte_offset)?,
        length: number(length)?,
        packing,
        format,
        first_line: number(first_line).filter(|line| *line > 0)?,
    };
    Some((part, id.first().copied()))
}

/// The id that a member of an archive has by its name.
pub(super) fn id(name: &str) -> Option<&str> {
    let member = name.strip_prefix(':')?;
    Some(stem(member.rsplit('/').next().unwrap_or(member)))
}
