//! `resume`: goes on with a run.

use super::attempt::attempt;
use crate::args::ResumeArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::settings;
use mlip_run::{AttemptOptions, Changes, Run, read_config};
use std::path::PathBuf;

/// Goes on with a run, with other resources if asked for.
pub(crate) fn resume(args: &ResumeArgs) -> Result<ExitCode, CommandError> {
    attempt(&args.attempt, |_| resume_run(args))
}

/// The run, ready to go on.
pub(crate) fn resume_run(args: &ResumeArgs) -> Result<(Run, AttemptOptions), CommandError> {
    let mut resources = read_config(&args.run).map_err(CommandError::of_run)?.resources;
    settings::overlay(&mut resources, &args.how);
    let changes = Changes { resources: Some(resources), checkpoints: checkpoints(&args.models)? };
    let options = args.attempt.options(args.how.strict.unwrap_or(false));
    let run = Run::open(&args.run, changes, &options).map_err(CommandError::of_run)?;
    Ok((run, options))
}

/// Where checkpoints lie now: `LABEL=FILE`.
fn checkpoints(models: &[String]) -> Result<Vec<(String, PathBuf)>, CommandError> {
    let parse = |text: &String| match text.split_once('=').filter(|(_, file)| !file.is_empty()) {
        Some((label, file)) => Ok((label.to_owned(), file.into())),
        None => Err(CommandError::new(format!("`{text}` names no file"))
            .hint("say where the checkpoint of a potential lies now: --model LABEL=FILE")
            .usage()),
    };
    models.iter().map(parse).collect()
}
