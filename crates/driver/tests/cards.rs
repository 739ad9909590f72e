//! Potentials on a card: batches filled by all workers, two of them under way, and results that do not depend on it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Trial, tables, two_potentials};
use mlip_atoms::engine::{Answer, BatchError, BatchSum, Demand, Job, JobId, Prepared, Preparer, Ticket, predict};
use mlip_atoms::{
    Deadline, DeviceError, Engine, EngineResources, Potential, PotentialId, PredictError, Prediction, Request, Species,
    Structure,
};
use mlip_calculations::{CalculationConfig, EnergyVolume};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Structures of a full batch.
const FULL: usize = 8;

/// What a batch does beside computing.
type Trouble = fn(&[Prepared]) -> Option<DeviceError>;

/// What a card was asked for.
#[derive(Debug, Default)]
struct Seen {
    /// Structures of each batch.
    sizes: Vec<usize>,
    /// Batches under way at a time, at most.
    most_under_way: usize,
    /// Engines that were opened, by the rank on its host.
    opened_by: Vec<usize>,
    /// Ended by somebody who asked whether they are done, without waiting.
    looked_at: usize,
}

/// Lennard-Jones on a card that does not exist.
struct OnCard {
    inner: Arc<dyn Potential>,
    seen: Arc<Mutex<Seen>>,
    trouble: Trouble,
    /// What each structure of a batch takes, and is predicted to, if not what it takes on cores.
    cost_s: Option<f64>,
}

struct CardPreparer;

/// Batches are computed when they are collected, and are done when they were looked at three times.
struct CardEngine {
    inner: Box<dyn Engine>,
    of: Arc<OnCard>,
    under_way: Vec<(Ticket, u32, Vec<Prepared>)>,
    n_submitted: u64,
}

impl Preparer for CardPreparer {
    fn prepare(&self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        let n_atoms = job.structure.n_atoms();
        Ok(Prepared { job, demand: Demand { n_atoms, ..Demand::default() }, content: Box::new(n_atoms) })
    }

    fn fits(&self, batch: &BatchSum, _: &Demand) -> bool {
        batch.n_jobs < FULL
    }
}

impl Engine for CardEngine {
    fn prepare(&mut self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        CardPreparer.prepare(job)
    }

    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool {
        CardPreparer.fits(batch, next)
    }

    fn preparer(&self) -> Option<Arc<dyn Preparer>> {
        Some(Arc::new(CardPreparer))
    }

    fn is_done(&mut self, ticket: Ticket) -> bool {
        let under = self.under_way.iter_mut().find(|(under, _, _)| *under == ticket).unwrap();
        under.1 += 1;
        under.1 > 3
    }

    fn submit(&mut self, batch: Vec<Prepared>) -> Result<Ticket, BatchError> {
        if let Some(error) = (self.of.trouble)(&batch) {
            return Err(BatchError { error, batch });
        }
        self.n_submitted += 1;
        let mut seen = self.of.seen.lock().unwrap();
        seen.sizes.push(batch.len());
        self.under_way.push((Ticket(self.n_submitted), 0, batch));
        seen.most_under_way = seen.most_under_way.max(self.under_way.len());
        Ok(Ticket(self.n_submitted))
    }

    fn collect(&mut self, ticket: Ticket) -> Result<Vec<Answer>, BatchError> {
        let place = self.under_way.iter().position(|(under, _, _)| *under == ticket).unwrap();
        let (_, looks, batch) = self.under_way.remove(place);
        self.of.seen.lock().unwrap().looked_at += usize::from(looks > 3);
        if let Some(cost_s) = self.of.cost_s {
            std::thread::sleep(Duration::from_secs_f64(cost_s * batch.len() as f64));
        }
        let mut answers = Vec::new();
        for Prepared { job, content, .. } in batch {
            assert_eq!(content.downcast_ref(), Some(&job.structure.n_atoms()));
            let answer = predict(self.inner.as_mut(), job.structure, job.request, job.deadline);
            answers.push((job.id, answer));
        }
        // In another order than they came.
        answers.reverse();
        Ok(answers)
    }
}

impl Potential for OnCard {
    fn id(&self) -> &PotentialId {
        self.inner.id()
    }

    fn supports(&self, species: Species) -> bool {
        self.inner.supports(species)
    }

    fn cost(&self, structure: &Structure) -> f64 {
        self.cost_s.unwrap_or_else(|| self.inner.cost(structure))
    }

    fn weight_bytes(&self) -> u64 {
        0
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        self.inner.working_bytes(structure)
    }

    fn device(&self) -> Option<String> {
        Some("made-up".into())
    }

    fn open(self: Arc<Self>, resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        if self.inner.id().name == "absent" {
            return Err(DeviceError::Lost("there is no such card".into()));
        }
        self.seen.lock().unwrap().opened_by.push(resources.rank_on_host);
        let inner = self.inner.clone().open(resources)?;
        Ok(Box::new(CardEngine { inner, of: self, under_way: Vec::new(), n_submitted: 0 }))
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

/// 300 structures, two workers a rank; the first potential on a card, the second on the workers' cores.
fn trial(trouble: Trouble) -> (Trial, Arc<Mutex<Seen>>) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut trial = Trial::new(300);
    let mut potentials = two_potentials();
    potentials[0] = Arc::new(OnCard { inner: potentials[0].clone(), seen: seen.clone(), trouble, cost_s: None });
    trial.potentials = potentials;
    (trial, seen)
}

fn run(trouble: Trouble, ranks: usize, run_dir: &Path) -> Result<Seen, String> {
    let (trial, seen) = trial(trouble);
    trial.run(ranks, run_dir).map_err(|error| error.to_string())?;
    Ok(std::mem::take(&mut *seen.lock().unwrap()))
}

fn on_cores() -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    Trial::new(300).run(1, folder.path()).unwrap();
    tables(folder.path())
}

#[test]
fn a_card_is_fed_by_all_workers_and_gives_the_results_of_each_structure_alone() {
    let expected = on_cores();
    for ranks in [1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let seen = run(|_| None, ranks, folder.path()).unwrap();
        assert_eq!(tables(folder.path()), expected, "{ranks} ranks");
        // More than there are workers: structures are begun for the card.
        assert!(seen.sizes.contains(&FULL), "{seen:?}");
        assert!(seen.sizes.iter().all(|size| *size <= FULL), "{seen:?}");
        assert_eq!(seen.most_under_way, 2, "{seen:?}");
        // One engine a rank, whatever the number of workers, and each rank by its number on the host.
        let mut opened_by = seen.opened_by.clone();
        opened_by.sort_unstable();
        assert_eq!(opened_by, (0..ranks).collect::<Vec<_>>());
    }
}

#[test]
fn workflows_that_ask_several_times_refill_the_batches() {
    let calculation = CalculationConfig::EnergyVolume(EnergyVolume::default());
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (mut on_card, seen) = trial(|_| None);
    on_card.calculation = calculation;
    on_card.run(2, folders[0].path()).unwrap();
    Trial { calculation, ..Trial::new(300) }.run(1, folders[1].path()).unwrap();
    let curves = |folder: &Path| std::fs::read_to_string(folder.join("report/energies.csv")).unwrap();
    assert_eq!(curves(folders[0].path()), curves(folders[1].path()));
    let seen = seen.lock().unwrap();
    let full = seen.sizes.iter().filter(|size| **size == FULL).count();
    assert!(full * 2 > seen.sizes.len(), "most batches are full: {:?}", seen.sizes);
}

#[test]
fn a_card_without_room_for_a_batch_computes_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let full = |batch: &[Prepared]| (batch.len() > 2).then(|| DeviceError::OutOfMemory("3 structures".into()));
    let seen = run(full, 2, folder.path()).unwrap();
    assert_eq!(tables(folder.path()), on_cores());
    assert_eq!(seen.sizes.iter().max(), Some(&2));
}

#[test]
fn a_structure_on_which_a_card_panics_costs_nobody_else_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let crash = |batch: &[Prepared]| {
        assert!(batch.iter().all(|prepared| prepared.job.structure.n_atoms() != 3), "three atoms");
        None
    };
    run(crash, 1, folder.path()).unwrap();
    let rows = |tables: &[(String, String)]| -> Vec<String> {
        let ok = |row: &&str| row.split(',').nth(3) != Some("3");
        tables[0].1.lines().filter(ok).map(str::to_owned).collect()
    };
    let found = tables(folder.path());
    assert_eq!(rows(&found), rows(&on_cores()));
    let failures = &found[3].1;
    assert!(failures.contains("internal") && failures.contains("it panicked: three atoms"), "{failures}");
}

#[test]
fn a_card_that_is_lost_ends_the_run_and_condemns_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let error = run(|_| Some(DeviceError::Lost("it fell off the bus".into())), 2, folder.path()).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(10), "the end waits for what nobody computes");
    assert!(error.contains("lennard-jones cannot go on: the device cannot be used: it fell off the bus"), "{error}");
    run(|_| None, 2, folder.path()).unwrap();
    assert_eq!(tables(folder.path()), on_cores());
}

#[test]
fn a_card_that_is_not_there_is_said_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let (mut trial, seen) = trial(|_| None);
    let absent: Arc<dyn Potential> = Arc::new(common::Wrapped::new(two_potentials()[0].clone()).named("absent"));
    trial.potentials[0] = Arc::new(OnCard { inner: absent, seen: seen.clone(), trouble: |_| None, cost_s: None });
    let error = trial.run(2, folder.path()).unwrap_err().to_string();
    assert!(error.contains("absent cannot be computed: the device cannot be used: there is no such card"), "{error}");
    assert!(seen.lock().unwrap().sizes.is_empty());
}

#[test]
fn one_worker_keeps_a_card_busy_too() {
    let folder = tempfile::tempdir().unwrap();
    let (mut trial, seen) = trial(|_| None);
    trial.resources.structure_workers = Some(1);
    trial.run(1, folder.path()).unwrap();
    assert_eq!(tables(folder.path()), on_cores());
    assert!(seen.lock().unwrap().sizes.iter().any(|size| *size > 1));
}

#[test]
fn structures_that_cost_much_fill_batches_too() {
    let folder = tempfile::tempdir().unwrap();
    let (mut trial, seen) = (Trial::new(60), Arc::new(Mutex::new(Seen::default())));
    // Two of them are as much as two workers need have.
    let inner = two_potentials().remove(0);
    trial.potentials = vec![Arc::new(OnCard { inner, seen: seen.clone(), trouble: |_| None, cost_s: Some(0.05) })];
    trial.run(1, folder.path()).unwrap();
    // It takes a few reports until the root knows how many the card wants.
    let seen = seen.lock().unwrap();
    assert!(seen.sizes.contains(&FULL), "{:?}", seen.sizes);
}
