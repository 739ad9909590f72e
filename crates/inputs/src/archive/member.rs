//! Members of archives.

use crate::divide::{Trouble, Visit, divide};
use crate::names::format_of_name;
use crate::spool::Spool;
use crate::{InputError, Part};
use mlip_formats::Format;
use std::io::{self, Read};
use std::path::Path;

pub(super) fn damaged(path: &Path, error: io::Error) -> InputError {
    InputError::Archive {
        path: path.into(),
        cause: format!("it is damaged or cut short: {error}"),
        remedy: "fetch or pack it again",
    }
}

/// Structures are members whose names tell a format; hidden ones (`._x.cif` of a Mac) are not.
pub(super) fn member_format(name: &[u8]) -> Option<Format> {
    let mut components = name.split(|byte| *byte == b'/');
    if components.any(|part| part.first() == Some(&b'.') && part != b"." && part != b"..") {
        return None;
    }
    format_of_name(name.rsplit(|byte| *byte == b'/').next()?)
}

/// How a member is shown: `:folder/x.cif`.
pub(super) fn shown(name: &[u8]) -> String {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    format!(":{}", String::from_utf8_lossy(name))
}

/// Adds the structures of a member.
pub(super) fn divide_member(
    text: impl Read,
    id: &str,
    place: &Part,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), InputError> {
    divide(text, id, place, false, spool, visit).map_err(|trouble| trouble.of(&place.path))
}

impl Trouble {
    pub(super) fn of(self, path: &Path) -> InputError {
        match self {
            Self::Io(error) => damaged(path, error),
            Self::Input(error) => error,
        }
    }
}
