//! ZIP archives.

use super::member::{damaged, divide_member, member_format, shown};
use crate::compression::unpacked;
use crate::divide::Visit;
use crate::divide::divide_packed;
use crate::names::stem;
use crate::split::Blocks;
use crate::spool::Spool;
use crate::{InputError, Packing, Part};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
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
    check_names(path, file, archive.central_directory_start(), archive.len())?;
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(broken)?;
        let Some(format) = member_format(member.name_raw()) else { continue };
        if !member.is_file() && !member.is_symlink() {
            continue;
        }
        let file_name = String::from_utf8_lossy(member.name_raw().rsplit(|byte| *byte == b'/').next().unwrap_or(b""));
        let id = stem(&file_name).to_owned();
        let crc32 = member.crc32();
        let packing = match member.compression() {
            _ if member.is_symlink() => Packing::Link,
            _ if member.encrypted() => Packing::Encrypted,
            CompressionMethod::Stored => Packing::Stored,
            method if method == CompressionMethod::DEFLATE => Packing::Deflate { crc32 },
            method if method == CompressionMethod::ZSTD => Packing::Zstd { crc32 },
            method => Packing::Method(number(method)),
        };
        let data = member.data_start().ok_or_else(|| damaged(path, io::Error::other("a member has no place")))?;
        let place = Part {
            store: path.into(),
            path: path.into(),
            name: shown(member.name_raw()),
            byte_offset: data,
            length: member.compressed_size(),
            packing,
            format,
            first_line: 1,
        };
        match packing {
            Packing::Stored if blocks.divide(format, false) => divide_member(member, &id, &place, spool, visit)?,
            Packing::Deflate { .. } | Packing::Zstd { .. } if blocks.divide(format, false) => {
                let text: Box<dyn Read> = match packing {
                    Packing::Zstd { .. } => {
                        Box::new(zstd::stream::read::Decoder::new(member).map_err(|error| damaged(path, error))?)
                    }
                    _ => Box::new(flate2::read::DeflateDecoder::new(member)),
                };
                // Several structures in one stream: unpacked once, so that each can be read by its place.
                match unpacked(text) {
                    Ok((_, text)) => {
                        divide_packed(text, &id, &place, false, spool, visit).map_err(|trouble| trouble.of(path))?
                    }
                    Err(_) => visit(&id, place)?,
                }
            }
            _ => visit(&id, place)?,
        }
    }
    Ok(())
}

/// Refuses an archive of which the reader shows fewer members than it has: of several of one name it knows one.
fn check_names(path: &Path, file: &File, directory: u64, n_known: usize) -> Result<(), InputError> {
    let fail = |error| damaged(path, error);
    let mut rest = BufReader::new(file);
    rest.seek(SeekFrom::Start(directory)).map_err(fail)?;
    let (mut names, mut n_members) = (HashMap::new(), 0usize);
    let mut head = [0; 46];
    // Each member begins with these four bytes; behind the last one something else.
    while rest.read_exact(&mut head).is_ok() && head.starts_with(b"PK\x01\x02") {
        n_members += 1;
        let length = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
        let mut name = vec![0; length(28)];
        rest.read_exact(&mut name).map_err(fail)?;
        rest.seek_relative((length(30) + length(32)) as i64).map_err(fail)?;
        *names.entry(name).or_insert(0usize) += 1;
    }
    if n_members <= n_known {
        return Ok(());
    }
    let mut twice: Vec<String> = names
        .into_iter()
        .filter(|(_, times)| *times > 1)
        .map(|(name, _)| String::from_utf8_lossy(&name).into_owned())
        .collect();
    twice.sort();
    let first = twice.first().cloned().unwrap_or_default();
    Err(InputError::Archive {
        path: path.into(),
        cause: format!("{n_members} members share {n_known} names: {first:?} is there more than once"),
        remedy: "unpack it and pack the files again under different names",
    })
}

/// The number of a method that this program does not know.
#[expect(deprecated, reason = "the variant is the only way to the number")]
fn number(method: CompressionMethod) -> u16 {
    match method {
        CompressionMethod::Unsupported(number) => number,
        _ => 0,
    }
}
