//! One rank's life: plan, compute, journal, gather.
//!
//! Module order, each using only those before it:
//! `source`, `potential_config` ← `config`, `budget`, `typical`, `plan`, `memory`, `memory_gate`, `charge_warnings` ← `memory_watch`, `fatal`, `signals` ← `protocol` ← `error` ← `journal`, `results`, `cache`
//! ← `threads`, `evaluation_threads` ← `evaluator` ← `underway` ← `batcher` ← `queue` ← `card` ← `shared` ← `answers` ← `batch` ← `worker`, `feeder` ← `pool` ← `calculator`; `pool` ← `coordinator` ← `progress`, `monitor` ← `events` ← `rank`, `root` ← `setup` ← `gather`
//! ← `run` ← `estimate`, `sample` ← `forecast`.
//!
//! Every rank has one main thread, which talks to the others and decides, and workers, which read
//! and compute. The root is a rank like the others whose main thread also coordinates.

mod answers;
mod batch;
mod batcher;
mod budget;
mod cache;
mod calculator;
mod card;
mod charge_warnings;
mod config;
mod coordinator;
mod error;
mod estimate;
mod evaluation_threads;
mod evaluator;
mod events;
mod fatal;
mod feeder;
mod forecast;
mod gather;
mod journal;
mod memory;
mod memory_gate;
mod memory_watch;
mod monitor;
mod plan;
mod pool;
mod potential_config;
mod progress;
mod protocol;
mod queue;
mod rank;
mod results;
mod root;
mod run;
mod sample;
mod setup;
mod shared;
mod signals;
mod source;
mod threads;
mod typical;
mod underway;
mod worker;
#[cfg(test)]
#[path = "../tests/common/wrapped.rs"]
mod wrapped;

pub use budget::{Machine, NoThreads, Share, ThreadBudget, shares};
pub use calculator::Calculator;
pub use config::{ImpossibleSetting, PartOf, Physics, Resources, RunConfig};
pub use coordinator::Totals;
pub use error::RunError;
pub use estimate::{Estimate, estimate};
pub use events::{Event, EventSink, NoEvents, Remark};
pub use fatal::name_fatal_signals;
pub use forecast::{Forecast, PotentialForecast, Total, forecast};
pub use gather::{provenance, rows};
pub use memory::{Resident, Sharing, default_limit, machine_bytes};
pub use mlip_formats::cif::Coordinates;
pub use monitor::HostMemory;
pub use plan::{Group, Item, Planner};
pub use potential_config::PotentialConfig;
pub use progress::Progress;
pub use protocol::is_message;
pub use protocol::{End, ProtocolError};
pub use run::{Engine, Finish, RootPart, execute};
pub use sample::{SampleError, Sampling};
pub use setup::Setup;
pub use signals::Signals;
pub use source::{CifSource, InputsAgain, Loaded, MANIFEST, StructureSource};
pub use threads::{Surroundings, Threads};
pub use typical::typical_costs;
