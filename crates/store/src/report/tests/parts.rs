//! What the runs of these tests are made of.

use crate::journal::JournalWriter;
use crate::report::{LabeledPotential, Provenance, ReportOptions, ReportPlan};
use crate::samples::{RUN, header};
use crate::{EntryState, Frame, Record, StructureDigest, SurveyedEntry};
use mlip_atoms::{Failure, FailureKind, PotentialId, Precision};
use mlip_calculations::{CalculationConfig, Outcome};
use std::convert::Infallible;
use std::fs;
use std::path::Path;

pub(super) const TABLES: [&str; 9] =
    ["energies", "forces", "ensemble", "structures", "forces_ensemble", "failures", "warnings", "timings", "memory"];

/// Under a label that is not its name.
pub(super) fn potential(label: &str) -> LabeledPotential {
    let id = PotentialId {
        name: format!("model-{label}"),
        checkpoint: format!("{label} 1, built in"),
        digest: "00ff".to_owned(),
        precision: Precision::F64,
        settings: String::new(),
    };
    LabeledPotential { label: label.to_owned(), id }
}

pub(super) fn plan(names: &[&str]) -> ReportPlan {
    ReportPlan {
        potentials: names.iter().map(|name| potential(name)).collect(),
        settings: "single_point".to_owned(),
        calculation: CalculationConfig::SinglePoint,
        embeddings: mlip_calculations::Embeddings::None,
        stability: crate::report::StabilitySources::default(),
        options: ReportOptions::default(),
    }
}

pub(super) fn provenance() -> Provenance {
    Provenance {
        version: "0.1.0".to_owned(),
        run: RUN,
        settings: serde_json::json!({ "dtype": "f64" }),
        frame: "pymatgen".to_owned(),
    }
}

pub(super) fn structure(number: u8, n_atoms: u32, warnings: &[(&str, &str)]) -> EntryState {
    let warnings = warnings.iter().map(|(class, text)| ((*class).to_owned(), (*text).to_owned())).collect();
    EntryState::Structure { digest: StructureDigest([number; 16]), n_atoms, warnings }
}

pub(super) fn survey(entry: u64, state: EntryState) -> Frame {
    Frame::Surveyed(vec![SurveyedEntry { entry, state }])
}

pub(super) fn failure(kind: FailureKind, line: Option<u32>, message: &str) -> Failure {
    Failure { kind, line, message: message.to_owned() }
}

/// The record of one potential for one structure.
pub(super) fn record(
    plan: &ReportPlan,
    state: &EntryState,
    position: usize,
    species: &[u8],
    outcome: Outcome,
) -> Record {
    let potential = u16::try_from(position).unwrap();
    let key = plan.keys(Some(state))[position];
    Record { key, potential, species: species.to_vec(), outcome, attempts: 1, wall_s: 0.1 }
}

pub(super) fn journal(run: &Path, attempt: u32, rank: u32, frames: &[Frame]) {
    let mut writer = JournalWriter::create(run, &header(attempt, rank)).unwrap();
    frames.iter().for_each(|frame| {
        writer.append(frame).unwrap();
    });
}

pub(super) fn entries(rows: &[(&str, &str)]) -> Vec<Result<(String, String), Infallible>> {
    rows.iter().map(|(id, path)| Ok(((*id).to_owned(), (*path).to_owned()))).collect()
}

pub(super) fn table(run: &Path, name: &str) -> String {
    fs::read_to_string(run.join("report").join(name).with_extension("csv")).unwrap()
}
