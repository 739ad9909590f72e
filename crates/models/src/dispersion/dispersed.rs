//! A potential with dispersion added to what it predicts.

use super::correction::{Correction, bytes, correction, covers};
use super::damping::Damping;
use mlip_atoms::engine::{Answer, BatchError, BatchSum, Demand, Job, JobId, Prepared, Preparer, Ticket};
use mlip_atoms::{
    Deadline, DeviceError, Engine, EngineResources, Potential, PotentialId, PredictError, Prediction, Preparation,
    Request, Species, Structure,
};
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// A potential with dispersion.
pub(super) struct Dispersed {
    inner: Arc<dyn Potential>,
    damping: &'static Damping,
    id: PotentialId,
}

impl Dispersed {
    pub(super) fn around(inner: Arc<dyn Potential>, damping: &'static Damping) -> Self {
        let mut id = inner.id().clone();
        if !id.settings.is_empty() {
            id.settings.push(' ');
        }
        id.settings.push_str(&format!("dispersion={}", damping.name));
        Self { inner, damping, id }
    }
}

impl Potential for Dispersed {
    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn former_digest(&self) -> Option<&str> {
        self.inner.former_digest()
    }

    fn supports(&self, species: Species) -> bool {
        covers(species) && self.inner.supports(species)
    }

    fn uses_charge(&self) -> bool {
        self.inner.uses_charge()
    }

    fn has_magmoms(&self) -> bool {
        self.inner.has_magmoms()
    }

    fn feature_width(&self) -> Option<usize> {
        self.inner.feature_width()
    }

    fn cost(&self, structure: &Structure) -> f64 {
        // A pair within the cutoff takes some 10 ns, a translation that is beyond it 2 ns.
        let n_atoms = structure.n_atoms() as f64;
        let pairs = n_atoms * n_atoms / structure.lattice().volume();
        self.inner.cost(structure) + 4e-3 * pairs
    }

    fn preparation(&self, structure: &Structure) -> Option<Preparation> {
        self.inner.preparation(structure)
    }

    fn weight_bytes(&self) -> u64 {
        self.inner.weight_bytes()
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        self.inner.working_bytes(structure) + bytes(structure)
    }

    fn device(&self) -> Option<String> {
        self.inner.device()
    }

    fn find_device(&self) -> Result<(), DeviceError> {
        self.inner.find_device()
    }

    fn open(self: Arc<Self>, resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        let inner = self.inner.clone().open(resources)?;
        Ok(Box::new(DispersedEngine { inner, damping: self.damping, under_way: HashMap::new() }))
    }

    fn predict(
        &self,
        structures: &[&Structure],
        request: Request,
        deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>> {
        let predictions = self.inner.predict(structures, request, deadline);
        let with = |(structure, prediction): (&&Structure, Result<Prediction, PredictError>)| {
            let mut prediction = prediction?;
            correction(structure, self.damping, request.forces, deadline)?.add_to(&mut prediction);
            Ok(prediction)
        };
        structures.iter().zip(predictions).map(with).collect()
    }
}

/// What the engine within has made of a structure, and what is added.
struct Content {
    inner: Box<dyn Any + Send>,
    correction: Correction,
}

/// Dispersion is found where a job is prepared, on any thread also for cards.
fn with_correction(
    job: Job,
    damping: &Damping,
    prepare: impl FnOnce(Job) -> Result<Prepared, (JobId, PredictError)>,
) -> Result<Prepared, (JobId, PredictError)> {
    let (id, structure, request, deadline) = (job.id, job.structure.clone(), job.request, job.deadline);
    let Prepared { job, demand, content } = prepare(job)?;
    let correction = correction(&structure, damping, request.forces, &deadline).map_err(|error| (id, error))?;
    Ok(Prepared { job, demand, content: Box::new(Content { inner: content, correction }) })
}

struct DispersedPreparer {
    inner: Arc<dyn Preparer>,
    damping: &'static Damping,
}

impl Preparer for DispersedPreparer {
    fn prepare(&self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        with_correction(job, self.damping, |job| self.inner.prepare(job))
    }

    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool {
        self.inner.fits(batch, next)
    }
}

struct DispersedEngine {
    inner: Box<dyn Engine>,
    damping: &'static Damping,
    under_way: HashMap<Ticket, HashMap<JobId, Correction>>,
}

/// Takes what is added out of a batch.
fn take(batch: Vec<Prepared>) -> (Vec<Prepared>, HashMap<JobId, Correction>) {
    let mut corrections = HashMap::new();
    let inner = batch.into_iter().map(|Prepared { job, demand, content }| {
        let content = match content.downcast::<Content>() {
            Ok(content) => {
                corrections.insert(job.id, content.correction);
                content.inner
            }
            // Not of this engine; that within says so.
            Err(content) => content,
        };
        Prepared { job, demand, content }
    });
    (inner.collect(), corrections)
}

/// Puts it back, so that the batch can be tried again.
fn put_back(failed: BatchError, mut corrections: HashMap<JobId, Correction>) -> BatchError {
    let batch = failed.batch.into_iter().map(|Prepared { job, demand, content }| {
        let correction = corrections.remove(&job.id).unwrap_or_default();
        Prepared { job, demand, content: Box::new(Content { inner: content, correction }) }
    });
    BatchError { error: failed.error, batch: batch.collect() }
}

impl Engine for DispersedEngine {
    fn prepare(&mut self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        let Self { inner, damping, .. } = self;
        with_correction(job, damping, |job| inner.prepare(job))
    }

    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool {
        self.inner.fits(batch, next)
    }

    fn preparer(&self) -> Option<Arc<dyn Preparer>> {
        let inner = self.inner.preparer()?;
        Some(Arc::new(DispersedPreparer { inner, damping: self.damping }))
    }

    fn submit(&mut self, batch: Vec<Prepared>) -> Result<Ticket, BatchError> {
        let (batch, corrections) = take(batch);
        match self.inner.submit(batch) {
            Ok(ticket) => {
                self.under_way.insert(ticket, corrections);
                Ok(ticket)
            }
            Err(failed) => Err(put_back(failed, corrections)),
        }
    }

    fn is_done(&mut self, ticket: Ticket) -> bool {
        self.inner.is_done(ticket)
    }

    fn collect(&mut self, ticket: Ticket) -> Result<Vec<Answer>, BatchError> {
        let corrections = self.under_way.remove(&ticket).unwrap_or_default();
        match self.inner.collect(ticket) {
            Ok(answers) => Ok(answers
                .into_iter()
                .map(|(id, answer)| {
                    let corrected = answer.map(|mut prediction| {
                        if let Some(correction) = corrections.get(&id) {
                            correction.add_to(&mut prediction);
                        }
                        prediction
                    });
                    (id, corrected)
                })
                .collect()),
            Err(failed) => Err(put_back(failed, corrections)),
        }
    }
}
