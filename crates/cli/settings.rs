//! What was decided, from all that was said: built-in values < job file < environment < flags.
//! (clap already lets flags win over the environment.)

use crate::args::{BlocksOf, Command, HowArgs, PlanArgs, RunArgs, WhatArgs};
use crate::error::Complaint;
use crate::potentials::ModelSpec;
use mlip_atoms::{Frame, LoadOptions, Precision};
use mlip_driver::{Resources, RunConfig};
use mlip_inputs::{Blocks, Enumeration, Source};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A job file: the flags of `run`, with underscores.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JobFile {
    /// CIF files, folders, lists, tables; relative to the job file.
    cifs: Vec<PathBuf>,
    /// `NAME` or `NAME=FILE`; files relative to the job file.
    models: Vec<String>,
    /// `f32` or `f64`.
    dtype: Option<Precision>,
    /// Settings of single potentials.
    head: Option<String>,
    task: Option<String>,
    charge: Option<i32>,
    spin: Option<i32>,
    exact_radial: bool,
    /// `pymatgen` or `ase`.
    frame: Option<Frame>,
    /// Whether forces and stress are computed.
    forces: Option<bool>,
    /// The run folder, relative to where the program is started.
    out: Option<PathBuf>,
    /// Start of relative paths in lists; itself relative to the job file.
    root: Option<PathBuf>,
    /// `named` or `all`.
    blocks: Option<BlocksOf>,
    cif_column: Option<String>,
    id_column: Option<String>,
    strict: bool,
    structure_workers: Option<usize>,
    max_mlip_workers: Option<usize>,
    threads_per_mlip: Option<usize>,
    timeout: Option<f64>,
    memory: Option<u64>,
    max_crashes: Option<u32>,
    drain: Option<f64>,
    sync: Option<f64>,
    sample: Option<f64>,
    /// Relative to the job file.
    cache: Option<PathBuf>,
    csv_zst: bool,
}

/// What `run` and `plan` compute and how.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) models: Vec<ModelSpec>,
    pub(crate) options: LoadOptions,
    pub(crate) frame: Frame,
    pub(crate) forces: bool,
    pub(crate) out: PathBuf,
    pub(crate) strict: bool,
    pub(crate) resources: Resources,
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

    fn of(path: Option<&PathBuf>) -> Result<Self, Complaint> {
        path.map_or_else(|| Ok(Self::default()), |path| Self::read(path))
    }
}

/// Threads inside one evaluation: needed before anything else, see `main`.
pub(crate) fn threads_per_mlip(command: &Command) -> Result<usize, Complaint> {
    let (how, job) = match command {
        Command::Run(run) => (&run.how, run.job.as_ref()),
        Command::Plan(plan) => (&plan.how, plan.job.as_ref()),
        Command::Resume(resume) => {
            let kept = || mlip_store::read_run_file::<RunConfig>(&resume.run).ok()?.resources.threads_per_mlip;
            return Ok(resume.how.threads_per_mlip.or_else(kept).unwrap_or(1));
        }
        Command::Status(_) | Command::Report(_) | Command::Models => return Ok(1),
    };
    match how.threads_per_mlip {
        Some(threads) => Ok(threads),
        None => Ok(JobFile::of(job)?.threads_per_mlip.unwrap_or(1)),
    }
}

/// Puts what was said now over what holds already.
pub(crate) fn overlay(resources: &mut Resources, how: &HowArgs) {
    fn put<T>(place: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *place = value;
        }
    }
    put(&mut resources.structure_workers, how.structure_workers.map(Some));
    put(&mut resources.mlip_workers, how.max_mlip_workers.map(Some));
    put(&mut resources.threads_per_mlip, how.threads_per_mlip.map(Some));
    put(&mut resources.timeout_s, how.timeout.map(Some));
    put(&mut resources.memory_bytes, how.memory.map(|megabytes| Some(megabytes.saturating_mul(1_000_000))));
    put(&mut resources.max_crashes, how.max_crashes);
    put(&mut resources.drain_s, how.drain);
    put(&mut resources.sync_s, how.sync);
    put(&mut resources.sample_s, how.sample);
    resources.compress |= how.csv_zst;
    if let Some(folder) = &how.cache {
        // Later attempts may start elsewhere. Without a current folder the path stays as it is.
        resources.cache = Some(std::path::absolute(folder).unwrap_or_else(|_| folder.clone()));
    }
}

/// Refuses what no clock or pool can do.
pub(crate) fn validate(resources: &Resources) -> Result<(), Complaint> {
    let seconds = [
        ("timeout", resources.timeout_s),
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
        if let Some(out) = &args.out {
            settings.out.clone_from(out);
        }
        Ok(settings)
    }

    /// Of `plan`.
    pub(crate) fn of_plan(args: &PlanArgs) -> Result<Self, Complaint> {
        Self::resolve(args.job.as_ref(), &args.what, &args.how)
    }

    fn resolve(job: Option<&PathBuf>, what: &WhatArgs, how: &HowArgs) -> Result<Self, Complaint> {
        let job = JobFile::of(job)?;
        let models = if what.models.is_empty() { job.models } else { what.models.clone() };
        let models: Vec<ModelSpec> = match models.as_slice() {
            [] => vec![ModelSpec::parse("chgnet")],
            models => models.iter().map(|text| ModelSpec::parse(text)).collect(),
        };
        let defaults = Resources::default();
        let mut resources = Resources {
            structure_workers: job.structure_workers,
            mlip_workers: job.max_mlip_workers,
            threads_per_mlip: job.threads_per_mlip,
            timeout_s: job.timeout,
            memory_bytes: job.memory.map(|megabytes| megabytes.saturating_mul(1_000_000)),
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
            sources: if what.cifs.is_empty() { job.cifs } else { what.cifs.clone() },
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
        let takes = |option: &str| {
            let entries = self.models.iter().filter_map(|spec| mlip_models::registry::find(&spec.name));
            entries.into_iter().any(|entry| entry.takes.contains(&option))
        };
        for option in mlip_models::registry::given(&self.options) {
            if !takes(option) {
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
        Enumeration { blocks: self.blocks, spool }
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
        let how = HowArgs { structure_workers: Some(0), ..HowArgs::default() };
        assert!(Settings::of_run(&RunArgs { how, ..RunArgs::default() }).is_err());
    }
}
