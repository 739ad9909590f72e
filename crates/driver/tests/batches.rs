//! Batches: what is in one changes no result, and what goes wrong in one costs nobody else anything.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Trial, tables, two_potentials};
use mlip_atoms::engine::{Answer, BatchError, BatchSum, Demand, Job, JobId, Prepared, Ticket, predict};
use mlip_atoms::{
    Deadline, DeviceError, Engine, EngineResources, Potential, PotentialId, PredictError, Prediction, Request, Species,
    Structure,
};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What a batch does beside computing.
type Trouble = fn(&[Prepared]) -> Option<DeviceError>;

/// Lennard-Jones in batches of up to eight structures.
struct Batched {
    inner: Arc<dyn Potential>,
    sizes: Arc<Mutex<Vec<usize>>>,
    trouble: Trouble,
}

struct BatchedEngine {
    inner: Box<dyn Engine>,
    of: Arc<Batched>,
    computed: Vec<Answer>,
}

impl Engine for BatchedEngine {
    fn prepare(&mut self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        let n_atoms = job.structure.n_atoms();
        Ok(Prepared { job, demand: Demand { n_atoms, ..Demand::default() }, content: Box::new(n_atoms) })
    }

    fn fits(&self, batch: &BatchSum, _: &Demand) -> bool {
        batch.n_jobs < 8
    }

    fn submit(&mut self, batch: Vec<Prepared>) -> Result<Ticket, BatchError> {
        if let Some(error) = (self.of.trouble)(&batch) {
            return Err(BatchError { error, batch });
        }
        self.of.sizes.lock().unwrap().push(batch.len());
        for Prepared { job, content, .. } in batch {
            assert_eq!(content.downcast_ref(), Some(&job.structure.n_atoms()));
            let answer = predict(self.inner.as_mut(), job.structure, job.request, job.deadline);
            self.computed.push((job.id, answer));
        }
        // In another order than they came.
        self.computed.reverse();
        Ok(Ticket(0))
    }

    fn collect(&mut self, _: Ticket) -> Result<Vec<Answer>, BatchError> {
        Ok(std::mem::take(&mut self.computed))
    }
}

impl Potential for Batched {
    fn id(&self) -> &PotentialId {
        self.inner.id()
    }

    fn supports(&self, species: Species) -> bool {
        self.inner.supports(species)
    }

    fn cost(&self, structure: &Structure) -> f64 {
        self.inner.cost(structure)
    }

    fn weight_bytes(&self) -> u64 {
        0
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        self.inner.working_bytes(structure)
    }

    fn open(self: Arc<Self>, resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        let inner = self.inner.clone().open(resources)?;
        Ok(Box::new(BatchedEngine { inner, of: self, computed: Vec::new() }))
    }

    fn predict(
        &self,
        structures: &[&Structure],
        request: Request,
        deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>> {
        self.inner.predict(structures, request, deadline)
    }
}

/// Runs 300 structures; the sizes of the batches that were computed.
fn run(trouble: Trouble, run_dir: &Path) -> Result<Vec<usize>, String> {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let mut trial = Trial::new(300);
    let batched = |inner| Arc::new(Batched { inner, sizes: sizes.clone(), trouble }) as _;
    trial.potentials = two_potentials().into_iter().map(batched).collect();
    trial.run(2, run_dir).map_err(|error| error.to_string())?;
    let sizes = std::mem::take(&mut *sizes.lock().unwrap());
    Ok(sizes)
}

fn one_by_one() -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    Trial::new(300).run(1, folder.path()).unwrap();
    tables(folder.path())
}

#[test]
fn what_is_computed_together_has_the_results_of_each_alone() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = run(|_| None, folder.path()).unwrap();
    assert_eq!(tables(folder.path()), one_by_one());
    assert!(sizes.iter().any(|size| *size > 4), "no batches were formed: {sizes:?}");
}

#[test]
fn a_device_without_room_for_a_batch_computes_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let full = |batch: &[Prepared]| (batch.len() > 2).then(|| DeviceError::OutOfMemory("3 structures".into()));
    let sizes = run(full, folder.path()).unwrap();
    assert_eq!(tables(folder.path()), one_by_one());
    assert_eq!(sizes.iter().max(), Some(&2));
}

#[test]
fn a_structure_on_which_the_potential_panics_costs_nobody_else_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let crash = |batch: &[Prepared]| {
        assert!(batch.iter().all(|prepared| prepared.job.structure.n_atoms() != 3), "three atoms");
        None
    };
    run(crash, folder.path()).unwrap();
    let rows = |tables: &[(String, String)]| -> Vec<String> {
        let ok = |row: &&str| row.split(',').nth(3) != Some("3");
        tables[0].1.lines().filter(ok).map(str::to_owned).collect()
    };
    let found = tables(folder.path());
    assert_eq!(rows(&found), rows(&one_by_one()));
    let failures = &found[3].1;
    assert!(failures.contains("internal") && failures.contains("it panicked: three atoms"), "{failures}");
}

#[test]
fn a_device_that_is_lost_ends_the_run_and_condemns_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(|_| Some(DeviceError::Lost("it fell off the bus".into())), folder.path()).unwrap_err();
    assert!(error.contains("lennard-jones cannot go on: the device cannot be used: it fell off the bus"), "{error}");
    Trial::new(300).run(2, folder.path()).unwrap();
    assert_eq!(tables(folder.path()), one_by_one());
}
