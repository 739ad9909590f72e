//! `run`: begins a run.

use super::attempt::attempt;
use crate::args::RunArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::settings::Settings;
use mlip_run::{AttemptOptions, Run};

/// Begins a run, or with `--resume` goes on with one.
pub(crate) fn run(args: &RunArgs) -> Result<ExitCode, CommandError> {
    attempt(&args.attempt, |messages| open_run(args, &mut |text| messages.note(text)))
}

/// The run that is asked for, ready to be executed; `note` takes what people should know of the settings.
pub(crate) fn open_run(args: &RunArgs, note: &mut dyn FnMut(&str)) -> Result<(Run, AttemptOptions), CommandError> {
    let settings = Settings::of_run(args)?;
    settings.notes.iter().for_each(|text| note(text));
    let options = AttemptOptions { extend: args.extend, ..args.attempt.options(settings.strict) };
    let exists = settings.run_dir().join("run.toml").is_file();
    let run = match exists && args.resume {
        true => Run::open_same(settings.into_new_run()?, &options),
        false => Run::create(settings.into_new_run()?, &options),
    };
    Ok((run.map_err(CommandError::of_run)?, options))
}
