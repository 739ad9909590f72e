//! `models`: what this program knows, and which checkpoints are on this machine.

use super::super::output::print;
use crate::args::ModelsArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use mlip_models::dispersion;
use mlip_models::registry::{self, Entry, Selection};
use mlip_models::released::{Places, releases};
use serde_json::{Value, json};

/// Lists the potentials, with the digest of weights in the program, and the published checkpoints, a line each.
pub(super) fn list(args: &ModelsArgs) -> Result<ExitCode, CommandError> {
    let places = Places::of_this_machine();
    let places = match &args.models_dir {
        Some(folder) => places.with_folder(folder),
        None => places,
    };
    if args.json {
        print(&format!("{}\n", as_json(&places)?))?;
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
        text.push_str(&format!("    precisions on cores: {}\n", precisions(entry).join(", ")));
        for option in entry.options {
            text.push_str(&format!("    option {}: {} (default: {})\n", option.key, option.about, option.default));
        }
        text.push_str(&format!("    files: {}\n    licence: {}\n", entry.files, entry.licence));
    }
    let names = dispersion::NAMES.join(", ");
    text.push_str(&format!(
        "\nall potentials\n    option {}: D3(BJ), two-body terms, added to energy, forces and stress: {names} (default: none)\n",
        dispersion::KEY
    ));
    text.push_str(&published(&places));
    print(&text)?;
    Ok(ExitCode::Success)
}

fn precisions(entry: &Entry) -> Vec<String> {
    entry.precisions.iter().map(ToString::to_string).collect()
}

/// A line a checkpoint: its name, as what it is computed, its licence, and where it is.
fn published(places: &Places) -> String {
    let rows = releases().map(|release| {
        let asked = match release.name == release.model {
            true => release.name.to_owned(),
            false => format!("{}={}", release.model, release.name),
        };
        let here = places.find(release).map_or_else(|| "–".to_owned(), |path| path.display().to_string());
        [release.name.to_owned(), asked, release.licence.name.to_owned(), here]
    });
    let heading = ["name", "--model", "licence of the weights", "on this machine"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (name, asked, licence) = (width(0), width(1), width(2));
    let line = |row: &[String; 4]| format!("{:name$}  {:asked$}  {:licence$}  {}\n", row[0], row[1], row[2], row[3]);
    let lines: String = rows.iter().map(line).collect();
    format!("\npublished checkpoints; `mlip-batch models get NAME` fetches them\n{lines}")
}

fn as_json(places: &Places) -> Result<Value, CommandError> {
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
            "precisions": precisions(entry),
            "options": entry.options.iter().map(option).collect::<Vec<_>>(),
            "files": entry.files,
            "licence": entry.licence,
        }));
    }
    let published = releases().map(|release| {
        json!({
            "model": release.model,
            "name": release.name,
            "file": places.find(release),
            "url": release.page(),
            "licence": release.licence.name,
            "n_bytes": release.n_bytes,
            "sha256": release.sha256,
        })
    });
    Ok(json!({ "models": models, "published": published.collect::<Vec<_>>() }))
}
