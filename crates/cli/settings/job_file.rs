//! Job files: the settings of `run` under their keys.

use super::list::{How, Keys, What, Where};
use crate::error::CommandError;
use crate::potentials::Named;
use std::path::{Path, PathBuf};

/// What a job file says, or settings of another program in its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct JobFile {
    pub(crate) what: What,
    pub(crate) how: How,
    pub(crate) place: Where,
    /// Those of `models` and of `[[model]]` tables.
    pub(crate) potentials: Vec<Named>,
    /// Whether potentials that are named elsewhere take what is said here of those of the same label.
    pub(crate) is_preset: bool,
}

/// Whether a job file holds settings of LeMat-GenBench.
pub(crate) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// What to type where structures were named in the place of a job file.
fn refuse_structures(path: &Path) -> Option<CommandError> {
    const ENDINGS: [&str; 17] = [
        "cif", "xyz", "extxyz", "vasp", "poscar", "json", "jsonl", "csv", "list", "txt", "tar", "tgz", "zip", "gz",
        "zst", "bz2", "xz",
    ];
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    let is_structure = extension.as_deref().and_then(|ending| ending.to_str()).is_some_and(|e| ENDINGS.contains(&e));
    (is_structure || path.is_dir()).then(|| {
        let shown = path.display();
        CommandError::new(format!("`{shown}` is not a job file: structures are named with --cifs"))
            .hint(format!("mlip-batch run --cifs {shown}"))
            .usage()
    })
}

impl JobFile {
    /// Reads a job file; its paths start from its folder, but for `out`.
    pub(crate) fn read(path: &Path) -> Result<Self, CommandError> {
        if let Some(error) = refuse_structures(path) {
            return Err(error);
        }
        let what = || format!("cannot read the job file `{}`", path.display());
        let text = std::fs::read_to_string(path)
            .map_err(|error| CommandError::from_error(&error).while_doing(what()).usage())?;
        let mut job = Self::parse(&text).map_err(|error| {
            let hint = match error.message().contains("expected a sequence") {
                true => "a list stands in brackets, also one of a single thing: cifs = [\"structures\"]",
                false => "`mlip-batch run --help` lists the settings; in a job file `-` becomes `_`",
            };
            CommandError::new(error.to_string().trim_end()).while_doing(what()).hint(hint).usage()
        })?;
        for text in std::mem::take(&mut job.what.models) {
            job.potentials.push(Named::parse(&text).map_err(|error| error.while_doing(what()))?);
        }
        job.potentials.append(&mut job.what.model);
        job.start_from(path.parent().unwrap_or(Path::new("")));
        Ok(job)
    }

    pub(super) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let (what, how, place) = toml::from_str::<Keys>(text)?.into_groups();
        Ok(Self { what, how, place, ..Self::default() })
    }

    /// Relative paths start from this folder.
    fn start_from(&mut self, folder: &Path) {
        let here = |path: &mut PathBuf| {
            // `-` is standard input wherever the job file lies.
            if path.as_os_str() != "-" {
                *path = folder.join(&*path);
            }
        };
        self.what.cifs.iter_mut().for_each(here);
        self.what.root.iter_mut().for_each(here);
        self.what.models_dir.iter_mut().for_each(here);
        self.how.cache.iter_mut().for_each(here);
        self.what.hull.iter_mut().for_each(|hull| hull.start_from(folder));
        self.what.reference.iter_mut().for_each(|reference| reference.start_from(folder));
        self.potentials.iter_mut().for_each(|potential| potential.start_from(folder));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let error = JobFile::parse("cifs = []\ndtpye = \"f64\"\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("dtpye"), "{error}");
    }

    #[test]
    fn keys_of_older_job_files_are_understood() {
        let text = "dtype = 'f64'\nn_jobs = 2\nmemory = 100\nforces = false\nparallel_mlips = true\ncsv_zst = true\n";
        let job = JobFile::parse(text).unwrap();
        assert_eq!(job.what.precision, Some(crate::values::PrecisionName::F64));
        assert_eq!(job.what.forces, Some(false));
        assert_eq!(job.how.structure_workers.and_then(crate::values::Workers::number), Some(2));
        assert_eq!(job.how.memory_limit, Some(crate::values::Memory(100_000_000)));
        assert_eq!((job.how.parallel_mlips, job.how.csv_zst), (Some(true), Some(true)));
    }

    #[test]
    fn paths_start_from_the_folder_of_the_job_file() {
        let mut job = JobFile::parse("cifs = ['a', '-']\nroot = 'r'\ncache = 'c'\nout = 'o'\n").unwrap();
        job.potentials = ["mace=m.model", "chgnet"].map(|text| Named::parse(text).unwrap()).into();
        job.start_from(Path::new("/jobs"));
        assert_eq!(job.potentials, ["mace=/jobs/m.model", "chgnet"].map(|text| Named::parse(text).unwrap()));
        assert_eq!(job.what.cifs, [Path::new("/jobs/a"), Path::new("-")]);
        assert_eq!((job.what.root, job.how.cache), (Some("/jobs/r".into()), Some("/jobs/c".into())));
        assert_eq!(job.place.out, Some("o".into()));
    }
}
