//! The command line.
//!
//! Module order: `run`, `folder`, `models`, `hull` ← `trials` ← `command`.

mod command;
mod folder;
mod hull;
mod models;
mod run;
mod trials;

pub(crate) use command::{Args, Command, CompletionsArgs, ManArgs};
pub(crate) use folder::{FolderArgs, MergeArgs, ReportArgs, StatusArgs};
pub(crate) use hull::{HullArgs, HullBuildArgs, HullCommand, HullQueryArgs};
pub(crate) use models::{ModelsArgs, ModelsCommand, ModelsGetArgs};
pub(crate) use run::{AttemptArgs, PresetArgs, ResumeArgs, RunArgs};
pub(crate) use trials::{BenchArgs, PlanArgs, VerifyArgs};
