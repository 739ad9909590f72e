//! What was decided, from all that was said: built-in values < job file < environment < flags.
//! (clap already lets flags win over the environment.)

use crate::args::{BenchArgs, BlocksOf, Command, HowArgs, PlanArgs, RunArgs, WhatArgs, Workers};
use crate::error::Complaint;
use crate::potentials::ModelSpec;
use crate::upstream;
use mlip_atoms::{Frame, LoadOptions, Precision};
use mlip_calculations::CalculationConfig;
use mlip_driver::{Resources, RunConfig};
use mlip_inputs::{Blocks, Enumeration, Source};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A job file: the flags of `run`, with underscores.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JobFile {
    /// CIF files, folders, lists, tables; relative to the job file.
    pub(crate) cifs: Vec<PathBuf>,
    /// `NAME` or `NAME=FILE`; files relative to the job file.
    pub(crate) models: Vec<String>,
    /// `f32` or `f64`.
    pub(crate) dtype: Option<Precision>,
    /// Settings of single potentials.
    pub(crate) head: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) charge: Option<i32>,
    pub(crate) spin: Option<i32>,
    pub(crate) exact_radial: bool,
    /// `pymatgen` or `ase`.
    pub(crate) frame: Option<Frame>,
    /// Whether forces and stress are computed.
    pub(crate) forces: Option<bool>,
    /// The run folder, relative to where the program is started.
    pub(crate) out: Option<PathBuf>,
    /// Start of relative paths in lists; itself relative to the job file.
    pub(crate) root: Option<PathBuf>,
    /// `named` or `all`.
    pub(crate) blocks: Option<BlocksOf>,
    pub(crate) cif_column: Option<String>,
    pub(crate) id_column: Option<String>,
    pub(crate) strict: bool,
    /// Only the first so many structures.
    pub(crate) limit: Option<usize>,
    /// A number or `auto`; `n_jobs` is the same.
    #[serde(alias = "n_jobs")]
    pub(crate) structure_workers: Option<Workers>,
    pub(crate) max_mlip_workers: Option<Workers>,
    /// All potentials of a structure at once (`true`), or one after the other.
    pub(crate) parallel_mlips: Option<bool>,
    pub(crate) threads_per_mlip: Option<Workers>,
    pub(crate) oversubscribe: bool,
    pub(crate) batch_size: Option<usize>,
    pub(crate) timeout: Option<f64>,
    pub(crate) structure_timeout: Option<f64>,
    /// MB; `memory` is the same.
    #[serde(alias = "memory")]
    pub(crate) memory_limit: Option<u64>,
    pub(crate) monitor_memory: bool,
    pub(crate) max_crashes: Option<u32>,
    pub(crate) drain: Option<f64>,
    pub(crate) sync: Option<f64>,
    pub(crate) sample: Option<f64>,
    /// Relative to the job file.
    pub(crate) cache: Option<PathBuf>,
    pub(crate) csv_zst: bool,
}

/// What `run` and `plan` compute and how.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) models: Vec<ModelSpec>,
    pub(crate) options: LoadOptions,
    pub(crate) frame: Frame,
    pub(crate) calculation: CalculationConfig,
    pub(crate) forces: bool,
    pub(crate) out: PathBuf,
    pub(crate) strict: bool,
    pub(crate) resources: Resources,
    /// What people should know of the settings.
    pub(crate) notes: Vec<String>,
    limit: Option<usize>,
    root: Option<PathBuf>,
    blocks: Blocks,
    cif_column: Option<String>,
    id_column: Option<String>,
}

impl JobFile {
    /// Reads a job file; its paths start from its folder.
    pub(crate) fn read(path: &Path) -> Result<Self, Complaint> {
        let what = || format!("cannot read the job file `{}`", path.display());
        let text =
            std::fs::read_to_string(path).map_err(|error| Complaint::from_error(&error).while_doing(what()).usage())?;
        let mut job: Self = toml::from_str(&text).map_err(|error| {
            Complaint::new(error.to_string().trim_end())
                .while_doing(what())
                .hint("`mlip-batch run --help` lists the settings; in a job file `-` becomes `_`")
                .usage()
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let here = |path: &mut PathBuf| {
            // `-` is standard input wherever the job file lies.
            if path.as_os_str() != "-" {
                *path = folder.join(&*path);
            }
        };
        job.cifs.iter_mut().for_each(here);
        job.root.iter_mut().for_each(here);
        job.cache.iter_mut().for_each(here);
        for model in &mut job.models {
            if let Some((name, file)) = model.split_once('=') {
                *model = format!("{name}={}", folder.join(file).display());
            }
        }
        Ok(job)
    }

    /// From a job file, settings of LeMat-GenBench, or nothing; and what people should know of it.
    fn of(path: Option<&PathBuf>, config: Option<&str>) -> Result<(Self, Vec<String>), Complaint> {
        match (path, config) {
            (_, Some(config)) => upstream::read(config).map(upstream::Config::into_job),
            (Some(path), None) if upstream::is_yaml(path) => {
                upstream::read(&path.to_string_lossy()).map(upstream::Config::into_job)
            }
            (Some(path), None) => Self::read(path).map(|job| (job, Vec::new())),
            (None, None) => Ok(Default::default()),
        }
    }
}

/// Threads inside one evaluation: needed before anything else, see `main`.
pub(crate) fn threads_per_mlip(command: &Command) -> Result<usize, Complaint> {
    let (how, what, job) = match command {
        Command::Run(run) => (&run.how, &run.what, run.job.as_ref()),
        Command::Plan(plan) => (&plan.how, &plan.what, plan.job.as_ref()),
        Command::Resume(resume) => {
            let kept = || mlip_store::read_run_file::<RunConfig>(&resume.run).ok()?.resources.threads_per_mlip;
            return Ok(resume.how.threads_per_mlip.map_or_else(kept, Workers::number).unwrap_or(1));
        }
        Command::Status(_) | Command::Report(_) | Command::Bench(_) | Command::Models => return Ok(1),
    };
    let threads = match how.threads_per_mlip {
        Some(threads) => Some(threads),
        None => JobFile::of(job, what.config.as_deref())?.0.threads_per_mlip,
    };
    Ok(threads.and_then(Workers::number).unwrap_or(1))
}

/// Puts what was said now over what holds already.
pub(crate) fn overlay(resources: &mut Resources, how: &HowArgs) {
    fn put<T>(place: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *place = value;
        }
    }
    put(&mut resources.structure_workers, how.structure_workers.map(Workers::number));
    put(&mut resources.mlip_workers, how.max_mlip_workers.map(Workers::number));
    put(&mut resources.threads_per_mlip, how.threads_per_mlip.map(Workers::number));
    if how.parallel_mlips || how.no_parallel_mlips {
        resources.parallel_mlips = Some(how.parallel_mlips);
    }
    resources.oversubscribe |= how.oversubscribe;
    put(&mut resources.batch_size, how.batch_size.map(Some));
    put(&mut resources.timeout_s, how.timeout.map(Some));
    put(&mut resources.structure_timeout_s, how.structure_timeout.map(Some));
    put(&mut resources.memory_bytes, how.memory_limit.map(|megabytes| Some(megabytes.saturating_mul(1_000_000))));
    resources.monitor_memory |= how.monitor_memory;
    put(&mut resources.max_crashes, how.max_crashes);
    put(&mut resources.drain_s, how.drain);
    put(&mut resources.sync_s, how.sync);
    put(&mut resources.sample_s, how.sample);
    resources.compress |= how.csv_zst;
    if let Some(folder) = &how.cache {
        // Later attempts may start elsewhere. Without a current folder the path stays as it is.
        resources.cache = Some(std::path::absolute(folder).unwrap_or_else(|_| folder.clone()));
    }
    if how.no_cache {
        resources.cache = None;
    }
}

/// `runs/NAME`.
fn run_folder(name: &str) -> Result<PathBuf, Complaint> {
    if name.is_empty() || name == ".." || name == "." || name.contains('/') {
        return Err(Complaint::new(format!("`{name}` cannot be the name of a run"))
            .hint("give a name without `/`, or a folder with --out")
            .usage());
    }
    Ok(Path::new("runs").join(name))
}

/// Refuses what no clock or pool can do.
pub(crate) fn validate(resources: &Resources) -> Result<(), Complaint> {
    let seconds = [
        ("timeout", resources.timeout_s),
        ("structure-timeout", resources.structure_timeout_s),
        ("drain", Some(resources.drain_s)),
        ("sync", Some(resources.sync_s)),
        ("sample", Some(resources.sample_s)),
    ];
    for (name, value) in seconds {
        if let Some(value) = value.filter(|value| !(value.is_finite() && *value >= 0.0)) {
            return Err(Complaint::new(format!("{name} is {value}, expected seconds (0 or more)")).usage());
        }
    }
    let workers = [
        ("structure-workers", resources.structure_workers),
        ("max-mlip-workers", resources.mlip_workers),
        ("threads-per-mlip", resources.threads_per_mlip),
        ("batch-size", resources.batch_size),
    ];
    for (name, value) in workers {
        if value == Some(0) {
            return Err(Complaint::new(format!("{name} is 0, expected 1 or more")).usage());
        }
    }
    Ok(())
}

impl Settings {
    /// Of `run`.
    pub(crate) fn of_run(args: &RunArgs) -> Result<Self, Complaint> {
        let mut settings = Self::resolve(args.job.as_ref(), &args.what, &args.how)?;
        settings.strict |= args.attempt.strict;
        if let Some(name) = &args.name {
            settings.out = run_folder(name)?;
        }
        if let Some(out) = &args.out {
            settings.out.clone_from(out);
        }
        Ok(settings)
    }

    /// Of `plan`.
    pub(crate) fn of_plan(args: &PlanArgs) -> Result<Self, Complaint> {
        Self::resolve(args.job.as_ref(), &args.what, &args.how)
    }

    /// Of `bench`.
    pub(crate) fn of_bench(args: &BenchArgs) -> Result<Self, Complaint> {
        Self::resolve(args.job.as_ref(), &args.what, &HowArgs::default())
    }

    fn resolve(job: Option<&PathBuf>, what: &WhatArgs, how: &HowArgs) -> Result<Self, Complaint> {
        let (job, notes) = JobFile::of(job, what.config.as_deref())?;
        let models = if what.models.is_empty() { job.models } else { what.models.clone() };
        let models: Vec<ModelSpec> = match models.as_slice() {
            [] => vec![ModelSpec::parse("chgnet")],
            models => models.iter().map(|text| ModelSpec::parse(text)).collect(),
        };
        let defaults = Resources::default();
        let mut resources = Resources {
            structure_workers: job.structure_workers.and_then(Workers::number),
            mlip_workers: job.max_mlip_workers.and_then(Workers::number),
            parallel_mlips: job.parallel_mlips,
            threads_per_mlip: job.threads_per_mlip.and_then(Workers::number),
            oversubscribe: job.oversubscribe,
            batch_size: job.batch_size,
            timeout_s: job.timeout,
            structure_timeout_s: job.structure_timeout,
            memory_bytes: job.memory_limit.map(|megabytes| megabytes.saturating_mul(1_000_000)),
            monitor_memory: job.monitor_memory,
            max_crashes: job.max_crashes.unwrap_or(defaults.max_crashes),
            drain_s: job.drain.unwrap_or(defaults.drain_s),
            sync_s: job.sync.unwrap_or(defaults.sync_s),
            sample_s: job.sample.unwrap_or(defaults.sample_s),
            compress: job.csv_zst,
            cache: job.cache.map(std::path::absolute).transpose()?,
        };
        overlay(&mut resources, how);
        validate(&resources)?;
        Ok(Self {
            sources: if what.cifs.is_empty() && what.csv.is_empty() {
                job.cifs
            } else {
                what.cifs.iter().chain(&what.csv).cloned().collect()
            },
            notes,
            limit: what.limit.or(job.limit),
            models,
            options: LoadOptions {
                precision: what.dtype.map(Precision::from).or(job.dtype).unwrap_or_default(),
                head: what.head.clone().or(job.head),
                task: what.task.clone().or(job.task),
                charge: what.charge.or(job.charge),
                spin: what.spin.or(job.spin),
                exact_radial: what.exact_radial || job.exact_radial,
            },
            frame: what.frame.map(Frame::from).or(job.frame).unwrap_or_default(),
            calculation: CalculationConfig::default(),
            forces: !what.no_forces && job.forces.unwrap_or(true),
            out: job.out.unwrap_or_else(|| "RUN".into()),
            strict: job.strict,
            resources,
            root: what.root.clone().or(job.root),
            blocks: what.blocks.or(job.blocks).map(Blocks::from).unwrap_or_default(),
            cif_column: what.cif_column.clone().or(job.cif_column),
            id_column: what.id_column.clone().or(job.id_column),
        })
    }

    /// Refuses a setting that none of the potentials has.
    pub(crate) fn check_options(&self) -> Result<(), Complaint> {
        let entries = || self.models.iter().filter_map(|spec| mlip_models::registry::find(&spec.name));
        let takes = |key: &str| entries().any(|entry| entry.options.iter().any(|option| option.key == key));
        for key in crate::potentials::given(&self.options).into_keys() {
            let option = key.replace('_', "-");
            if !takes(&key) {
                return Err(Complaint::new(format!(
                    "--{option} is given, but none of the potentials has that setting"
                ))
                .hint("`mlip-batch models` says which potential has which settings")
                .usage());
            }
        }
        Ok(())
    }

    /// How the inputs become entries; compressed archives are unpacked into `spool`.
    pub(crate) fn enumeration(&self, spool: PathBuf) -> Enumeration {
        Enumeration { blocks: self.blocks, spool, limit: self.limit }
    }

    /// What the input paths mean.
    pub(crate) fn inputs(&self) -> Result<Vec<Source>, Complaint> {
        if self.sources.is_empty() {
            return Err(Complaint::new("no structures were named")
                .hint("add --cifs with files, folders, lists, archives or CSV tables, or name a job file")
                .usage());
        }
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
        Ok(sources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Dtype;

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
        assert_eq!(settings.models[0].file, Some(folder.path().join("m.model")));
        assert_eq!(settings.options.precision, Precision::F64);
        assert_eq!(settings.resources.timeout_s, Some(3.0));
        assert_eq!(settings.out, Path::new("RUN"));
        args.what.dtype = Some(Dtype::F32);
        args.how.timeout = Some(1.0);
        args.what.cifs = vec!["b".into()];
        let settings = Settings::of_run(&args).unwrap();
        assert_eq!(settings.options.precision, Precision::F32);
        assert_eq!(settings.resources.timeout_s, Some(1.0));
        assert_eq!(settings.sources, [PathBuf::from("b")]);
    }

    #[test]
    fn without_a_model_chgnet_is_meant() {
        assert_eq!(Settings::of_run(&RunArgs::default()).unwrap().models, [ModelSpec::parse("chgnet")]);
    }

    #[test]
    fn a_misspelt_setting_is_named_with_its_line() {
        let (_folder, path) = job("cifs = []\ndtpye = \"f64\"\n");
        let complaint = format!("{:?}", JobFile::read(&path).unwrap_err());
        assert!(complaint.contains("line 2") && complaint.contains("dtpye"), "{complaint}");
    }

    #[test]
    fn impossible_numbers_are_refused() {
        let how = HowArgs { timeout: Some(f64::NAN), ..HowArgs::default() };
        assert!(Settings::of_run(&RunArgs { how, ..RunArgs::default() }).is_err());
        let how = HowArgs { structure_workers: Some(Workers::Number(0)), ..HowArgs::default() };
        assert!(Settings::of_run(&RunArgs { how, ..RunArgs::default() }).is_err());
    }
}
