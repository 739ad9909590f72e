//! Compressed files: what their names and first bytes say, and how they are unpacked.

use std::io::{self, BufRead, BufReader, Cursor, Read};

/// This many first bytes identify a compression.
const HEAD: usize = 10;

/// Bytes of a compressed file read at a time.
const CHUNK: usize = 256 << 10;

/// Most memory that an XZ file may ask for, in KiB: `xz -9` needs 64 MiB, a forged header could ask for 4 GiB.
const XZ_MEMORY_KIB: u32 = 256 << 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Compression {
    /// What the first [`HEAD`] bytes of a file say: files are often called what they are not, also because a browser
    /// unpacked them on the way. No text begins like this.
    pub(crate) fn of_head(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // A title may well begin with `BZh1`; then comes the number π, or √π where nothing is packed.
            [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
                if rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17\x72\x45\x38\x50\x90") =>
            {
                Some(Self::Bzip2)
            }
            _ => None,
        }
    }

    /// The text of a file; several streams one after the other are one text.
    pub(crate) fn unpack<'a>(self, packed: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
            Self::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(packed, true, XZ_MEMORY_KIB)),
        })
    }
}

/// Whether what comes from here is compressed, and the text.
///
/// # Errors
/// When the first bytes cannot be read.
pub(crate) fn unpacked<'a>(mut reader: impl Read + 'a) -> io::Result<(bool, Box<dyn Read + 'a>)> {
    let mut head = Vec::with_capacity(HEAD);
    reader.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let compression = Compression::of_head(&head);
    let reader = Cursor::new(head).chain(reader);
    Ok(match compression {
        None => (false, Box::new(reader)),
        Some(compression) => (true, compression.unpack(BufReader::with_capacity(CHUNK, reader))?),
    })
}

/// The name of a file without the ending that tells its compression; as it is where there is none.
pub(crate) fn unpacked_name(name: &[u8]) -> &[u8] {
    without_ending(name, &[b".gz", b".zst", b".bz2", b".xz"])
}

/// A name without the first of these endings that it has, in small or capital letters.
pub(crate) fn without_ending<'a>(name: &'a [u8], endings: &[&[u8]]) -> &'a [u8] {
    endings
        .iter()
        .filter_map(|ending| name.split_at_checked(name.len().checked_sub(ending.len())?).zip(Some(ending)))
        .find(|((stem, end), ending)| !stem.is_empty() && end.eq_ignore_ascii_case(ending))
        .map_or(name, |((stem, _), _)| stem)
}

/// One text, packed by each compression, for tests.
#[cfg(test)]
pub(crate) fn packed(text: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(text).unwrap();
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    xz.write_all(text).unwrap();
    [
        ("gz", gzip.finish().unwrap()),
        ("zst", zstd::encode_all(text, 1).unwrap()),
        ("bz2", bzip2.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Compression::of_head(bytes).unwrap().unpack(bytes)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn every_compression_gives_the_text_back_also_of_several_streams() {
        let text: Vec<u8> = (0..100_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
        for (ending, bytes) in packed(&text) {
            assert_eq!(unpack(&bytes).unwrap(), text, "{ending}");
            assert_eq!(unpack(&bytes.repeat(2)).unwrap(), text.repeat(2), "{ending}");
        }
        for (ending, bytes) in packed(b"") {
            assert_eq!(unpack(&bytes).unwrap(), b"", "{ending}");
        }
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let text = b"data_x\n_cell_length_a 1\n".repeat(50);
        for (ending, bytes) in packed(&text) {
            for length in HEAD..bytes.len() {
                assert!(unpack(&bytes[..length]).is_err(), "{ending} cut at {length} of {}", bytes.len());
            }
            let mut flipped = bytes.clone();
            flipped[bytes.len() / 2] ^= 0x10;
            // Zstandard's checksum is optional: what it gives back may also be another text.
            assert!(unpack(&flipped).map_or(true, |other| ending == "zst" && other != text), "{ending}");
        }
    }

    #[test]
    fn a_forged_header_does_not_ask_for_the_memory_of_the_node() {
        let (_, mut bytes) = packed(b"text").into_iter().find(|(ending, _)| *ending == "xz").unwrap();
        // The size of the dictionary in the header of the block, and the checksum of that header.
        let (start, size) = (12, (usize::from(bytes[12]) + 1) * 4);
        let property = bytes[start..start + size].windows(2).position(|pair| pair == [0x21, 1]).unwrap() + start + 2;
        bytes[property] = 40;
        let crc32 = crc32fast::hash(&bytes[start..start + size - 4]).to_le_bytes();
        bytes[start + size - 4..start + size].copy_from_slice(&crc32);
        assert_eq!(unpack(&bytes).unwrap_err().kind(), io::ErrorKind::OutOfMemory);
    }

    #[test]
    fn texts_are_not_taken_for_compressed_ones() {
        for text in ["data_x", "BZh9 of Bob", "7zXZ", "", "B", "(µ/ý"] {
            assert_eq!(Compression::of_head(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn only_the_last_ending_is_dropped_from_a_name() {
        for (name, expected) in
            [("a.cif.gz", "a.cif"), ("a.CIF.XZ", "a.CIF"), ("a.cif", "a.cif"), (".gz", ".gz"), ("a.gz.bz2", "a.gz")]
        {
            assert_eq!(unpacked_name(name.as_bytes()), expected.as_bytes(), "{name}");
        }
    }
}
