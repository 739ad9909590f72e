//! `resume`: goes on with a run.

use super::attempt::{MANIFEST, Prepared, attempt, lock_options};
use crate::args::ResumeArgs;
use crate::error::Complaint;
use crate::exit_code::ExitCode;
use crate::loading::load_all;
use crate::settings;
use crate::show::Messages;
use mlip_atoms::Potential;
use mlip_driver::RunConfig;
use mlip_inputs::Manifest;
use mlip_store::{RunLock, read_run_file, write_run_file};
use std::path::Path;
use std::sync::Arc;

/// Goes on with a run, with other resources if asked for.
pub(crate) fn resume(args: &ResumeArgs) -> Result<ExitCode, Complaint> {
    attempt(&args.attempt, |messages| {
        let run_dir = std::path::absolute(&args.run)?;
        reopen(&run_dir, args.attempt.force, messages, |config| {
            settings::overlay(&mut config.resources, &args.how);
            config.resources.validate()?;
            move_files(config, &args.models)?;
            let potentials = load_all(config)?;
            let mut loaded = config.physics.clone();
            for (known, potential) in loaded.potentials.iter_mut().zip(&potentials) {
                *known = known.loaded(potential.as_ref());
            }
            match config.physics.changes(&loaded) {
                Some(changes) => Err(refuse(&changes)),
                None => Ok((potentials, args.how.strict.unwrap_or(false))),
            }
        })
    })
}

/// A run is one computation.
pub(super) fn refuse(changes: &str) -> Complaint {
    Complaint::new(format!("the run cannot go on with other physics: {changes}"))
        .hint("repeat the settings of the run, or begin another run with --out")
        .usage()
}

/// Checkpoints may lie elsewhere now.
fn move_files(config: &mut RunConfig, models: &[String]) -> Result<(), Complaint> {
    for text in models {
        let Some((label, file)) = text.split_once('=').filter(|(_, file)| !file.is_empty()) else {
            return Err(Complaint::new(format!("`{text}` names no file"))
                .hint("say where the checkpoint of a potential lies now: --model LABEL=FILE")
                .usage());
        };
        let labels: Vec<String> = config.physics.potentials.iter().map(|known| known.label.clone()).collect();
        let Some(known) = config.physics.potentials.iter_mut().find(|known| known.label == label) else {
            return Err(Complaint::new(format!("`{label}` is not a potential of this run"))
                .hint(format!("its potentials are {}", labels.join(", ")))
                .usage());
        };
        known.file = Some(std::path::absolute(file)?);
    }
    Ok(())
}

/// Opens the folder of a run for another attempt; `adapt` changes the settings and loads the potentials.
pub(super) fn reopen(
    run_dir: &Path,
    force: bool,
    messages: &Messages,
    adapt: impl FnOnce(&mut RunConfig) -> Result<(Vec<Arc<dyn Potential>>, bool), Complaint>,
) -> Result<Prepared, Complaint> {
    let mut config = read_config(run_dir)?;
    let (potentials, strict) = adapt(&mut config)?;
    let lock = RunLock::acquire(run_dir, lock_options(force))?;
    let manifest = Manifest::read(&run_dir.join(MANIFEST))?;
    write_run_file(run_dir, &config)?;
    messages.note(&format!("{} entries, run folder {}", manifest.len(), run_dir.display()));
    Ok(Prepared { run_dir: run_dir.to_owned(), config, manifest, lock, potentials, strict })
}

/// The settings of a run.
pub(super) fn read_config(run_dir: &Path) -> Result<RunConfig, Complaint> {
    if !run_dir.join("run.toml").is_file() {
        return Err(Complaint::new(format!("`{}` is not the folder of a run: it has no run.toml", run_dir.display()))
            .hint("begin one: mlip-batch run --cifs PATH --out RUN")
            .usage());
    }
    Ok(read_run_file(run_dir)?)
}
