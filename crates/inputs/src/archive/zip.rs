//! ZIP archives.

use super::member::{damaged, divide_member, member_format, shown};
use crate::compression::unpacked;
use crate::divide::Visit;
use crate::divide::divide_packed;
use crate::names::stem;
use crate::split::Blocks;
use crate::spool::Spool;
use crate::{InputError, Packing, Part};
use mlip_formats::Format;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

/// Every structure of an archive; each is read where it lies, and unpacked by who computes it.
pub(super) fn read_zip(
    path: &Path,
    file: &File,
    blocks: Blocks,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), InputError> {
    let broken = |error: zip::result::ZipError| damaged(path, io::Error::other(error));
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let all = members(path, file, archive.central_directory_start())?;
    if all.len() > archive.len() {
        return read_each(path, file, archive.offset(), &all, blocks, spool, visit);
    }
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(broken)?;
        let Some(format) = member_format(member.name_raw()) else { continue };
        if !member.is_file() && !member.is_symlink() {
            continue;
        }
        let crc32 = member.crc32();
        let packing = match member.compression() {
            _ if member.is_symlink() => Packing::Link,
            _ if member.encrypted() => Packing::Encrypted,
            CompressionMethod::Stored => Packing::Checked { crc32 },
            method if method == CompressionMethod::DEFLATE => Packing::Deflate { crc32 },
            method if method == CompressionMethod::ZSTD => Packing::Zstd { crc32 },
            method => Packing::Method(number(method)),
        };
        let data = member.data_start().ok_or_else(|| damaged(path, io::Error::other("a member has no place")))?;
        let (name, length) = (member.name_raw().to_owned(), member.compressed_size());
        let place = place(path, &name, data, length, packing, format);
        visit_member(member, &name, place, blocks, spool, visit)?;
    }
    Ok(())
}

fn place(path: &Path, name: &[u8], byte_offset: u64, length: u64, packing: Packing, format: Format) -> Part {
    Part {
        store: path.into(),
        path: path.into(),
        name: shown(name),
        byte_offset,
        length,
        packing,
        format,
        first_line: 1,
    }
}

/// Adds the structures of a member, whose packed bytes come from `packed`.
fn visit_member(
    packed: impl Read,
    name: &[u8],
    place: Part,
    blocks: Blocks,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), InputError> {
    let file_name = String::from_utf8_lossy(name.rsplit(|byte| *byte == b'/').next().unwrap_or(b"")).into_owned();
    let (id, path) = (stem(&file_name), place.path.clone());
    match place.packing {
        Packing::Checked { .. } if blocks.divide(place.format, false) => {
            divide_member(packed, id, &place, spool, visit)
        }
        Packing::Deflate { .. } | Packing::Zstd { .. } if blocks.divide(place.format, false) => {
            let text: Box<dyn Read> = match place.packing {
                Packing::Zstd { .. } => {
                    Box::new(zstd::stream::read::Decoder::new(packed).map_err(|error| damaged(&path, error))?)
                }
                _ => Box::new(flate2::read::DeflateDecoder::new(packed)),
            };
            // Several structures in one stream: unpacked once, so that each can be read by its place.
            match unpacked(text) {
                Ok((_, text)) => {
                    divide_packed(text, id, &place, false, spool, visit).map_err(|trouble| trouble.of(&path))
                }
                Err(_) => visit(id, place),
            }
        }
        _ => visit(id, place),
    }
}

/// A member as the directory of the archive has it.
struct Listed {
    name: Vec<u8>,
    made_by: u8,
    flags: u16,
    method: u16,
    crc32: u32,
    length: u32,
    attributes: u32,
    begin: u32,
}

/// All members of an archive, in the order of its directory: the library shows one of several that have one name.
fn members(path: &Path, file: &File, directory: u64) -> Result<Vec<Listed>, InputError> {
    let fail = |error| damaged(path, error);
    let mut rest = BufReader::new(file);
    rest.seek(SeekFrom::Start(directory)).map_err(fail)?;
    let mut found = Vec::new();
    let mut head = [0; 46];
    // Each member begins with these four bytes; behind the last one something else.
    while rest.read_exact(&mut head).is_ok() && head.starts_with(b"PK\x01\x02") {
        let short = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let mut name = vec![0; usize::from(short(28))];
        rest.read_exact(&mut name).map_err(fail)?;
        rest.seek_relative(i64::from(short(30)) + i64::from(short(32))).map_err(fail)?;
        found.push(Listed {
            name,
            made_by: head[5],
            flags: short(8),
            method: short(10),
            crc32: long(16),
            length: long(20),
            attributes: long(38),
            begin: long(42),
        });
    }
    Ok(found)
}

/// Every structure of an archive in which several members have one name; `begin` is where its first byte lies.
fn read_each(
    path: &Path,
    file: &File,
    begin: u64,
    members: &[Listed],
    blocks: Blocks,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), InputError> {
    const UNIX: u8 = 3;
    for member in members {
        let Some(format) = member_format(&member.name).filter(|_| !member.name.ends_with(b"/")) else { continue };
        if member.length == u32::MAX || member.begin == u32::MAX {
            return Err(InputError::Archive {
                path: path.into(),
                cause: format!("members share names, and {} is longer than 4 GB", shown(&member.name)),
                remedy: "unpack it and pack the files again under different names",
            });
        }
        let crc32 = member.crc32;
        let packing = match member.method {
            _ if member.made_by == UNIX && (member.attributes >> 16) & 0o170_000 == 0o120_000 => Packing::Link,
            _ if member.flags & 1 == 1 => Packing::Encrypted,
            0 => Packing::Checked { crc32 },
            8 => Packing::Deflate { crc32 },
            93 => Packing::Zstd { crc32 },
            method => Packing::Method(method),
        };
        let begin = begin + u64::from(member.begin);
        let mut head = [0; 30];
        file.read_exact_at(&mut head, begin).map_err(|error| damaged(path, error))?;
        if !head.starts_with(b"PK\x03\x04") {
            return Err(damaged(path, io::Error::other("a member is not where its directory says")));
        }
        let length = |at: usize| u64::from(u16::from_le_bytes([head[at], head[at + 1]]));
        let data = begin + head.len() as u64 + length(26) + length(28);
        let place = place(path, &member.name, data, member.length.into(), packing, format);
        let mut packed = BufReader::new(file);
        packed.seek(SeekFrom::Start(data)).map_err(|error| damaged(path, error))?;
        visit_member(packed.take(member.length.into()), &member.name, place, blocks, spool, visit)?;
    }
    Ok(())
}

/// The number of a method that this program does not know.
#[expect(deprecated, reason = "the variant is the only way to the number")]
fn number(method: CompressionMethod) -> u16 {
    match method {
        CompressionMethod::Unsupported(number) => number,
        _ => 0,
    }
}
