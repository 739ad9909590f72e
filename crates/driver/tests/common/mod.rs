//! Runs of made-up structures, for tests.

#![allow(dead_code, reason = "each test file uses a part of it")]

mod wrapped;

pub(crate) use wrapped::Wrapped;

use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
use mlip_atoms::{Failure, FailureKind, Frame, Lattice, Potential, Species, Structure};
use mlip_calculations::CalculationConfig;
use mlip_driver::{
    Engine, Event, Finish, Loaded, Physics, PotentialConfig, Resources, RootPart, RunConfig, RunError, Setup, Signals,
    StructureSource, execute,
};
use mlip_inputs::{Locator, Manifest};
use mlip_ranks::{Communicator, Ended, Leaving, ThreadRanks, dismiss, leave};
use mlip_store::run_lock::LockOptions;
use mlip_store::{RetryFailed, RunLock};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Makes structures from numbers: `cell-17` is always the same crystal.
pub(crate) struct MadeUp;

impl StructureSource for MadeUp {
    fn load(&self, locator: &Locator) -> Result<Loaded, Failure> {
        let name = locator.to_string();
        let number: u64 = name.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
        if name.starts_with("missing") {
            return Err(Failure {
                kind: FailureKind::Unreadable,
                line: None,
                message: format!("`{name}` is not there"),
            });
        }
        let warnings = if number.is_multiple_of(5) {
            vec![("example".into(), "a number that is divisible by five".into())]
        } else {
            vec![]
        };
        Ok(Loaded { structure: crystal(number), warnings })
    }
}

/// One to eight atoms in a distorted cube.
pub(crate) fn crystal(number: u64) -> Structure {
    let random = |k: u64| {
        let mut x = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(k.wrapping_mul(0xD1B5_4A32_D192_ED03)) | 1;
        x ^= x >> 31;
        x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (x >> 11) as f64 / (1u64 << 53) as f64
    };
    let n_atoms = 1 + number % 8;
    let a = 3.6 * (n_atoms as f64).cbrt();
    let lengths = [a + random(1), a + random(2), a + random(3)];
    let lattice = Lattice::from_parameters(lengths, [88.0, 91.0 + random(4), 90.0], Frame::Pymatgen).unwrap();
    let half = |bit: u64| 0.5 * bit as f64;
    let sites = (0..n_atoms)
        .map(|site| [half(site & 1), half(site >> 1 & 1), half(site >> 2 & 1)].map(|x| x + 0.05 * random(10 + site)));
    let species = vec![Species::from_atomic_number(1 + (number % 90) as u8).unwrap(); n_atoms as usize];
    Structure::new(lattice, species, sites.collect()).unwrap()
}

/// A list of crystals; every 13th is missing, every 11th repeats the one before.
pub(crate) fn manifest(n: u64) -> Manifest {
    let mut manifest = Manifest::default();
    for number in 0..n {
        let name = match number {
            _ if number % 13 == 12 => format!("missing-{number}"),
            _ if number % 11 == 10 => format!("cell-{}", number - 1),
            _ => format!("cell-{number}"),
        };
        manifest.push(&format!("s{number}"), &Locator::File { path: name.into() }).unwrap();
    }
    manifest
}

/// Two Lennard-Jones potentials that differ.
pub(crate) fn two_potentials() -> Vec<Arc<dyn Potential>> {
    let soft = LennardJones::new(LennardJonesParameters::default());
    let stiff = LennardJones::new(LennardJonesParameters { epsilon: 0.02, sigma: 2.9, cutoff: 5.0 });
    vec![Arc::new(soft), Arc::new(Wrapped::new(Arc::new(stiff)).named("stiff"))]
}

/// How a test runs.
#[derive(Clone)]
pub(crate) struct Trial {
    pub(crate) potentials: Vec<Arc<dyn Potential>>,
    pub(crate) n_entries: u64,
    pub(crate) resources: Resources,
    pub(crate) retry: RetryFailed,
    pub(crate) signals: Signals,
    /// Whether a signal comes as soon as the report is begun.
    pub(crate) ask_at_report: bool,
    pub(crate) calculation: CalculationConfig,
    pub(crate) embeddings: mlip_calculations::Embeddings,
    /// What happened on the root.
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl Trial {
    pub(crate) fn new(n_entries: u64) -> Self {
        Self {
            potentials: two_potentials(),
            n_entries,
            resources: Resources { structure_workers: Some(2), oversubscribe: true, ..Resources::default() },
            retry: RetryFailed::No,
            signals: Signals::default(),
            ask_at_report: false,
            calculation: CalculationConfig::SinglePoint,
            embeddings: mlip_calculations::Embeddings::None,
            events: Arc::default(),
        }
    }

    /// Of a calculation; every evaluation is counted and takes this long.
    pub(crate) fn counting(
        n_entries: u64,
        calculation: CalculationConfig,
        count: &Arc<AtomicU64>,
        duration: Duration,
    ) -> Self {
        let slow = |inner| {
            let count = count.clone();
            let before = move |structures: &[&Structure]| {
                count.fetch_add(structures.len() as u64, Ordering::Relaxed);
                std::thread::sleep(duration);
            };
            Arc::new(Wrapped::new(inner).before(before)) as _
        };
        let potentials = two_potentials().into_iter().map(slow).collect();
        Self { calculation, potentials, ..Self::new(n_entries) }
    }

    pub(crate) fn config(&self) -> RunConfig {
        let config = |p: &Arc<dyn Potential>| {
            let label = p.id().name.clone();
            PotentialConfig::new(label, p.id(), None, mlip_atoms::EngineKind::Native, std::collections::BTreeMap::new())
        };
        let potentials = self.potentials.iter().map(config).collect();
        RunConfig {
            run: "17".repeat(16),
            version: "test".into(),
            folder: ".".into(),
            physics: Physics {
                coordinates: Default::default(),
                frame: Frame::Pymatgen,
                calculation: self.calculation,
                allow_overlap: false,
                forces: true,
                embeddings: self.embeddings,
                potentials,
            },
            resources: self.resources.clone(),
            stability: mlip_store::report::StabilitySources::default(),
            part: None,
        }
    }

    /// One attempt with these ranks; the root's answer.
    pub(crate) fn run(&self, ranks: usize, run_dir: &Path) -> Result<Finish, RunError> {
        std::fs::create_dir_all(run_dir).unwrap();
        ThreadRanks::run(ranks, |mut rank| self.life(&mut rank, run_dir)).remove(0)
    }

    pub(crate) fn life(&self, rank: &mut dyn Communicator, run_dir: &Path) -> Result<Finish, RunError> {
        let at_root = rank.is_root().then(|| Setup::new(run_dir.to_owned(), self.config(), self.n_entries).unwrap());
        let setup = Setup::share(at_root.as_ref(), rank)?;
        let mut events = |event| {
            if self.ask_at_report && event == Event::ReportBegan {
                self.signals.ask();
            }
            self.events.lock().unwrap().push(event);
        };
        let root = rank.is_root().then(|| RootPart {
            entries: manifest(self.n_entries),
            lock: RunLock::acquire(run_dir, LockOptions::default()).unwrap(),
            retry: self.retry,
            events: &mut events,
        });
        let engine = Engine { potentials: self.potentials.clone(), source: Arc::new(MadeUp), return_free: || () };
        let result = execute(rank, &setup, root, Ok(engine), self.signals.clone());
        let code = i32::from(result.is_err());
        match &result {
            _ if rank.is_root() => dismiss(rank, code),
            Err(RunError::Ended(Ended::ByRoot { code })) => {
                assert_eq!(leave(rank, Leaving::Dismissed { code: *code }), *code)
            }
            Ok(_) | Err(RunError::Elsewhere) => drop(leave(rank, Leaving::Done)),
            Err(error) => drop(leave(rank, Leaving::Unable { message: error.to_string(), code })),
        }
        result
    }
}

/// The tables that must not depend on how a run went.
pub(crate) fn tables(run_dir: &Path) -> Vec<(String, String)> {
    ["energies.csv", "forces.csv", "ensemble.csv", "failures.csv", "warnings.csv"]
        .iter()
        .map(|name| ((*name).to_owned(), std::fs::read_to_string(run_dir.join("report").join(name)).unwrap()))
        .collect()
}
