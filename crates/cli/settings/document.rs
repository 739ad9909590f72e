//! The table of settings in `docs/commands.md` is written from their list.

use super::job_file::JobFile;
use super::list::Keys;
use clap::builder::PossibleValue;
use clap::{Arg, Args, Command};
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
