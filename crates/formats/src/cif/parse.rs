//! From bytes to a structure.

use super::build::{build, choose_block};
use super::document::parse_document;
use super::error::Warnings;
use super::structure::{CifOptions, CifStructure};
use super::{CifClass, CifError};

/// Longest file that is parsed.
pub const MAX_BYTES: usize = 64 << 20;

/// Reads the first block that has a cell and atoms.
///
/// # Errors
/// When the file is broken, or describes something that cannot be computed: see [`CifClass`].
pub fn parse_cif(bytes: &[u8], options: &CifOptions) -> Result<CifStructure, CifError> {
    if bytes.len() > MAX_BYTES {
        return Err(CifError::new(
            CifClass::TooLarge,
            None,
            format!("the file has {} MiB, more than {}", bytes.len() >> 20, MAX_BYTES >> 20),
            "remove reflection data and images",
        ));
    }
    let mut warnings = Warnings::default();
    let document = parse_document(bytes, &mut warnings)?;
    let chosen = choose_block(&document, &mut warnings)?;
    build(chosen, options, warnings)
}
