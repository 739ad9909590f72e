//! Jobs in a batch cost each other nothing, and get the bits that they get alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod orb_support;

use mlip_atoms::engine::{BatchSum, Demand, Job, JobId, Prepared};
use mlip_atoms::{
    Deadline, Engine, EngineResources, Lattice, Potential, PotentialId, Precision, PredictError, Prediction, Request,
    Species, Structure,
};
use mlip_models::graph_potential::{GraphPotential, Model};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The energy is the number of atoms; each takes 40 ms, and three of them have none.
struct Counting {
    id: PotentialId,
    evaluations: AtomicUsize,
}

impl Model for Counting {
    type Graph = usize;

    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, _species: Species) -> bool {
        true
    }

    fn cost(&self, _structure: &Structure) -> f64 {
        1.0
    }

    fn weight_bytes(&self) -> u64 {
        0
    }

    fn expected_bytes(&self, _structure: &Structure) -> u64 {
        0
    }

    fn graph(&self, structure: &Structure, _deadline: &Deadline) -> Result<usize, PredictError> {
        Ok(structure.n_atoms())
    }

    fn demand(&self, n_atoms: &usize) -> Demand {
        Demand { n_atoms: *n_atoms, ..Demand::default() }
    }

    fn fits(&self, batch: &BatchSum, _next: &Demand) -> bool {
        batch.n_jobs < 4
    }

    fn evaluate(
        &self,
        graphs: &[&usize],
        request: Request,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError> {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(40));
        deadline.check()?;
        let one = |n_atoms: &&usize| match **n_atoms {
            3 => Err(PredictError::NotFinite { what: "energy" }),
            n => Ok(Prediction {
                energy: n as f64,
                forces: vec![[0.0; 3]; if request.forces { n } else { 0 }],
                ..Prediction::default()
            }),
        };
        graphs.iter().map(one).collect()
    }
}

fn counting() -> Arc<GraphPotential<Counting>> {
    let id = PotentialId {
        name: "counting".into(),
        checkpoint: String::new(),
        digest: String::new(),
        precision: Precision::F64,
        settings: String::new(),
    };
    Arc::new(GraphPotential::around(Counting { id, evaluations: AtomicUsize::new(0) }))
}

fn structure(n_atoms: usize) -> Arc<Structure> {
    let lattice = Lattice::from_vectors([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]]).unwrap();
    let sites = (0..n_atoms).map(|site| [site as f64 / n_atoms as f64, 0.1, 0.2]).collect();
    Arc::new(Structure::new(lattice, vec![Species::from_symbol("Cu").unwrap(); n_atoms], sites).unwrap())
}

fn job(id: u64, n_atoms: usize, forces: bool, deadline: Deadline) -> Job {
    Job { id: JobId(id), structure: structure(n_atoms), request: Request { forces, atom_features: false }, deadline }
}

fn compute(engine: &mut dyn Engine, jobs: Vec<Job>) -> Vec<(JobId, Result<Prediction, PredictError>)> {
    let batch = jobs.into_iter().map(|job| engine.prepare(job).map_err(|(_, error)| error).unwrap()).collect();
    let ticket = engine.submit(batch).map_err(|failed| failed.error).unwrap();
    engine.collect(ticket).map_err(|failed| failed.error).unwrap()
}

fn open(potential: &Arc<GraphPotential<Counting>>) -> Box<dyn Engine> {
    potential.clone().open(EngineResources::default()).unwrap()
}

#[test]
fn a_late_job_costs_the_others_of_its_batch_nothing() {
    let potential = counting();
    let late = job(0, 1, true, Deadline::after(Duration::from_millis(20)));
    let jobs = vec![late, job(1, 2, true, Deadline::NONE), job(2, 4, true, Deadline::after(Duration::from_secs(600)))];
    let answers = compute(open(&potential).as_mut(), jobs);
    assert!(matches!(answers[0], (JobId(0), Err(PredictError::Timeout { .. }))), "{answers:?}");
    let energies = answers[1..].iter().map(|(id, answer)| (id.0, answer.as_ref().unwrap().energy));
    assert_eq!(energies.collect::<Vec<_>>(), [(1, 2.0), (2, 4.0)]);
}

#[test]
fn a_job_that_fails_costs_the_others_of_its_batch_nothing() {
    let jobs = (1..5).map(|n| job(n, n as usize, true, Deadline::NONE)).collect();
    let answers = compute(open(&counting()).as_mut(), jobs);
    let energies = answers.iter().map(|(_, answer)| answer.as_ref().map(|found| found.energy).ok());
    assert_eq!(energies.collect::<Vec<_>>(), [Some(1.0), Some(2.0), None, Some(4.0)]);
}

#[test]
fn jobs_of_a_batch_get_what_each_of_them_asked_for() {
    let potential = counting();
    let jobs = [true, false, false, true].iter().enumerate();
    let jobs = jobs.map(|(id, forces)| job(id as u64, 2, *forces, Deadline::NONE)).collect();
    let answers = compute(open(&potential).as_mut(), jobs);
    let lengths = answers.iter().map(|(_, answer)| answer.as_ref().unwrap().forces.len());
    assert_eq!(lengths.collect::<Vec<_>>(), [2, 0, 0, 2]);
    assert_eq!(potential.model().evaluations.load(Ordering::Relaxed), 3);
}

#[test]
fn a_job_of_another_model_is_refused_with_its_batch() {
    let mut engine = open(&counting());
    let job = job(7, 2, true, Deadline::NONE);
    let foreign = Prepared { job, demand: Demand::default(), content: Box::new("another graph") };
    let error = engine.submit(vec![foreign]).err().unwrap();
    assert_eq!(error.batch.len(), 1);
    assert!(error.error.to_string().contains("another model"));
}

#[test]
fn cells_of_a_few_atoms_are_evaluated_together_by_orb_to_the_same_bits() {
    let orb = Arc::new(orb_support::tiny("orb", Precision::F32));
    let names = ["nacl_prim", "mg_hcp", "srtio3_rattled", "cu_fcc_1atom"];
    let structures =
        names.map(|name| Arc::new(orb_support::golden("tiny_conservative_inf", name).structure())).to_vec();
    let mut engine = orb.clone().open(EngineResources::default()).unwrap();
    let job = |(id, structure): (usize, &Arc<Structure>)| Job {
        id: JobId(id as u64),
        structure: structure.clone(),
        request: Request::default(),
        deadline: Deadline::NONE,
    };
    let mut batch = Vec::new();
    let mut sum = BatchSum::default();
    for prepared in structures.iter().enumerate().map(job) {
        let prepared = engine.prepare(prepared).map_err(|(_, error)| error).unwrap();
        assert!(prepared.demand.n_edges > 0 && prepared.demand.host_bytes > 0);
        if engine.fits(&sum, &prepared.demand) {
            sum = sum.and(&prepared.demand);
            batch.push(prepared);
        }
    }
    assert!(batch.len() >= 2 && sum.demand.n_edges <= 1024, "{sum:?}");
    let ids = batch.iter().map(|prepared| prepared.job.id.0 as usize).collect::<Vec<_>>();
    let ticket = engine.submit(batch).map_err(|failed| failed.error).unwrap();
    let together = engine.collect(ticket).map_err(|failed| failed.error).unwrap();
    for ((_, answer), id) in together.into_iter().zip(ids) {
        let alone = orb.predict(&[&structures[id]], Request::default(), &Deadline::NONE).remove(0);
        assert_eq!(answer.unwrap(), alone.unwrap(), "{}", names[id]);
    }
}
