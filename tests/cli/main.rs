//! The program as a person or a script meets it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod chromium;
mod coordinates;
mod devices;
mod embeddings;
mod energy_volume;
mod ensemble;
mod formats;
mod get;
mod grown;
mod hull;
mod inputs;
mod interrupted;
mod manners;
mod older;
mod page;
mod parts;
mod potentials;
mod relaxation;
mod run_as_input;
mod runs;
mod stability;
mod terminal;
mod threads;
mod usage;
mod verify;
mod whole;
