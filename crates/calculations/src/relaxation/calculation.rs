//! The calculation: settings, and what is requested of each structure as it was read.

use super::bfgs::Bfgs;
use super::bfgs_line_search::BfgsLineSearch;
use super::fire::Fire;
use super::lbfgs::LimitedBfgs;
use super::optimizer::Optimizer;
use super::settings::{Method, Relaxation};
use super::workflow::Descent;
use crate::{Calculation, Embeddings, Workflow};
use mlip_atoms::Structure;
use std::sync::Arc;

/// To be raised by whoever changes where a relaxation with the same settings and answers goes next, be it in the last bit:
/// answers that journals keep are told apart by their number alone.
const RULES: u32 = 1;

/// Relaxations with these settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RelaxationCalculation {
    /// How, and how far.
    pub settings: Relaxation,
    /// Whether forces and stress of the structure as it was read are wanted in its prediction; they are asked for in any
    /// case.
    pub forces: bool,
    /// What is kept of the features of its atoms.
    pub embeddings: Embeddings,
}

impl RelaxationCalculation {
    /// The state machine of one structure.
    pub(super) fn descent(&self, structure: Arc<Structure>) -> Descent {
        let optimizer: Box<dyn Optimizer> = match self.settings.optimizer {
            Method::Fire => Box::new(Fire::new()),
            Method::Bfgs => Box::new(Bfgs::new()),
            Method::Lbfgs => Box::new(LimitedBfgs::new()),
            Method::BfgsLineSearch => Box::new(BfgsLineSearch::new()),
        };
        Descent::new(self.settings, (self.forces, self.embeddings), structure, optimizer)
    }
}

impl Calculation for RelaxationCalculation {
    fn key(&self) -> String {
        format!("relaxation rules={RULES} {} forces={}{}", self.settings.key(), self.forces, self.embeddings.key())
    }

    fn expected_evaluations(&self) -> f64 {
        self.settings.expected_evaluations()
    }

    fn most_evaluations(&self) -> f64 {
        self.settings.most_evaluations()
    }

    fn working_bytes(&self, n_atoms: usize) -> u64 {
        self.settings.working_bytes(n_atoms)
    }

    fn start(&self, structure: Arc<Structure>) -> Box<dyn Workflow> {
        Box::new(self.descent(structure))
    }
}
