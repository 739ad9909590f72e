//! `models`: what this program knows.

use crate::args::ModelsArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use mlip_models::registry::{self, Selection};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Lists the potentials, and the digest of the weights in the program.
pub(crate) fn models(args: &ModelsArgs) -> Result<ExitCode, CommandError> {
    if args.json {
        super::output::print(&format!("{}\n", as_json()?))?;
        return Ok(ExitCode::Success);
    }
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

fn as_json() -> Result<Value, CommandError> {
    let mut models = Vec::new();
    for entry in registry::entries() {
        let digest = match entry.built_in {
            Some(_) => {
                let loaded = registry::load(&Selection::named(entry.name));
                Some(loaded.map_err(|error| CommandError::from_error(&error))?.id().digest.clone())
            }
            None => None,
        };
        let option = |option: &mlip_models::registry::OptionInfo| json!({ "key": option.key, "about": option.about, "default": option.default });
        models.push(json!({
            "name": entry.name,
            "aliases": entry.aliases,
            "about": entry.about,
            "built_in": entry.built_in,
            "digest": digest,
            "options": entry.options.iter().map(option).collect::<Vec<_>>(),
            "files": entry.files,
            "licence": entry.licence,
        }));
    }
    let here = |places: Vec<PathBuf>| places.into_iter().find(|place| place.is_file());
    let mace = mlip_models::mace::RELEASED.iter().map(|model| {
        let file = here(mlip_models::mace::places(model));
        json!({ "model": "mace", "name": model.name, "file": file, "url": model.url, "licence": model.licence })
    });
    let sevennet = mlip_models::sevennet::RELEASED.iter().map(|model| {
        let file = here(mlip_models::sevennet::places(model));
        json!({ "model": "sevennet", "name": model.name, "file": file, "url": model.source })
    });
    Ok(json!({ "models": models, "published": mace.chain(sevennet).collect::<Vec<_>>() }))
}
