//! Failures by class, each with examples.

use super::columns::{Table, text};
use crate::StoreError;
use std::collections::BTreeMap;

/// Examples of a class, at most.
const EXAMPLES: usize = 3;

/// Failures of a class.
#[derive(Debug, Default)]
pub(super) struct FailureClass {
    pub(super) n: u64,
    /// The first of them.
    pub(super) examples: Vec<FailureExample>,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct FailureExample {
    pub(super) id: String,
    pub(super) potential: String,
    pub(super) line: String,
    pub(super) message: String,
}

/// From `failures.csv`.
pub(super) fn failures(table: &Table) -> Result<BTreeMap<String, FailureClass>, StoreError> {
    let mut classes: BTreeMap<String, FailureClass> = BTreeMap::new();
    table.visit(
        ["kind", "structure_id", "potential", "line", "message"],
        |_, record, [kind, id, potential, line, message]| {
            let of = |column: usize| text(record, column).to_owned();
            let class = classes.entry(of(kind)).or_default();
            class.n += 1;
            if class.examples.len() < EXAMPLES {
                let (id, potential, line, message) = (of(id), of(potential), of(line), of(message));
                class.examples.push(FailureExample { id, potential, line, message });
            }
        },
    )?;
    Ok(classes)
}
