//! The program as a person or a script meets it.

#[path = "../support/mod.rs"]
mod support;

mod interrupted;
mod usage;
mod whole;
