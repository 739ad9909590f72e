//! What was decided, from all that was said: built-in values < job file < environment < flags.
//! (clap already lets flags win over the environment.)

use super::calculation;
use super::job_file::{JobFile, is_yaml};
use super::list::{How, What, Where};
use crate::args::{BenchArgs, PlanArgs, PresetArgs, RunArgs, VerifyArgs};
use crate::error::CommandError;
use crate::formats::formats;
use crate::potentials::{Chosen, Common, Named, choose, complete_from};
use crate::stability::stability;
use crate::upstream;
use crate::values::Workers;
use mlip_atoms::{EngineKind, Frame, Precision};
use mlip_calculations::{CalculationConfig, Embeddings};
use mlip_driver::Resources;
use mlip_inputs::{Blocks, Source};
use mlip_run::{ChosenPotential, Coordinates, Filter, NewRun, Part, RelaxedBy, RunInputs};
use mlip_store::report::StabilitySources;
use std::path::{Path, PathBuf};

/// What `run` and `plan` compute and how.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) potentials: Vec<Chosen>,
    pub(crate) calculation: CalculationConfig,
    pub(crate) frame: Frame,
    pub(crate) coordinates: Coordinates,
    pub(crate) allow_overlap: bool,
    pub(crate) forces: bool,
    pub(crate) embeddings: Embeddings,
    pub(crate) stability: StabilitySources,
    pub(crate) out: PathBuf,
    /// Which part of the structures; its run lies in a folder of its own in `out`.
    pub(crate) part: Option<Part>,
    pub(crate) strict: bool,
    pub(crate) resources: Resources,
    /// What people should know of the settings.
    pub(crate) notes: Vec<String>,
    limit: Option<usize>,
    hull_check: Option<usize>,
    relaxed: Option<RelaxedBy>,
    filter: Option<Filter>,
    root: Option<PathBuf>,
    blocks: Blocks,
    cif_column: Option<String>,
    id_column: Option<String>,
}

/// From a job file, settings of LeMat-GenBench, or nothing; and what people should know of it.
fn job_file(path: Option<&PathBuf>, preset: &PresetArgs) -> Result<(JobFile, Vec<String>), CommandError> {
    match (path, &preset.config) {
        (_, Some(config)) => upstream::read(config).map(upstream::Config::into_job),
        (Some(path), None) if is_yaml(path) => upstream::read(&path.to_string_lossy()).map(upstream::Config::into_job),
        (Some(path), None) => JobFile::read(path).map(|job| (job, Vec::new())),
        (None, None) => Ok(Default::default()),
    }
}

/// Puts what was said now over what holds already.
pub(crate) fn overlay(resources: &mut Resources, how: &How) {
    fn put<T>(place: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *place = value;
        }
    }
    let How {
        structure_workers,
        max_mlip_workers,
        parallel_mlips,
        no_parallel_mlips,
        threads_per_mlip,
        oversubscribe,
        batch_size,
        timeout,
        structure_timeout,
        memory_limit,
        monitor_memory,
        max_crashes,
        drain,
        sync,
        sample,
        cache,
        no_cache,
        csv_zst,
        format,
        space_groups,
        max_failure_rate,
        // Of the attempt alone.
        strict: _,
    } = how;
    put(&mut resources.structure_workers, structure_workers.map(Workers::number));
    put(&mut resources.mlip_workers, max_mlip_workers.map(Workers::number));
    put(&mut resources.threads_per_mlip, threads_per_mlip.map(Workers::number));
    put(&mut resources.parallel_mlips, no_parallel_mlips.map(|one_by_one| !one_by_one).or(*parallel_mlips).map(Some));
    put(&mut resources.oversubscribe, *oversubscribe);
    put(&mut resources.batch_size, batch_size.map(|size| Some(size.0.get())));
    put(&mut resources.timeout_s, timeout.map(|time| Some(time.0)));
    put(&mut resources.structure_timeout_s, structure_timeout.map(|time| Some(time.0)));
    put(&mut resources.memory_bytes, memory_limit.map(|memory| Some(memory.0)));
    put(&mut resources.monitor_memory, *monitor_memory);
    put(&mut resources.max_crashes, *max_crashes);
    put(&mut resources.drain_s, drain.map(|time| time.0));
    put(&mut resources.sync_s, sync.map(|time| time.0));
    put(&mut resources.sample_s, sample.map(|time| time.0));
    put(&mut resources.compress, *csv_zst);
    put(&mut resources.space_groups, *space_groups);
    put(&mut resources.max_failure_rate, max_failure_rate.map(|part| Some(part.0)));
    put(&mut resources.formats, (!format.is_empty()).then(|| formats(format)));
    if let Some(folder) = cache {
        // Later attempts may start elsewhere. Without a current folder the path stays as it is.
        resources.cache = Some(std::path::absolute(folder).unwrap_or_else(|_| folder.clone()));
    }
    if *no_cache == Some(true) {
        resources.cache = None;
    }
}

/// The potentials of the flags, or else of the job file, with the settings that belong to one of them.
fn choose_potentials(what: &What, job: &JobFile) -> Result<Vec<Chosen>, CommandError> {
    let mut named = what.models.iter().map(|text| Named::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let are_typed = !named.is_empty();
    if !are_typed {
        named.clone_from(&job.potentials);
    } else if job.is_preset {
        complete_from(&mut named, &job.potentials);
    }
    if named.is_empty() {
        named.push(Named::parse("chgnet")?);
    }
    let number = |number: Option<i32>| number.map(|number| number.to_string());
    let of = |what: &What| {
        [
            ("head", what.head.clone()),
            ("task", what.task.clone()),
            ("charge", number(what.charge)),
            ("spin", number(what.spin)),
            ("exact_radial", what.exact_radial.filter(|exact| *exact).map(|_| "true".to_owned())),
        ]
    };
    for ((key, typed), (_, kept)) in of(what).into_iter().zip(of(&job.what)) {
        let is_typed = typed.is_some();
        let Some(value) = typed.or(kept) else { continue };
        let wins = (is_typed != are_typed).then_some(is_typed);
        Common { key, value, wins }.apply(&mut named)?;
    }
    let precision = what.precision.or(job.what.precision).map(Precision::from).unwrap_or_default();
    let engine = what.engine.or(job.what.engine).map(EngineKind::from).unwrap_or_default();
    let device = what.device.as_ref().or(job.what.device.as_ref());
    let folder = what.models_dir.as_ref().or(job.what.models_dir.as_ref());
    choose(&named, precision, engine, device.map(String::as_str), folder.map(PathBuf::as_path))
}

/// `runs/NAME`.
fn run_folder(name: &str) -> Result<PathBuf, CommandError> {
    if name.is_empty() || name == ".." || name == "." || name.contains('/') {
        return Err(CommandError::new(format!("`{name}` cannot be the name of a run"))
            .hint("give a name without `/`, or a folder with --out")
            .usage());
    }
    Ok(Path::new("runs").join(name))
}

impl Settings {
    /// Of `run`.
    pub(crate) fn of_run(args: &RunArgs) -> Result<Self, CommandError> {
        let mut place = args.place.clone();
        if let (None, Some(name)) = (&place.out, &args.name) {
            place.out = Some(run_folder(name)?);
        }
        let part = args.part.map(|part| part.0);
        let settings = Self::resolve(args.job.as_ref(), &args.preset, &args.what, &args.how, place)?;
        Ok(Self { part, ..settings })
    }

    /// Of `plan`.
    pub(crate) fn of_plan(args: &PlanArgs) -> Result<Self, CommandError> {
        Self::resolve(args.job.as_ref(), &args.preset, &args.what, &args.how, Where::default())
    }

    /// Of `bench`.
    pub(crate) fn of_bench(args: &BenchArgs) -> Result<Self, CommandError> {
        Self::resolve(args.job.as_ref(), &args.preset, &args.what, &How::default(), Where::default())
    }

    /// Of `verify`.
    pub(crate) fn of_verify(args: &VerifyArgs) -> Result<Self, CommandError> {
        Self::resolve(args.job.as_ref(), &args.preset, &args.what, &How::default(), Where::default())
    }

    fn resolve(
        job: Option<&PathBuf>,
        preset: &PresetArgs,
        what: &What,
        how: &How,
        place: Where,
    ) -> Result<Self, CommandError> {
        let (job, notes) = job_file(job, preset)?;
        let potentials = choose_potentials(what, &job)?;
        let what = what.clone().over(calculation::under(job.what, what));
        let how = how.clone().over(job.how);
        let mut resources = Resources::default();
        overlay(&mut resources, &how);
        let calculation = calculation::of(&what)?;
        Ok(Self {
            sources: what.cifs,
            notes,
            limit: what.limit.map(|limit| limit.0.get()),
            hull_check: what.hull_check.map(|n| n.0.get()),
            relaxed: what.relaxed.and_then(|relaxed| relaxed.0),
            filter: what.r#where.map(|filter| filter.0),
            potentials,
            calculation,
            frame: what.frame.map(Frame::from).unwrap_or_default(),
            coordinates: what.coordinates.map(Coordinates::from).unwrap_or_default(),
            allow_overlap: what.allow_overlap.unwrap_or(false),
            forces: what.forces.unwrap_or(true),
            embeddings: what.embeddings.map(Embeddings::from).unwrap_or_default(),
            stability: stability(what.reference, what.hull, what.hull_mismatch),
            out: place.over(job.place).out.unwrap_or_else(|| "RUN".into()),
            part: None,
            strict: how.strict.unwrap_or(false),
            resources,
            root: what.root,
            blocks: what.blocks.map(Blocks::from).unwrap_or_default(),
            cif_column: what.cif_column,
            id_column: what.id_column,
        })
    }

    /// The folder of the run.
    pub(crate) fn run_dir(&self) -> PathBuf {
        self.part.map_or_else(|| self.out.clone(), |part| part.folder(&self.out))
    }

    /// The run that is asked for, from the current folder.
    pub(crate) fn into_new_run(self) -> Result<NewRun, CommandError> {
        let inputs = self.inputs()?;
        let chosen = |Chosen { label, selection }| ChosenPotential { label, selection };
        Ok(NewRun {
            run_dir: self.run_dir(),
            folder: std::env::current_dir()?,
            inputs,
            potentials: self.potentials.into_iter().map(chosen).collect(),
            frame: self.frame,
            coordinates: self.coordinates,
            allow_overlap: self.allow_overlap,
            calculation: self.calculation,
            forces: self.forces,
            embeddings: self.embeddings,
            resources: self.resources,
            stability: self.stability,
            hull_check: self.hull_check,
            part: self.part,
        })
    }

    /// What the input paths mean; none where there are none.
    pub(crate) fn inputs(&self) -> Result<RunInputs, CommandError> {
        let mut sources = Vec::with_capacity(self.sources.len());
        for path in &self.sources {
            let mut source = Source::from_path(path)?;
            match &mut source {
                Source::List { root, .. } | Source::StandardInput { root } => root.clone_from(&self.root),
                Source::Csv { cif_column, id_column, .. } => {
                    cif_column.clone_from(&self.cif_column);
                    id_column.clone_from(&self.id_column);
                }
                _ => {}
            }
            sources.push(source);
        }
        let (relaxed, filter) = (self.relaxed.clone(), self.filter.clone());
        Ok(RunInputs { sources, blocks: self.blocks, limit: self.limit, relaxed, filter })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{PrecisionName, Seconds};

    fn job(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn flags_win_over_the_job_file_and_that_over_what_is_built_in() {
        let (folder, path) = job("cifs = [\"a\"]\nmodels = [\"mace=m.model\"]\ndtype = \"f64\"\ntimeout = 3.0\n");
        let mut args = RunArgs { job: Some(path), ..RunArgs::default() };
        let settings = Settings::of_run(&args).unwrap();
        assert_eq!(settings.sources, [folder.path().join("a")]);
        assert_eq!(settings.potentials[0].selection.file, Some(folder.path().join("m.model")));
        assert_eq!(settings.potentials[0].selection.precision, Precision::F64);
        assert_eq!(settings.resources.timeout_s, Some(3.0));
        assert_eq!(settings.out, Path::new("RUN"));
        args.what.precision = Some(PrecisionName::F32);
        args.how.timeout = Some(Seconds(1.0));
        args.what.cifs = vec!["b".into()];
        let settings = Settings::of_run(&args).unwrap();
        assert_eq!(settings.potentials[0].selection.precision, Precision::F32);
        assert_eq!(settings.resources.timeout_s, Some(1.0));
        assert_eq!(settings.sources, [PathBuf::from("b")]);
    }

    #[test]
    fn without_a_model_chgnet_is_meant() {
        let potentials = Settings::of_run(&RunArgs::default()).unwrap().potentials;
        assert_eq!((potentials.len(), potentials[0].label.as_str()), (1, "chgnet"));
    }

    #[test]
    fn a_switch_of_the_job_file_can_be_turned_off() {
        let (_folder, path) = job("strict = true\ncsv_zst = true\nparallel_mlips = true\n");
        let mut args = RunArgs { job: Some(path), ..RunArgs::default() };
        assert!(Settings::of_run(&args).unwrap().strict);
        args.how = How { strict: Some(false), no_parallel_mlips: Some(true), ..How::default() };
        let settings = Settings::of_run(&args).unwrap();
        assert!(!settings.strict && settings.resources.compress);
        assert_eq!(settings.resources.parallel_mlips, Some(false));
    }

    #[test]
    fn a_flag_wins_over_an_option_of_the_job_file_and_not_over_one_that_was_typed() {
        let (_folder, path) = job("[[model]]\nname = 'uma'\ncheckpoint = 'u.pt'\ntask = 'omat'\n");
        let mut args = RunArgs { job: Some(path), ..RunArgs::default() };
        args.what.task = Some("omol".into());
        let settings = Settings::of_run(&args).unwrap();
        assert_eq!(settings.potentials[0].selection.options["task"], "omol");
        args.what.models = vec!["uma=v.pt,task=omat".into()];
        let message = format!("{:?}", Settings::of_run(&args).unwrap_err());
        assert!(message.contains("--task omol contradicts task=omat of uma"), "{message}");
    }

    #[test]
    fn structures_in_the_place_of_a_job_file_are_answered_with_what_to_type() {
        let args = RunArgs { job: Some("x.cif".into()), ..RunArgs::default() };
        let message = format!("{:?}", Settings::of_run(&args).unwrap_err());
        assert!(message.contains("mlip-batch run --cifs x.cif"), "{message}");
    }
}
