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
    text.push_str("\npublished MACE models (--model mace=NAME)\n");
    for model in mlip_models::mace::RELEASED {
        let here = registry::places(model).into_iter().find(|place| place.is_file());
        let here = here.map_or_else(|| "not on this machine".to_owned(), |place| place.display().to_string());
        text.push_str(&format!("{}\n    {here}\n    {}\n    licence: {}\n", model.name, model.url, model.licence));
    }
    super::print(&text)?;
    Ok(ExitCode::Success)
}
