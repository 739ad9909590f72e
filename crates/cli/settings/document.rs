//! The table of settings in `docs/commands.md` and the schema of job files are written from the list of settings.

use super::job_file::JobFile;
use super::list::Keys;
use clap::builder::PossibleValue;
use clap::{Arg, Args, Command};
use serde_json::{Value, json};
use std::path::Path;

const BEGIN: &str = "<!-- written from crates/cli/settings/list.rs by `WRITE_DOCS=1 cargo test --lib settings` -->\n";
const END: &str = "<!-- end of what is written -->\n";

/// Whether job files have this key.
fn is_key(key: &str) -> bool {
    // A table is the value of no setting, so the message is about the key or about the value.
    let error = JobFile::parse(&format!("{key} = {{ a = {{}} }}\n")).err().map(|error| error.to_string());
    !error.is_some_and(|error| error.contains("unknown field"))
}

fn code(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{}`", word.replace('|', "\\|"))).collect();
    if words.is_empty() { "–".to_owned() } else { words.join(", ") }
}

/// What follows the flag: ` N`, ` f32|f64`, `[=BOOL]`.
fn value(setting: &Arg) -> String {
    let numbers = setting.get_num_args().unwrap_or_default();
    let choices: Vec<PossibleValue> = setting.get_possible_values();
    let name = match choices.as_slice() {
        [] => setting.get_value_names().unwrap_or_default().iter().map(|name| name.to_string()).collect(),
        _ if setting.is_hide_possible_values_set() => "BOOL".to_owned(),
        choices => choices.iter().map(|choice| choice.get_name().to_owned()).collect::<Vec<_>>().join("|"),
    };
    match (numbers.min_values(), numbers.max_values()) {
        (0, 0) => String::new(),
        (0, _) => format!("[={name}]"),
        (_, 1) => format!(" {name}"),
        _ => format!(" {name}…"),
    }
}

fn row(setting: &Arg) -> String {
    let key = setting.get_id().as_str();
    let longs = setting.get_long().into_iter().chain(setting.get_visible_aliases().unwrap_or_default());
    let flags = longs.clone().enumerate().map(|(place, long)| {
        let value = if place == 0 { value(setting) } else { String::new() };
        format!("--{long}{value}")
    });
    let is_negation = setting.get_long() == Some(&format!("no-{key}"));
    let keys = std::iter::once(key.to_owned()).chain(longs.map(|long| long.replace('-', "_")));
    let mut known: Vec<String> = Vec::new();
    for key in keys.filter(|key| is_key(key)) {
        if !known.contains(&key) {
            known.push(key);
        }
    }
    // `--model` is `models` in a job file, and a `[[model]]` table says more.
    let known = known.into_iter().map(|key| match key.as_str() {
        "model" => "[[model]]".to_owned(),
        _ if is_negation => format!("{key} = false"),
        _ => key,
    });
    let variable = setting.get_env().map(|variable| variable.to_string_lossy().into_owned());
    let help = setting.get_help().map(ToString::to_string).unwrap_or_default();
    let (means, default) = match help.rsplit_once(" [default: ") {
        Some((means, default)) => (means, default.trim_end_matches(']')),
        None => (help.as_str(), "–"),
    };
    let means = means.replace('|', "\\|");
    format!("| {} | {} | {} | {default} | {means} |\n", code(flags), code(known), code(variable))
}

fn table() -> String {
    let mut text = "| Flag | Job file | Environment | Default | Means |\n|---|---|---|---|---|\n".to_owned();
    for setting in Keys::augment_args(Command::new("settings")).get_arguments().filter(|setting| !setting.is_hide_set())
    {
        text.push_str(&row(setting));
    }
    text
}

#[test]
fn the_table_of_settings_is_that_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("docs/commands.md lacks the line before the table");
    let (written, after) = rest.split_once(END).expect("docs/commands.md lacks the line behind the table");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, [before, BEGIN, &table(), END, after].concat()).unwrap();
        return;
    }
    for (expected, found) in table().lines().zip(written.lines()) {
        assert_eq!(found, expected, "write it anew: WRITE_DOCS=1 cargo test --lib settings");
    }
    assert_eq!(written.lines().count(), table().lines().count());
}

/// What a job file may say for a key, as JSON Schema.
fn schema_of(setting: &Arg) -> Value {
    let choices: Vec<PossibleValue> = setting.get_possible_values();
    let named: Vec<&str> = choices.iter().map(PossibleValue::get_name).collect();
    let unit = setting.get_value_names().unwrap_or_default().first().map(|name| name.as_str().to_owned());
    let mut schema = match (setting.get_id().as_str(), named.as_slice(), unit.as_deref().unwrap_or_default()) {
        ("relaxed", ..) => json!({ "type": ["boolean", "string"] }),
        ("format", ..) => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        ("structure_workers" | "max_mlip_workers" | "threads_per_mlip", ..) => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "const": "auto" }] })
        }
        ("charge" | "spin", ..) => json!({ "type": "integer" }),
        ("max_crashes", ..) => json!({ "type": "integer", "minimum": 0 }),
        // `forces` has a flag without a value.
        ("forces", ..) | (_, ["true", "false"], _) => json!({ "type": "boolean" }),
        (_, [_, ..], _) => json!({ "enum": named }),
        (_, _, "N") => json!({ "type": "integer", "minimum": 1 }),
        (_, _, "PART") => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        (_, _, "SECONDS" | "FORCE" | "LENGTH") => json!({ "type": "number", "minimum": 0 }),
        (_, _, "GPA") => json!({ "type": "number" }),
        (_, _, "SIZE") => json!({ "type": ["string", "number"] }),
        _ if setting.get_num_args().is_some_and(|numbers| numbers.max_values() > 1) => {
            json!({ "type": "array", "items": { "type": "string" } })
        }
        _ => json!({ "type": "string" }),
    };
    let help = setting.get_help().map(ToString::to_string).unwrap_or_default();
    schema["description"] = help.into();
    schema
}

/// Of job files; potentials as tables may have options of their models.
fn schema() -> Value {
    let mut properties = serde_json::Map::new();
    for setting in Keys::augment_args(Command::new("settings")).get_arguments() {
        let longs = setting.get_long().into_iter().chain(setting.get_visible_aliases().unwrap_or_default());
        let keys = std::iter::once(setting.get_id().to_string()).chain(longs.map(|long| long.replace('-', "_")));
        for key in keys.filter(|key| key != "model" && is_key(key)) {
            properties.insert(key, schema_of(setting));
        }
    }
    properties.insert(
        "model".into(),
        json!({
            "type": "array",
            "description": "Potentials as tables: label, name, checkpoint, and options of the model",
            "items": {
                "type": "object",
                "properties": {
                    "label": { "type": "string" },
                    "name": { "type": "string" },
                    "checkpoint": { "type": "string" }
                },
                "additionalProperties": { "type": ["string", "number", "boolean"] }
            }
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Job file of mlip-batch",
        "type": "object",
        "properties": properties,
        "additionalProperties": false
    })
}

#[test]
fn the_schema_of_job_files_is_that_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs/job.schema.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "write it anew: WRITE_DOCS=1 cargo test --bin mlip-batch settings");
    // Its keys are those of the files that come with the program, and what it calls a choice is read.
    let properties = &schema()["properties"];
    for folder in ["jobs", "configs/clusters", "configs/potentials"] {
        for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                let job: toml::Table = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
                job.keys().for_each(|key| assert!(properties[key].is_object(), "{key} of {}", path.display()));
            }
        }
    }
    for (key, schema) in properties.as_object().unwrap() {
        for choice in schema["enum"].as_array().into_iter().flatten() {
            assert!(JobFile::parse(&format!("{key} = {choice}\n")).is_ok(), "{key} = {choice}");
        }
    }
}
