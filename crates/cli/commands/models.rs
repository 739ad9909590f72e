//! `models`: what this program knows.

use crate::error::Complaint;
use crate::exit_code::ExitCode;
use mlip_atoms::LoadOptions;
use mlip_models::registry::{self, REGISTRY};

/// Lists the potentials, and the digest of the weights in the program.
pub(crate) fn models() -> Result<ExitCode, Complaint> {
    let mut text = String::new();
    for entry in REGISTRY {
        text.push_str(&format!("{}\n    {}\n", entry.name, entry.about));
        if !entry.aliases.is_empty() {
            text.push_str(&format!("    also called: {}\n", entry.aliases.join(", ")));
        }
        match entry.built_in {
            Some(weights) => {
                let potential = registry::load(entry.name, None, &LoadOptions::default())
                    .map_err(|error| Complaint::from_error(&error))?;
                text.push_str(&format!("    built in: {weights}, digest {}\n", potential.id().digest));
            }
            None => text.push_str("    built in: nothing; name a file: --model NAME=FILE\n"),
        }
        if !entry.takes.is_empty() {
            let flags = entry.takes.iter().map(|option| format!("--{option}")).collect::<Vec<_>>();
            text.push_str(&format!("    settings: {}\n", flags.join(" ")));
        }
        text.push_str(&format!("    files: {}\n    licence: {}\n", entry.files, entry.licence));
    }
    super::print(&text)?;
    Ok(ExitCode::Success)
}
