//! `models`: what this program knows.

use crate::error::CommandError;
use crate::exit_code::ExitCode;
use mlip_models::registry::{self, Selection};

/// Lists the potentials, and the digest of the weights in the program.
pub(crate) fn models() -> Result<ExitCode, CommandError> {
    let mut text = String::new();
    for entry in registry::entries() {
        text.push_str(&format!("{}\n    {}\n", entry.name, entry.about));
        if !entry.aliases.is_empty() {
            text.push_str(&format!("    also called: {}\n", entry.aliases.join(", ")));
        }
        match entry.built_in {
            Some(weights) => {
                let potential =
                    registry::load(&Selection::named(entry.name)).map_err(|error| CommandError::from_error(&error))?;
                text.push_str(&format!("    built in: {weights}, digest {}\n", potential.id().digest));
            }
            None => text.push_str("    built in: nothing; name a file: --model NAME=FILE\n"),
        }
        for option in entry.options {
            text.push_str(&format!("    option {}: {} (default: {})\n", option.key, option.about, option.default));
        }
        text.push_str(&format!("    files: {}\n    licence: {}\n", entry.files, entry.licence));
    }
    text.push_str("\npublished MACE models (--model mace=NAME)\n");
    for model in mlip_models::mace::RELEASED {
        let here = mlip_models::mace::places(model).into_iter().find(|place| place.is_file());
        let here = here.map_or_else(|| "not on this machine".to_owned(), |place| place.display().to_string());
        text.push_str(&format!("{}\n    {here}\n    {}\n    licence: {}\n", model.name, model.url, model.licence));
    }
    text.push_str("\npublished SevenNet checkpoints (--model sevennet=NAME)\n");
    for model in mlip_models::sevennet::RELEASED {
        let here = mlip_models::sevennet::places(model).into_iter().find(|place| place.is_file());
        let here = here.map_or_else(|| "not on this machine".to_owned(), |place| place.display().to_string());
        text.push_str(&format!("{}\n    {here}\n    {}\n", model.name, model.source));
    }
    super::output::print(&text)?;
    Ok(ExitCode::Success)
}
