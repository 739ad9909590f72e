//! `MLIP_*` variables: those that are settings, those that other parts read, and misspelt ones.

use clap::{ArgMatches, Command};
use std::ffi::{OsStr, OsString};

/// Not settings of this program: read by its models, its scripts and its tests.
const OTHERS: [&str; 16] = [
    "MLIP_BATCH",
    "MLIP_BENCH_MACE",
    "MLIP_CHECKPOINTS",
    "MLIP_CIF_DIR",
    "MLIP_DTYPE",
    "MLIP_HOME",
    "MLIP_INSTRUCTION_SET",
    "MLIP_LAUNCH",
    "MLIP_MACE_MODELS",
    "MLIP_MAX_REQUEUES",
    "MLIP_NO_INSTALL",
    "MLIP_PYTHON",
    "MLIP_REFERENCE_DIR",
    "MLIP_TEST_LAUNCH",
    "MLIP_TEST_MODEL",
    "MLIP_TEST_SECONDS",
];

/// The command line with older names of variables: `MLIP_DTYPE` is read where `MLIP_PRECISION` is not set.
pub(crate) fn with_older_names(command: Command) -> Command {
    let older = std::env::var_os("MLIP_PRECISION").is_none() && std::env::var_os("MLIP_DTYPE").is_some();
    command.mut_subcommands(|command| match older && has(&command, "precision") {
        true => command.mut_arg("precision", |precision| precision.env("MLIP_DTYPE")),
        false => command,
    })
}

fn has(command: &Command, name: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_id() == name)
}

/// Commands, and those within them.
fn all_below(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().flat_map(|command| std::iter::once(command).chain(command.get_subcommands()))
}

/// Sentences that name variables of this program's form that mean nothing, with the one that was meant.
pub(crate) fn unknown_variables(command: &Command, set: impl Iterator<Item = OsString>) -> Vec<String> {
    let of_settings = all_below(command).flat_map(Command::get_arguments).filter_map(|setting| setting.get_env());
    let known: Vec<&OsStr> = of_settings.chain(OTHERS.iter().map(OsStr::new)).collect();
    let mut unknown: Vec<OsString> = set
        .filter(|name| name.as_encoded_bytes().starts_with(b"MLIP_") && !known.contains(&name.as_os_str()))
        .collect();
    unknown.sort();
    let sentence = |name: &OsString| {
        let name = name.to_string_lossy();
        // What all have in common makes none of them likely.
        let names = known.iter().filter_map(|known| known.to_str()?.strip_prefix("MLIP_"));
        let meant = crate::values::closest(name.trim_start_matches("MLIP_"), names);
        let meant = meant.map(|meant| format!("; did you mean MLIP_{meant}?")).unwrap_or_default();
        format!("the environment variable {name} is not a setting of this program and has no effect{meant}")
    };
    unknown.iter().map(sentence).collect()
}

/// The settings of `group` that were typed, as flags for another process with the same environment.
pub(crate) fn typed<Group: clap::Args>(matches: &ArgMatches) -> Vec<OsString> {
    let mut flags = Vec::new();
    for setting in Group::augment_args(Command::new("settings")).get_arguments() {
        let id = setting.get_id().as_str();
        let Some(name) = setting.get_long() else { continue };
        if matches.value_source(id) != Some(clap::parser::ValueSource::CommandLine) {
            continue;
        }
        let takes_none = setting.get_num_args().is_some_and(|numbers| numbers.max_values() == 0);
        for value in matches.get_raw(id).into_iter().flatten() {
            let mut flag = OsString::from(format!("--{name}"));
            if !takes_none {
                flag.push("=");
                flag.push(value);
            }
            flags.push(flag);
        }
    }
    flags
}

/// The potentials of `MLIP_MODEL`: separated by `;` where there is one, otherwise by blanks.
pub(crate) fn several(text: &str) -> Vec<String> {
    let parts: Vec<&str> =
        if text.contains(';') { text.split(';').collect() } else { text.split_whitespace().collect() };
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn misspelt_variables_are_named_and_others_are_not() {
        let set = ["MLIP_MODLE", "MLIP_MODEL", "MLIP_CHECKPOINTS", "PATH", "MLIP_WHATEVER_ELSE"].map(OsString::from);
        assert_eq!(
            unknown_variables(&crate::args::Args::command(), set.into_iter()),
            [
                "the environment variable MLIP_MODLE is not a setting of this program and has no effect; did you mean \
                 MLIP_MODEL?",
                "the environment variable MLIP_WHATEVER_ELSE is not a setting of this program and has no effect",
            ]
        );
    }

    #[test]
    fn variables_are_named_after_their_keys() {
        for setting in <crate::settings::Keys as clap::Args>::augment_args(Command::new("settings")).get_arguments() {
            let key = setting.get_id().as_str().to_uppercase();
            let expected = if key == "MODELS" { "MLIP_MODEL".to_owned() } else { format!("MLIP_{key}") };
            if let Some(variable) = setting.get_env() {
                assert_eq!(variable.to_str(), Some(expected.as_str()));
            }
        }
    }

    #[test]
    fn a_list_of_potentials_is_divided_at_blanks_or_semicolons() {
        assert_eq!(several(" chgnet  lennard-jones\n"), ["chgnet", "lennard-jones"]);
        assert_eq!(several("mace=my file.model; orb=o.ckpt;"), ["mace=my file.model", "orb=o.ckpt"]);
        assert!(several(" ").is_empty());
    }
}
