//! What a report is about.

use super::LabeledPotential;
use super::format::ReportFormat;
use super::stability::StabilitySources;
use crate::{EntryState, TaskKey};
use mlip_calculations::{CalculationConfig, Embeddings};

/// How a report is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportOptions {
    /// Tables as `.csv.zst`.
    pub compress: bool,
    /// What it is written as beside its tables.
    pub formats: Vec<ReportFormat>,
    /// Whether space groups of the structures as they were read are searched for.
    pub space_groups: bool,
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportPlan {
    /// In the order of the rows.
    pub potentials: Vec<LabeledPotential>,
    /// The canonical text that went into every [`TaskKey`].
    pub settings: String,
    /// What was done with each structure: it decides which tables there are.
    pub calculation: CalculationConfig,
    /// What was kept of the features of atoms.
    pub embeddings: Embeddings,
    /// What stability is measured by.
    pub stability: StabilitySources,
    /// How to write it.
    pub options: ReportOptions,
}

impl ReportPlan {
    /// Whether there are energies at several volumes.
    pub(super) fn has_curves(&self) -> bool {
        matches!(self.calculation, CalculationConfig::EnergyVolume(_))
    }

    /// Whether structures are relaxed.
    pub(super) fn has_relaxations(&self) -> bool {
        matches!(self.calculation, CalculationConfig::Relaxation(_))
    }

    /// Whether the ways of relaxations are kept.
    pub(super) fn has_trajectories(&self) -> bool {
        matches!(self.calculation, CalculationConfig::Relaxation(settings) if settings.trajectory)
    }

    /// Whether it is written in a form.
    pub(super) fn writes(&self, format: ReportFormat) -> bool {
        self.options.formats.contains(&format)
    }

    /// Keys of an entry's tasks, one a potential; none for an entry that is no structure.
    pub fn keys(&self, state: Option<&EntryState>) -> Vec<TaskKey> {
        match state {
            Some(EntryState::Structure { digest, .. }) => {
                self.potentials.iter().map(|potential| TaskKey::new(*digest, &potential.id, &self.settings)).collect()
            }
            _ => Vec::new(),
        }
    }
}
