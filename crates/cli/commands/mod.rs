//! The commands, one a file.
//!
//! Module order: `output` ← `attempt` ← `run`, `resume`, `status`, `report`, `merge`, `plan`, `bench`, `verify`, `hull`, `models`, `cite`, `completions` ← `dispatch`.

mod attempt;
mod bench;
mod cite;
mod completions;
mod dispatch;
mod hull;
mod merge;
mod models;
mod output;
mod plan;
mod report;
mod resume;
mod run;
mod status;
mod verify;

pub(crate) use dispatch::dispatch;
pub(crate) use report::report_as;
pub(crate) use resume::resume_run;
pub(crate) use run::open_run;
