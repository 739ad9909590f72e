//! The commands, one a file.
//!
//! Module order: `output` ← `attempt` ← `run`, `resume`, `status`, `report`, `plan`, `bench`, `verify`, `hull`, `models`, `cite`, `completions` ← `dispatch`.

mod attempt;
mod bench;
mod cite;
mod completions;
mod dispatch;
mod hull;
mod models;
mod output;
mod plan;
mod report;
mod resume;
mod run;
mod status;
mod verify;

pub(crate) use dispatch::dispatch;
