//! What bindings for other languages use: runs, reports and potentials, named by the words of the command line. Settings
//! stand once; here as there.

use crate::allocator;
use crate::args::{Args, Command};
use crate::commands::{open_run, report_as, resume_run};
use crate::error::CommandError;
use crate::potentials::{Named, choose};
use crate::settings::Settings;
use crate::show::{counted, line};
use mlip_atoms::{EngineKind, Potential, Precision};
use mlip_calculations::CalculationConfig;
use mlip_models::registry;
use mlip_run::{ChosenPotential, Progress, Run, RunReport};
use std::ffi::OsString;
use std::sync::Arc;

/// A run that is ready to be executed.
pub struct BegunRun {
    /// The run; its folder is locked.
    pub run: Run,
    /// What people should know of its settings.
    pub notes: Vec<String>,
}

/// The command that words name, which begin behind the name of the program.
fn command(words: impl IntoIterator<Item = OsString>) -> Result<Command, CommandError> {
    let words = std::iter::once("mlip-batch".into()).chain(words);
    let args = Args::read(words).map_err(|error| {
        let text = error.render().to_string();
        CommandError::new(text.trim().trim_start_matches("error: ")).usage()
    })?;
    args.command.ok_or_else(|| CommandError::new("no command is given").usage())
}

/// Begins a run (`run --cifs … --out RUN`) or goes on with one (`resume RUN`), without computing anything yet.
///
/// # Errors
/// As on the command line.
pub fn begin_run(words: impl IntoIterator<Item = OsString>) -> Result<BegunRun, CommandError> {
    let mut notes = Vec::new();
    let mut note = |text: &str| notes.push(text.to_owned());
    let (run, _) = match command(words)? {
        Command::Run(args) => open_run(&args, &mut note)?,
        Command::Resume(args) => resume_run(&args)?,
        _ => return Err(CommandError::new("only `run` and `resume` begin a run").usage()),
    };
    Ok(BegunRun { run: run.returning_free(allocator::return_all_free), notes })
}

/// Decides what the words of `run` and its job file ask for, and begins nothing.
///
/// # Errors
/// As on the command line.
pub fn check_settings(words: impl IntoIterator<Item = OsString>) -> Result<(), CommandError> {
    match command(words)? {
        Command::Run(args) => Settings::of_run(&args)?.into_new_run().map(drop),
        _ => Err(CommandError::new("only `run` has a job file").usage()),
    }
}

/// Writes the report of a run (`report RUN --format extxyz`).
///
/// # Errors
/// As on the command line.
pub fn write_report(words: impl IntoIterator<Item = OsString>) -> Result<RunReport, CommandError> {
    match command(words)? {
        Command::Report(args) => report_as(&args),
        _ => Err(CommandError::new("only `report` writes a report").usage()),
    }
}

/// The potential that `--model` names, with further options of the model, `precision`, `engine` and `device` by key.
///
/// # Errors
/// When the text names no potential, or an option is said twice or unknown.
pub fn choose_potential(text: &str, options: &[(String, String)]) -> Result<ChosenPotential, CommandError> {
    let mut named = Named::parse(text)?;
    for (key, value) in options {
        named.set_option(key, value)?;
    }
    let chosen = choose(&[named], Precision::default(), EngineKind::default(), None, None)?.pop();
    let chosen = chosen.ok_or_else(|| CommandError::new(format!("`{text}` names no potential")).usage())?;
    Ok(ChosenPotential { label: chosen.label, selection: chosen.selection })
}

/// Loads a potential, and makes sure that its device is there.
///
/// # Errors
/// When the checkpoint cannot be used, or there is no such device.
pub fn load_potential(chosen: &ChosenPotential) -> Result<Arc<dyn Potential>, CommandError> {
    let potential = registry::load(&chosen.selection).map_err(|error| {
        CommandError::from_error(&error)
            .hint("`mlip-batch models` lists the potentials that this program knows")
            .usage()
    })?;
    potential.find_device()?;
    Ok(potential)
}

/// How far a run of a calculation is, in a line.
pub fn progress_line(progress: &Progress, calculation: &CalculationConfig) -> String {
    line(progress, counted(calculation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn options_stand_in_the_text_or_beside_it_and_not_in_both() {
        let option = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let chosen = choose_potential("single:uma=u.pt,task=omol", &[option("precision", "f64")]).unwrap();
        assert_eq!((chosen.label.as_str(), chosen.selection.precision), ("single", Precision::F64));
        assert_eq!(chosen.selection.options["task"], "omol");
        let twice = choose_potential("uma=u.pt,task=omol", &[option("task", "omat")]).unwrap_err();
        assert!(twice.text().contains("`task` stands there twice"), "{}", twice.text());
        let unknown = choose_potential("chgnett", &[]).unwrap_err();
        assert!(unknown.is_usage() && unknown.text().contains("did you mean chgnet"), "{}", unknown.text());
    }

    #[test]
    fn words_that_are_no_settings_are_errors_and_end_no_process() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("RUN");
        let out = out.to_str().unwrap();
        let text = |error: CommandError| error.text();
        let unknown = begin_run(words(&["run", "--cifs", "x", "--fmx", "1"])).err().map(text).unwrap();
        assert!(unknown.contains("--fmx") && unknown.contains("--fmax"), "{unknown}");
        assert!(begin_run(words(&["status", out])).is_err() && write_report(words(&["run"])).is_err());
        let absent = begin_run(words(&["resume", out])).err().unwrap();
        assert!(absent.is_usage() && absent.text().contains("hint: begin one"), "{}", absent.text());
    }
}
