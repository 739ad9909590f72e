//! Runs as a library: what programs, and other languages, begin, go on with, report and plan.
//!
//! Module order, each using only those before it:
//! `error`, `filter` ← `folder` ← `finished` ← `energies`, `taken` ← `potentials`, `inputs`, `parts`, `stability`, `hull_check` ← `new_run` ← `run` ←
//! `report`, `status`, `plan`, `hull_table` ← `merge`.
//!
//! Nothing here prints, exits, or changes what belongs to the whole process: environment, current folder, signal and
//! panic handlers, allocator. Signals come in as a value, what happens goes out as events, results as data.
//!
//! ```no_run
//! use mlip_run::{AttemptOptions, ChosenPotential, NewRun, NoEvents, Run, Selection, Signals, Source};
//!
//! let mut new = NewRun::new("RUN", vec![ChosenPotential::named("chgnet")]);
//! new.inputs.sources = vec![Source::from_path("structures")?];
//! let run = Run::create(new, &AttemptOptions::default())?;
//! let mut ranks = mlip_ranks::Solo::new("here".into());
//! let finish = run.execute(&mut ranks, Signals::default(), &mut NoEvents)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod energies;
mod error;
mod filter;
mod finished;
mod folder;
mod hull_check;
mod hull_table;
mod inputs;
mod merge;
mod new_run;
mod parts;
mod plan;
mod potentials;
mod report;
mod run;
mod stability;
mod status;
mod taken;

pub use energies::EnergyCounts;
pub use error::{Error, tasks_of_parts};
pub use filter::{Filter, FilterError};
pub use folder::read_config;
pub use hull_table::{BuiltHull, build_hull};
pub use inputs::{Listed, RelaxedBy, RunInputs};
pub use merge::{MergedRun, merge};
pub use mlip_driver::{
    Calculator, CifSource, Coordinates, End, Event, EventSink, Finish, HostMemory, Loaded, NoEvents, Physics, Progress,
    Remark, Resources, RunConfig, RunError, Signals, StructureSource, ThreadBudget, Totals,
};
pub use mlip_inputs::{Blocks, Source};
pub use mlip_models::registry::{Options, Selection};
pub use mlip_store::RetryFailed;
pub use mlip_store::report::{
    ElementRun, HullMismatch, HullSource, ReferenceSource, ReportCounts, ReportFormat, StabilitySources, WrittenReport,
};
pub use new_run::NewRun;
pub use parts::Part;
pub use plan::{Plan, plan};
pub use potentials::ChosenPotential;
pub use report::{ReportWishes, RunReport, report};
pub use run::{AttemptOptions, Changes, Run, take_part};
pub use status::{AttemptStatus, RunState, Status, status};
