//! What is said to a person when a command cannot do its work.

use crate::exit_code::ExitCode;
use mlip_store::StoreError;
use std::error::Error;

/// An error with what to do about it.
#[derive(Debug)]
pub struct CommandError {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    code: ExitCode,
}

impl CommandError {
    /// A sentence.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), hint: None, code: ExitCode::Error }
    }

    /// An error and its causes.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let mut said = Self::new(error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            said.causes.push(cause.to_string());
            source = cause.source();
        }
        said
    }

    /// What was tried; the error becomes its cause.
    pub(crate) fn while_doing(mut self, what: impl Into<String>) -> Self {
        self.causes.insert(0, std::mem::replace(&mut self.message, what.into()));
        self
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The caller made a mistake.
    pub(crate) fn usage(mut self) -> Self {
        self.code = ExitCode::Usage;
        self
    }

    /// A signal ended it; the same command goes on.
    pub(crate) fn interrupted(mut self) -> Self {
        self.code = ExitCode::Drained;
        self
    }

    /// Everything in a line, for a message to another rank.
    pub(crate) fn in_one_line(&self) -> String {
        std::iter::once(&self.message).chain(&self.causes).cloned().collect::<Vec<_>>().join(": ")
    }

    /// What the process exits with.
    pub(crate) fn code(&self) -> ExitCode {
        self.code
    }

    /// All of it: the message, and a line for each cause and the hint.
    pub fn text(&self) -> String {
        let causes = self.causes.iter().map(|cause| format!("\n  cause: {cause}"));
        let hint = self.hint.iter().map(|hint| format!("\n  hint: {hint}"));
        std::iter::once(self.message.clone()).chain(causes).chain(hint).collect()
    }

    /// Whether the caller made a mistake.
    pub fn is_usage(&self) -> bool {
        matches!(self.code, ExitCode::Usage)
    }

    /// Says it on stderr.
    pub(crate) fn print(&self) {
        // Where stderr is closed nobody listens.
        let _ = crate::show::print_error(&format!("error: {}\n", self.text()));
    }
}

impl CommandError {
    /// Why a run cannot begin, go on or be looked at, and what to do about it.
    pub(crate) fn of_run(error: mlip_run::Error) -> Self {
        use mlip_run::Error;
        let said = Self::from_error(&error);
        match error {
            Error::NoRun { .. } => said.hint("begin one: mlip-batch run --cifs PATH --out RUN").usage(),
            Error::Exists { folder } => {
                let name = folder.display();
                let hint = format!("go on with it: mlip-batch resume {name} (or add --resume); or name another folder with --out");
                said.hint(hint).usage()
            }
            Error::NoInputs => {
                said.hint("add --cifs with files, folders, lists, archives or CSV tables, or name a job file").usage()
            }
            Error::Stability(inner) if matches!(*inner, StoreError::HullOfAnother { .. }) => said
                .hint("name a hull of this potential, or go on all the same: --hull-mismatch allow")
                .usage(),
            Error::Stability(_) => said.hint(crate::stability::HULL_FORM).usage(),
            Error::NoEmbeddings { .. } => {
                said.hint("leave it out, or run without --embeddings").usage()
            }
            Error::OtherPhysics { .. } => {
                said.hint("repeat the settings of the run, or begin another run with --out").usage()
            }
            Error::OtherInputs { .. } => said
                .hint("`mlip-batch resume RUN` goes on with the structures of the run; --out names a folder for a new run")
                .usage(),
            Error::LongerInputs { .. } => said
                .hint("--extend adds the new entries to the run; `mlip-batch resume RUN` goes on without them; --out names a folder for a new run")
                .usage(),
            Error::TooManyParts { .. } => said.hint("divide it into fewer parts").usage(),
            Error::OtherParts { .. } => said.hint("repeat the list and the number of parts, or name another folder with --out").usage(),
            Error::NoPart { .. } => said.hint("merge makes one run of parts of one list; tables of entries are made of any runs: `mlip-batch hull build`"),
            Error::NoParts { .. } => said.hint("name the folder that was the --out of run --part K/N, or the runs in it"),
            Error::MissingParts { numbers, .. } => {
                let tasks = mlip_run::tasks_of_parts(&numbers);
                said.hint(format!("compute them: run --part K/N with the same list and --out; of an array that counts from 0: --array={tasks}"))
            }
            Error::UnfinishedParts { numbers, folder, .. } => {
                let tasks = mlip_run::tasks_of_parts(&numbers);
                let folder = folder.display();
                said.hint(format!("go on with each of them: mlip-batch resume {folder}; of an array that counts from 0: --array={tasks}"))
            }
            Error::SamePotential { .. } => {
                said.hint("leave one out, or give it another checkpoint, precision, engine or option").usage()
            }
            Error::NoSuchPotential { known, .. } => {
                said.hint(format!("its potentials are {}", known.join(", "))).usage()
            }
            Error::NotFinished { folder, .. } => {
                said.hint(format!("mlip-batch resume {0}; `mlip-batch status {0}` says how far it is", folder.display())).usage()
            }
            Error::SeveralPotentials { labels, .. } => {
                let label = labels.first().cloned().unwrap_or_default();
                said.hint(format!("name one of them, such as {label}")).usage()
            }
            Error::UnknownColumn { like, .. } => said.hint(format!("similar are {}", like.join(", "))).usage(),
            Error::ManyValues { like, .. } => said.hint(format!("write one of {}", like.join(", "))).usage(),
            Error::DifferentRuns { .. } => said.hint("make a table of each, and name one for each potential with --hull").usage(),
            Error::NotOfRuns { .. } => said.hint("name folders of runs with --cifs, or leave it out").usage(),
            Error::NoElementEnergies { .. } => {
                said.hint("compute the crystals of the elements with this potential, weights, settings and precision").usage()
            }
            Error::NothingToCheck { .. } => {
                said.hint("add the crystals of the hull to --cifs, under the names that the hull has for them; or leave out --hull-check").usage()
            }
            Error::NotRelaxed { .. } => said.hint("leave out --relaxed, or begin that run with --relax").usage(),
            Error::NoTable { folder, .. } => {
                said.hint(format!("write its tables: mlip-batch report {}", folder.display())).usage()
            }
            Error::NoSuchPotentialOf { .. }
            | Error::SameRun { .. }
            | Error::NoElements { .. }
            | Error::NoNumber { .. }
            | Error::NothingTaken { .. }
            | Error::NoneConverged { .. }
            | Error::TableWrite(mlip_hull::table::TableWriteError::UnknownFormat { .. }) => said.usage(),
            Error::SameLabel { .. } | Error::Threads(_) => said.usage(),
            Error::Load(_) => said.hint("`mlip-batch models` lists the potentials that this program knows").usage(),
            _ => said,
        }
    }
}

impl<E: Error + 'static> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self::from_error(&error)
    }
}
