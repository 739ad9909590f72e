//! Evaluations one by one, without a run: what calculators of other programs are made of.

use crate::batch::for_threads;
use crate::evaluation_threads::{EvaluationThreads, evaluation_threads};
use crate::memory::default_limit;
use crate::shared::panic_message;
use mlip_atoms::engine::{BatchError, Job, JobId};
use mlip_atoms::{
    Deadline, DeviceError, Engine, EngineResources, Potential, PredictError, Prediction, Request, Structure,
};
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A potential, an engine of it and the threads of its evaluations.
///
/// Numbers are those of a run, to the last bit, for any number of threads.
pub struct Calculator {
    potential: Arc<dyn Potential>,
    /// None until the first evaluation, and after a panic, which may have left anything behind.
    engine: Option<Box<dyn Engine>>,
    threads: EvaluationThreads,
    /// Memory that one evaluation may take.
    limit_bytes: u64,
}

impl Calculator {
    /// With threads that live as long as it does; with one thread the caller's computes.
    ///
    /// # Errors
    /// When the system refuses threads.
    pub fn new(potential: Arc<dyn Potential>, threads: NonZeroUsize) -> io::Result<Self> {
        let limit_bytes = default_limit(1, |name| std::env::var(name).ok());
        Ok(Self { potential, engine: None, threads: evaluation_threads(threads)?, limit_bytes })
    }

    /// Whose evaluations these are.
    pub fn potential(&self) -> &Arc<dyn Potential> {
        &self.potential
    }

    /// Threads of an evaluation.
    pub fn n_threads(&self) -> usize {
        self.threads.number()
    }

    /// Evaluates a structure now.
    ///
    /// # Errors
    /// The potential's reason, that of its device, or that it would take more memory than there is.
    pub fn evaluate(
        &mut self,
        structure: Arc<Structure>,
        request: Request,
        deadline: Deadline,
    ) -> Result<Prediction, PredictError> {
        let (limit_bytes, threads) = (self.limit_bytes, self.threads.number());
        let check = |bytes: u64| match bytes.saturating_add(for_threads(bytes, threads)) {
            needed_bytes if needed_bytes > limit_bytes => Err(PredictError::TooLarge { needed_bytes, limit_bytes }),
            _ => Ok(()),
        };
        // Before lists are made that may themselves be too large.
        check(self.potential.working_bytes(&structure))?;
        let resources = EngineResources { threads, rank_on_host: 0 };
        let mut engine = match self.engine.take() {
            Some(engine) => engine,
            None => self.potential.clone().open(resources)?,
        };
        let job = Job { id: JobId(0), structure, request, deadline };
        let computed = self.threads.run(threads, || {
            catch_unwind(AssertUnwindSafe(|| {
                let prepared = engine.prepare(job).map_err(|(_, error)| error)?;
                check(prepared.demand.host_bytes)?;
                let failed = |BatchError { error, .. }: BatchError| PredictError::Device(error);
                let ticket = engine.submit(vec![prepared]).map_err(failed)?;
                let answer = engine.collect(ticket).map_err(failed)?.pop();
                let none = || PredictError::Device(DeviceError::Lost("no answer came".into()));
                answer.ok_or_else(none).and_then(|(_, answer)| answer)
            }))
        });
        match computed {
            Ok(answer) => {
                self.engine = Some(engine);
                answer
            }
            Err(panic) => Err(PredictError::Internal {
                potential: self.potential.id().name.clone(),
                message: format!("it panicked: {}; please report this structure", panic_message(panic.as_ref())),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
    use mlip_atoms::{Lattice, Species};

    fn argon(length: f64) -> Arc<Structure> {
        let lattice = Lattice::from_vectors([[length, 0.0, 0.0], [0.0, length, 0.0], [0.0, 0.1, length]]).unwrap();
        let argon = Species::from_symbol("Ar").unwrap();
        Arc::new(Structure::new(lattice, vec![argon; 2], vec![[0.0; 3], [0.5; 3]]).unwrap())
    }

    #[test]
    fn one_thread_and_several_give_what_the_potential_gives() {
        let potential: Arc<dyn Potential> = Arc::new(LennardJones::new(LennardJonesParameters::default()));
        let expected =
            potential.predict(&[argon(4.0).as_ref()], Request::default(), &Deadline::NONE).remove(0).unwrap();
        for threads in [1, 3] {
            let mut calculator = Calculator::new(potential.clone(), NonZeroUsize::new(threads).unwrap()).unwrap();
            assert_eq!(calculator.n_threads(), threads);
            for _ in 0..2 {
                let found = calculator.evaluate(argon(4.0), Request::default(), Deadline::NONE).unwrap();
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn what_memory_does_not_hold_is_refused() {
        let potential: Arc<dyn Potential> = Arc::new(LennardJones::new(LennardJonesParameters::default()));
        let mut calculator = Calculator::new(potential, NonZeroUsize::MIN).unwrap();
        calculator.limit_bytes = 10;
        let error = calculator.evaluate(argon(4.0), Request::default(), Deadline::NONE).unwrap_err();
        assert!(matches!(error, PredictError::TooLarge { limit_bytes: 10, .. }), "{error}");
    }
}
