//! A run: begun, gone on with, executed.

use crate::finished::written_again;
use crate::folder::{self, absolute, is_run, lock, read_config, read_manifest, spool_path, start_of_paths};
use crate::hull_check::{Checked, Listing, check};
use crate::inputs::{List, Listed, Unpacked};
use crate::potentials::{different_energies, find_devices, load_configured};
use crate::stability::{Ready, ready};
use crate::{Error, NewRun};
use mlip_atoms::Potential;
use mlip_driver::{
    CifSource, Engine, Event, EventSink, Finish, Physics, Resources, RootPart, RunConfig, RunError, Setup, Signals,
    StructureSource, execute,
};
use mlip_inputs::{Manifest, extended};
use mlip_models::registry;
use mlip_ranks::Communicator;
use mlip_store::{RetryFailed, RunId, RunLock, write_run_file};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How an attempt behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct AttemptOptions {
    /// Failures to be repeated.
    pub retry: RetryFailed,
    /// Missing files are an error before work starts.
    pub strict: bool,
    /// Takes the run folder from another process that is known to be gone.
    pub force: bool,
    /// Entries that were added behind those of the list are added to the run.
    pub extend: bool,
}

/// What changes when a run goes on.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Other threads, memory and time.
    pub resources: Option<Resources>,
    /// Where checkpoints lie now, by label.
    pub checkpoints: Vec<(String, PathBuf)>,
}

/// A run whose folder is locked, and whose potentials are loaded.
pub struct Run {
    run_dir: PathBuf,
    config: RunConfig,
    manifest: Manifest,
    lock: RunLock,
    potentials: Vec<Arc<dyn Potential>>,
    source: Option<Arc<dyn StructureSource>>,
    options: AttemptOptions,
    return_free: fn(),
    /// What is said before work begins.
    remarks: Vec<Event>,
}

impl Run {
    /// Begins a run: lists its structures, loads its potentials, and writes its settings into a new folder.
    ///
    /// # Errors
    /// When the folder holds a run already, nothing is named, or something that is named cannot be had. No folder is
    /// left behind then.
    pub fn create(mut new: NewRun, options: &AttemptOptions) -> Result<Self, Error> {
        if is_run(&new.run_dir) {
            return Err(Error::Exists { folder: new.run_dir });
        }
        (new.run_dir, new.folder) = (absolute(&new.run_dir)?, absolute(&new.folder)?);
        new.resources.validate()?;
        if new.inputs.sources.is_empty() {
            return Err(Error::NoInputs);
        }
        let (potentials, physics) = new.load()?;
        let Ready { sources: stability, warnings } = ready(&new.stability, &new.folder, &physics)?;
        let existed = new.run_dir.is_dir();
        mlip_disk::create_dir_all(&new.run_dir).map_err(Error::io("create the run folder", &new.run_dir))?;
        let lock = lock(&new.run_dir, options.force)?;
        let listed = new.list(options.strict).and_then(|listed| {
            let Some(n) = new.hull_check else { return Ok((listed, Checked::default())) };
            let NewRun { frame, coordinates, allow_overlap, .. } = new;
            let read = CifSource { frame, coordinates, allow_overlap, folder: new.folder.clone() };
            let listing = Listing { manifest: &listed.manifest, source: &read };
            let checked = check(n, &stability, listing, &physics, &potentials)?;
            Ok((listed, checked))
        });
        let (Listed { manifest, notes, part }, checked) = listed.inspect_err(|_| {
            if !existed {
                // Holds nothing but the lock and what archives were unpacked to; a folder with more in it stays.
                let _ = mlip_disk::remove_file(spool_path(&new.run_dir));
                let _ = mlip_disk::remove_file(new.run_dir.join("run.lock"))
                    .and_then(|()| std::fs::remove_dir(&new.run_dir));
            }
        })?;
        // Unpacking archives may have taken long.
        lock.refresh()?;
        let config = RunConfig {
            run: RunId::draw().to_string(),
            version: env!("CARGO_PKG_VERSION").into(),
            folder: new.folder,
            physics,
            resources: new.resources,
            stability,
            part,
        };
        manifest.write(&folder::manifest_path(&new.run_dir))?;
        // Last: a folder with this file is a run.
        write_run_file(&new.run_dir, &config)?;
        let notes = notes.into_iter().chain(checked.notes).map(Event::note);
        let warnings = warnings.into_iter().chain(checked.warnings).chain(different_energies(&config.physics));
        let remarks = notes.chain(warnings.map(Event::warning)).collect();
        let (run_dir, options) = (new.run_dir, *options);
        Ok(Self { run_dir, config, manifest, lock, potentials, source: None, options, return_free: || (), remarks })
    }

    /// Goes on with the run in a folder.
    ///
    /// # Errors
    /// When there is none, another process works in it, or a checkpoint holds other weights than before.
    pub fn open(run_dir: &Path, changes: Changes, options: &AttemptOptions) -> Result<Self, Error> {
        let run_dir = absolute(run_dir)?;
        let mut config = read_config(&run_dir)?;
        if let Some(resources) = changes.resources {
            config.resources = resources;
        }
        config.resources.validate()?;
        for (label, file) in changes.checkpoints {
            let known: Vec<String> = config.physics.potentials.iter().map(|known| known.label.clone()).collect();
            match config.physics.potentials.iter_mut().find(|known| known.label == label) {
                Some(known) => known.file = Some(registry::file_from(&absolute(Path::new(""))?, &known.name, &file)),
                None => return Err(Error::NoSuchPotential { label, known }),
            }
        }
        let potentials = load_configured(&config.physics)?;
        find_devices(&potentials, &config.physics)?;
        let physics = config.physics.clone();
        let Ready { sources, warnings } = ready(&config.stability, &run_dir, &physics)?;
        config.stability = sources;
        Self::go_on(run_dir, config, potentials, physics, warnings, options)
    }

    /// Goes on with the run in the folder of `new`, which has to be the same: the same structures, if some are named,
    /// and the same physics.
    ///
    /// # Errors
    /// As [`Run::open`], and when the run is another: the message says what was and what would be.
    pub fn open_same(mut new: NewRun, options: &AttemptOptions) -> Result<Self, Error> {
        (new.run_dir, new.folder) = (absolute(&new.run_dir)?, absolute(&new.folder)?);
        let mut config = read_config(&new.run_dir)?;
        new.resources.validate()?;
        let (potentials, physics) = new.load()?;
        let unpacked = Unpacked::in_folder(&new.run_dir);
        let mut grown = None;
        if !new.inputs.sources.is_empty() {
            let wanted = new.inputs.list(&new.folder, unpacked.0.clone())?.manifest;
            let known = read_manifest(&new.run_dir)?;
            let start = absolute(&start_of_paths(&config))?;
            let wanted = new.same_part(&config, wanted, &unpacked)?;
            let was = List { manifest: &known, folder: &start };
            match was.difference(&List { manifest: &wanted, folder: &new.folder })? {
                None => {}
                // A part of a list has other bounds once that has grown: no part of it comes here.
                Some(difference) if difference.is_longer && options.extend && start == new.folder => {
                    grown = Some(wanted)
                }
                Some(difference) if difference.is_longer && config.part.is_none() => {
                    return Err(Error::LongerInputs { difference: difference.text });
                }
                Some(difference) => return Err(Error::OtherInputs { difference: difference.text }),
            }
        }
        let Ready { sources, warnings } = ready(&new.stability.over(&config.stability), &new.folder, &physics)?;
        config.stability = sources;
        config.resources = new.resources;
        let mut run = Self::go_on(new.run_dir, config, potentials, physics, warnings, options)?;
        if let Some(wanted) = grown {
            run.extend(&wanted)?;
        }
        Ok(run)
    }

    /// Adds the entries of a list behind those that the run has.
    fn extend(&mut self, wanted: &Manifest) -> Result<(), Error> {
        // What was reported is of a shorter list: nobody may take it for the whole.
        let report = self.run_dir.join("report").join("run.json");
        match mlip_disk::remove_file(&report) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", report)(error));
            }
            _ => {}
        }
        let before = self.manifest.len();
        extended(&self.manifest, wanted)?.write(&folder::manifest_path(&self.run_dir))?;
        self.manifest = read_manifest(&self.run_dir)?;
        let added = self.manifest.len() - before;
        self.remarks.push(Event::note(format!("{added} entries were added to the {before} of the run")));
        Ok(())
    }

    fn go_on(
        run_dir: PathBuf,
        mut config: RunConfig,
        potentials: Vec<Arc<dyn Potential>>,
        mut physics: Physics,
        warnings: Vec<String>,
        options: &AttemptOptions,
    ) -> Result<Self, Error> {
        for (known, potential) in physics.potentials.iter_mut().zip(&potentials) {
            // A digest that an earlier version gave to the same weights is kept: keys of tasks are made of it.
            let old = config.physics.potentials.iter().find(|old| old.label == known.label);
            if let Some(old) = old.filter(|old| potential.former_digest() == Some(old.digest.as_str())) {
                known.digest.clone_from(&old.digest);
            }
            *known = known.loaded(potential.as_ref());
        }
        if let Some(changes) = config.physics.changes(&physics) {
            return Err(Error::OtherPhysics { changes });
        }
        config.physics = physics;
        let lock = lock(&run_dir, options.force)?;
        let manifest = read_manifest(&run_dir)?;
        write_run_file(&run_dir, &config)?;
        let warnings = warnings.into_iter().chain(different_energies(&config.physics));
        let (remarks, options) = (warnings.map(Event::warning).collect(), *options);
        Ok(Self { run_dir, config, manifest, lock, potentials, source: None, options, return_free: || (), remarks })
    }

    /// Takes structures from elsewhere than from files: every locator of the input list is given to `source`. For runs
    /// in one process.
    #[must_use]
    pub fn with_source(self, source: Arc<dyn StructureSource>) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Calls this before evaluations that would make the peak of memory larger though much is free: it has the allocator of
    /// the program return to the system what is free.
    #[must_use]
    pub fn returning_free(self, return_free: fn()) -> Self {
        Self { return_free, ..self }
    }

    /// Entries of its list.
    pub fn n_entries(&self) -> usize {
        self.manifest.len()
    }

    /// Its folder.
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Those that it computes with, in the order of the settings.
    pub fn potentials(&self) -> &[Arc<dyn Potential>] {
        &self.potentials
    }

    /// Its settings.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// Computes and journals what has no result yet, and writes the tables. Called on the root; the other ranks
    /// [`take_part`] meanwhile. Where nothing is to be computed it returns without them: they are let go with the job.
    ///
    /// # Errors
    /// When a rank cannot go on; what was computed is kept.
    pub fn execute(
        self,
        ranks: &mut dyn Communicator,
        mut signals: Signals,
        events: &mut dyn EventSink,
    ) -> Result<Finish, RunError> {
        let Self { run_dir, config, manifest, lock, potentials, source, options, return_free, remarks } = self;
        remarks.into_iter().for_each(|remark| events.event(remark));
        let source = source.unwrap_or_else(|| files_of(&config));
        if options.retry == RetryFailed::No
            && let Some(finish) = written_again(&run_dir, &config, &manifest, source.clone(), &lock, &mut signals)?
        {
            events.event(Event::note("there is nothing to compute: all has a record, and only tables are written"));
            events.event(Event::Finished(finish.end));
            return Ok(finish);
        }
        let setup = Setup::share(Some(&Setup::new(run_dir, config, manifest.len() as u64)?), ranks)?;
        if !setup.config.folder.is_dir() {
            let folder = setup.config.folder.display();
            let text = format!("the folder `{folder}` in which the run was begun is gone; relative paths start here");
            events.event(Event::warning(text));
        }
        let engine = Engine { potentials, source, return_free };
        let part = RootPart { entries: manifest, lock, retry: options.retry, events };
        let finish = execute(ranks, &setup, Some(part), Ok(engine), signals)?;
        events.event(Event::Finished(finish.end));
        Ok(finish)
    }
}

/// What every rank but the root does while that executes a run; `loaded` sees its potentials before they are used.
/// `return_free`: as of [`Run::returning_free`].
///
/// # Errors
/// When the root has no run, or a rank cannot go on.
pub fn take_part(
    ranks: &mut dyn Communicator,
    signals: Signals,
    loaded: impl FnOnce(&[Arc<dyn Potential>]),
    return_free: fn(),
) -> Result<Finish, RunError> {
    let setup = Setup::share(None, ranks)?;
    let potentials = load_configured(&setup.config.physics).map_err(|error| in_one_line(&error));
    loaded(potentials.as_deref().unwrap_or_default());
    let engine = potentials.map(|potentials| Engine { potentials, source: files_of(&setup.config), return_free });
    execute(ranks, &setup, None, engine, signals)
}

pub(crate) fn files_of(config: &RunConfig) -> Arc<dyn StructureSource> {
    let (frame, coordinates) = (config.physics.frame, config.physics.coordinates);
    let allow_overlap = config.physics.allow_overlap;
    Arc::new(CifSource { frame, coordinates, allow_overlap, folder: start_of_paths(config) })
}

/// An error with its causes, for a message to the root.
fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
