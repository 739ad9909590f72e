//! `run`: begins a run.

use super::attempt::{MANIFEST, Prepared, SPOOL, attempt, lock_options};
use super::resume;
use crate::args::RunArgs;
use crate::error::Complaint;
use crate::exit_code::ExitCode;
use crate::loading::load_chosen;
use crate::settings::Settings;
use crate::show::Messages;
use mlip_atoms::Potential;
use mlip_driver::{Physics, RunConfig};
use mlip_inputs::{Manifest, Source};
use mlip_store::{RunId, RunLock};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Begins a run, or with `--resume` goes on with one.
pub(crate) fn run(args: &RunArgs) -> Result<ExitCode, Complaint> {
    attempt(&args.attempt, |messages| prepare(args, messages))
}

fn prepare(args: &RunArgs, messages: &Messages) -> Result<Prepared, Complaint> {
    let settings = Settings::of_run(args)?;
    settings.notes.iter().for_each(|note| messages.note(note));
    let run_dir = std::path::absolute(&settings.out)?;
    let exists = run_dir.join("run.toml").is_file();
    if exists && !args.resume {
        let name = settings.out.display();
        return Err(Complaint::new(format!("`{name}` holds a run already"))
            .hint(format!(
                "go on with it: mlip-batch resume {name} (or add --resume); or name another folder with --out"
            ))
            .usage());
    }
    let (potentials, configs) = load_chosen(&settings.potentials)?;
    let mut physics = Physics {
        frame: settings.frame,
        calculation: settings.calculation,
        forces: settings.forces,
        potentials: configs,
    };
    if exists {
        same_inputs(&settings, &run_dir)?;
        return resume::reopen(&run_dir, args.attempt.force, messages, |config| {
            // A run keeps the digests that it was begun with.
            for ((new, old), potential) in
                physics.potentials.iter_mut().zip(&config.physics.potentials).zip(&potentials)
            {
                if potential.former_digest() == Some(old.digest.as_str()) {
                    new.digest.clone_from(&old.digest);
                }
            }
            if let Some(changes) = config.physics.changes(&physics) {
                return Err(resume::refuse(&changes));
            }
            config.physics = physics;
            config.resources = settings.resources;
            Ok((potentials, settings.strict))
        });
    }
    let prepared = begin(&run_dir, args.attempt.force, physics, potentials, settings)?;
    messages.note(&format!("{} entries, run folder {}", prepared.manifest.len(), run_dir.display()));
    Ok(prepared)
}

/// A run has one list: where structures are named, they have to be those that it has. Others would not be computed.
fn same_inputs(settings: &Settings, run_dir: &Path) -> Result<(), Complaint> {
    if settings.sources.is_empty() {
        return Ok(());
    }
    let spool = Unpacked(run_dir.join(format!("inputs.compared-{}", std::process::id())));
    let wanted = mlip_inputs::enumerate(&settings.inputs()?, &settings.enumeration(spool.0.clone()))?;
    let known = Manifest::read(&run_dir.join(MANIFEST))?;
    let here = std::env::current_dir()?;
    let begun = resume::read_config(run_dir)?.folder;
    let begun = if begun.is_dir() { begun } else { here.clone() };
    let place = |list: &Manifest, folder: &Path, position| -> Result<Option<(String, PathBuf)>, Complaint> {
        let entry = list.get(position)?;
        Ok(entry.map(|entry| (entry.id, folder.join(entry.locator.to_string()))))
    };
    for position in 0..known.len().max(wanted.len()) {
        let (was, would) = (place(&known, &begun, position)?, place(&wanted, &here, position)?);
        if was != would {
            let say = |entry: Option<(String, PathBuf)>| {
                entry.map_or_else(|| "nothing".to_owned(), |(id, path)| format!("{id} ({})", path.display()))
            };
            let (was, would) = (say(was), say(would));
            return Err(Complaint::new(format!(
                "the run has other structures than those named now: it has {} entries, these are {}; entry {} was \
                 {was} and would be {would}",
                known.len(),
                wanted.len(),
                position + 1
            ))
            .hint("`mlip-batch resume RUN` goes on with the structures of the run; --out names a folder for a new run")
            .usage());
        }
    }
    Ok(())
}

/// What compressed archives are unpacked to while lists are compared.
struct Unpacked(PathBuf);

impl Drop for Unpacked {
    fn drop(&mut self) {
        // Without compressed archives there is none.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn begin(
    run_dir: &Path,
    force: bool,
    physics: Physics,
    potentials: Vec<Arc<dyn Potential>>,
    settings: Settings,
) -> Result<Prepared, Complaint> {
    let sources = settings.inputs()?;
    let existed = run_dir.is_dir();
    std::fs::create_dir_all(run_dir).map_err(|error| {
        Complaint::from_error(&error).while_doing(format!("cannot create the run folder `{}`", run_dir.display()))
    })?;
    let lock = RunLock::acquire(run_dir, lock_options(force))?;
    let manifest = list(&sources, run_dir, &settings).inspect_err(|_| {
        if !existed {
            // Holds nothing but the lock; a folder with more in it stays.
            let _ = std::fs::remove_file(run_dir.join("run.lock")).and_then(|()| std::fs::remove_dir(run_dir));
        }
    })?;
    // Unpacking archives may have taken long.
    lock.refresh()?;
    let config = RunConfig {
        run: RunId::draw().to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        folder: std::env::current_dir()?,
        physics,
        resources: settings.resources,
    };
    manifest.write(&run_dir.join(MANIFEST))?;
    // Last: a folder with this file is a run.
    mlip_store::write_run_file(run_dir, &config)?;
    Ok(Prepared { run_dir: PathBuf::from(run_dir), config, manifest, lock, potentials, strict: settings.strict })
}

/// All entries; compressed archives are unpacked into the run folder.
fn list(sources: &[Source], run_dir: &Path, settings: &Settings) -> Result<Manifest, Complaint> {
    let manifest = mlip_inputs::enumerate(sources, &settings.enumeration(run_dir.join(SPOOL)))?;
    if settings.strict {
        check_all(&manifest)?;
    }
    Ok(manifest)
}

/// `--strict`: every entry must be there before work starts.
pub(super) fn check_all(manifest: &Manifest) -> Result<(), Complaint> {
    let (mut missing, mut first) = (0u64, None);
    for entry in manifest.iter() {
        if let Err(failure) = entry?.locator.check(Path::new("")) {
            missing += 1;
            first.get_or_insert(failure.message);
        }
    }
    let Some(first) = first else { return Ok(()) };
    Err(Complaint::new(format!("{missing} of {} entries cannot be read, and --strict is set", manifest.len()))
        .hint(first))
}
