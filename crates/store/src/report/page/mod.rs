//! `report.html`: a page that shows what the tables of a report hold, and its plots as files.
//!
//! It is made from the tables once they are written, in few passes and bounded memory: what it shows is what they say.
//!
//! Module order: `sample` ← `histogram`; `columns` ← `distributions`, `pairs`, `failures`, `calculations`, `cost` ← `document` ← `write`.

mod calculations;
mod columns;
mod cost;
mod distributions;
mod document;
mod failures;
mod histogram;
mod pairs;
mod sample;
mod write;

pub(super) use write::{NAME, PLOTS, write};
