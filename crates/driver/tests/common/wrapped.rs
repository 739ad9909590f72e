//! A potential with something changed, for tests: for those in this folder, and for units of `crates/driver/src`.

#![allow(dead_code, reason = "each test uses a part of it")]

use mlip_atoms::engine::OneByOne;
use mlip_atoms::{
    Deadline, DeviceError, Engine, EngineResources, Potential, PotentialId, PredictError, Prediction, Request, Species,
    Structure,
};
use std::sync::Arc;

type Before = Box<dyn Fn(&[&Structure]) + Send + Sync>;

/// Another potential under another name, for one element only, or with something that happens before it predicts.
pub(crate) struct Wrapped {
    inner: Arc<dyn Potential>,
    id: PotentialId,
    only: Option<u8>,
    cost: Option<f64>,
    before: Before,
}

impl Wrapped {
    /// The same.
    pub(crate) fn new(inner: Arc<dyn Potential>) -> Self {
        Self { id: inner.id().clone(), inner, only: None, cost: None, before: Box::new(|_| ()) }
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        self.id.name = name.into();
        self
    }

    /// Made for the element of this atomic number.
    pub(crate) fn only(mut self, atomic_number: u8) -> Self {
        self.only = Some(atomic_number);
        self
    }

    /// Predicted to take this long, seconds.
    pub(crate) fn costing(mut self, seconds: f64) -> Self {
        self.cost = Some(seconds);
        self
    }

    /// With what happens before each prediction, which the costs do not know of.
    pub(crate) fn before(mut self, before: impl Fn(&[&Structure]) + Send + Sync + 'static) -> Self {
        self.before = Box::new(before);
        self
    }
}

impl Potential for Wrapped {
    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        self.only.map_or_else(|| self.inner.supports(species), |only| species.atomic_number() == only)
    }

    fn cost(&self, structure: &Structure) -> f64 {
        self.cost.unwrap_or_else(|| self.inner.cost(structure))
    }

    fn weight_bytes(&self) -> u64 {
        self.inner.weight_bytes()
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        self.inner.working_bytes(structure)
    }

    fn open(self: Arc<Self>, _: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        Ok(Box::new(OneByOne::new(move |structure: &Structure, request, deadline: &Deadline| {
            self.predict(&[structure], request, deadline).remove(0)
        })))
    }

    fn predict(
        &self,
        structures: &[&Structure],
        request: Request,
        deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>> {
        (self.before)(structures);
        self.inner.predict(structures, request, deadline)
    }
}
