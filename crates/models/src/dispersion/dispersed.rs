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

    fn charge_and_spin(&self, structure: &Structure) -> Option<(i32, i32)> {
        self.inner.charge_and_spin(structure)
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

/// Puts it back, so that the batch can be tried again. A job without one stays so, and its answer will be an error.
fn put_back(failed: BatchError, mut corrections: HashMap<JobId, Correction>) -> BatchError {
    let batch = failed.batch.into_iter().map(|Prepared { job, demand, content }| {
        let content = match corrections.remove(&job.id) {
            Some(correction) => Box::new(Content { inner: content, correction }),
            None => content,
        };
        Prepared { job, demand, content }
    });
    BatchError { error: failed.error, batch: batch.collect() }
}

impl DispersedEngine {
    fn corrected(&self, correction: Option<&Correction>, mut answer: Prediction) -> Result<Prediction, PredictError> {
        let correction = correction.ok_or_else(|| PredictError::Internal {
            potential: format!("dispersion={}", self.damping.name),
            message: "there is no dispersion for this answer".to_owned(),
        })?;
        correction.add_to(&mut answer);
        Ok(answer)
    }
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
        // A ticket that is not under way has no corrections: none of its answers is passed on without.
        let corrections = self.under_way.remove(&ticket).unwrap_or_default();
        match self.inner.collect(ticket) {
            Ok(answers) => {
                let with =
                    |(id, answer): Answer| (id, answer.and_then(|answer| self.corrected(corrections.get(&id), answer)));
                Ok(answers.into_iter().map(with).collect())
            }
            Err(failed) => Err(put_back(failed, corrections)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::damping::PBE;
    use super::*;
    use mlip_atoms::Lattice;

    /// Answers under the numbers of jobs and this; the first batch fails.
    struct Within {
        shift: u64,
        fails: bool,
        answers: Vec<Answer>,
    }

    impl Engine for Within {
        fn prepare(&mut self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
            Ok(Prepared { job, demand: Demand::default(), content: Box::new(()) })
        }

        fn submit(&mut self, batch: Vec<Prepared>) -> Result<Ticket, BatchError> {
            if std::mem::take(&mut self.fails) {
                return Err(BatchError { error: DeviceError::Lost("for once".into()), batch });
            }
            assert!(batch.iter().all(|one| one.content.is::<()>()));
            let answer = |one: &Prepared| (JobId(one.job.id.0 + self.shift), Ok(Prediction::default()));
            self.answers = batch.iter().map(answer).collect();
            Ok(Ticket(0))
        }

        fn collect(&mut self, _: Ticket) -> Result<Vec<Answer>, BatchError> {
            Ok(std::mem::take(&mut self.answers))
        }
    }

    fn engine(shift: u64, fails: bool) -> DispersedEngine {
        let inner = Box::new(Within { shift, fails, answers: Vec::new() });
        DispersedEngine { inner, damping: &PBE, under_way: HashMap::new() }
    }

    fn job(id: u64) -> Job {
        let lattice = Lattice::from_vectors([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]).unwrap();
        let species = vec![Species::from_atomic_number(6).unwrap()];
        let structure = Arc::new(Structure::new(lattice, species, vec![[0.0; 3]]).unwrap());
        let request = Request { forces: false, atom_features: false };
        Job { id: JobId(id), structure, request, deadline: Deadline::NONE }
    }

    fn is_internal((_, answer): &Answer) -> bool {
        matches!(answer, Err(PredictError::Internal { .. }))
    }

    #[test]
    fn no_answer_comes_without_its_dispersion() {
        let mut engine = engine(1, false);
        let batch: Vec<Prepared> = (0..2).map(|id| engine.prepare(job(id)).ok().unwrap()).collect();
        let ticket = engine.submit(batch).ok().unwrap();
        let answers = engine.collect(ticket).ok().unwrap();
        // The second has the number of no job.
        assert!(answers[0].1.as_ref().unwrap().energy < 0.0 && is_internal(&answers[1]), "{answers:?}");
    }

    #[test]
    fn a_batch_that_is_tried_again_has_its_dispersion_and_what_never_had_is_an_error() {
        let mut engine = engine(0, true);
        let prepared = engine.prepare(job(0)).ok().unwrap();
        let bare = Prepared { job: job(1), demand: Demand::default(), content: Box::new(()) };
        let batch = engine.submit(vec![prepared, bare]).err().unwrap().batch;
        let ticket = engine.submit(batch).ok().unwrap();
        let answers = engine.collect(ticket).ok().unwrap();
        assert!(answers[0].1.as_ref().unwrap().energy < 0.0 && is_internal(&answers[1]), "{answers:?}");
    }
}
