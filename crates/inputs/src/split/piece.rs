//! What is found in a text, and in which texts.

use mlip_formats::Format;

/// One of several structures in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// First byte.
    pub(crate) byte_offset: u64,
    /// Number of bytes.
    pub(crate) length: u64,
    /// First line, from 1.
    pub(crate) first_line: u32,
    /// CRC-32 of its bytes.
    pub(crate) crc32: u32,
    /// Code of the block of a CIF, id of a JSON object; empty for a frame.
    pub(super) code: String,
    /// Not of a JSON file that holds something else.
    pub(super) is_structure: bool,
}

/// What a text turned out to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// One structure, or something that its reader will refuse: the text as it is.
    Whole,
    /// One of several structures, and what is added to id and path: `:block`, `:id`, or `@0`, `@1`, ….
    Piece(Piece, String),
}

/// Which texts are looked into for several structures. XYZ and JSON files always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blocks {
    /// CIFs named by themselves; of those in folders, lists and archives the first structure is taken.
    #[default]
    Named,
    /// All CIFs: rank 0 reads each of them once more.
    All,
}

impl Blocks {
    /// Whether a text of this format must be looked into; `is_named` tells of files that the user named by themselves.
    pub(crate) fn divide(self, format: Format, is_named: bool) -> bool {
        match format {
            Format::Xyz | Format::Json | Format::JsonLines => true,
            Format::Cif => is_named || self == Self::All,
            Format::Poscar => false,
        }
    }
}
