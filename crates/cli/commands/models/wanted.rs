//! What names of checkpoints mean.

use crate::error::CommandError;
use crate::values::closest;
use mlip_models::registry;
use mlip_models::released::{self, Release};

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// Weights in the program.
    BuiltIn(&'static str),
    /// A published checkpoint.
    Published(&'static Release),
}

/// What a name stands for: that of a published checkpoint, or of a potential that has one.
pub(super) fn wanted(name: &str) -> Result<Wanted, CommandError> {
    if let Some(release) = released::find(name) {
        return Ok(Wanted::Published(release));
    }
    let Some(entry) = registry::find(name) else { return Err(unknown(name)) };
    if entry.built_in.is_some() {
        return Ok(Wanted::BuiltIn(entry.name));
    }
    match released::find(entry.name) {
        Some(release) => Ok(Wanted::Published(release)),
        None if entry.published.is_empty() => {
            Err(CommandError::new(format!("no checkpoint of {name} can be fetched; its files: {}", entry.files))
                .usage())
        }
        None => Err(CommandError::new(format!("{name} has several published checkpoints"))
            .hint(format!("name one of {}", entry.published.join(", ")))
            .usage()),
    }
}

fn unknown(name: &str) -> CommandError {
    let names = released::releases().map(|release| release.name);
    let said = CommandError::new(format!("`{name}` is no published checkpoint that this program knows")).usage();
    match closest(name, names) {
        Some(meant) => said.hint(format!("did you mean {meant}? `mlip-batch models` lists them")),
        None => said.hint("`mlip-batch models` lists them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str) -> String {
        match wanted(name) {
            Ok(Wanted::BuiltIn(name)) => format!("built in: {name}"),
            Ok(Wanted::Published(release)) => release.name.to_owned(),
            Err(error) => error.text(),
        }
    }

    #[test]
    fn names_and_aliases_are_known_and_others_answered_with_what_was_meant() {
        assert_eq!(said("medium-mpa-0"), "medium-mpa-0");
        assert_eq!((said("uma"), said("orb")), ("uma-s-1p1".to_owned(), "orb-v3-conservative-inf-omat".to_owned()));
        assert_eq!(said("chgnet"), "built in: chgnet");
        assert!(said("mace").contains("name one of small, medium"), "{}", said("mace"));
        assert!(said("medium-mpa0").contains("did you mean medium-mpa-0?"), "{}", said("medium-mpa0"));
        assert_eq!(said("uma_s_1"), "uma-s-1");
        assert_eq!(said("lennard-jones"), "built in: lennard-jones");
    }
}
