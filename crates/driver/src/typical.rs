//! What potentials cost beside each other, before anything is read.

use mlip_atoms::{Deadline, Lattice, Potential, Request, Species, Structure};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rock salt, of sodium chloride where the potential knows it, with this many cubic cells of 8 atoms along each axis.
fn rock_salt(potential: &dyn Potential, cells: usize) -> Option<Structure> {
    let usual = ["Na", "Cl"].map(Species::from_symbol);
    let mut known = usual.into_iter().flatten().chain((1..=118).filter_map(Species::from_atomic_number));
    let mut next = || known.find(|species| potential.supports(*species));
    let first = next()?;
    let second = next().unwrap_or(first);
    let (mut species, mut fractional) = (Vec::new(), Vec::new());
    let steps = 2 * cells;
    for (x, y, z) in (0..steps).flat_map(|x| (0..steps).flat_map(move |y| (0..steps).map(move |z| (x, y, z)))) {
        species.push(if (x + y + z).is_multiple_of(2) { first } else { second });
        fractional.push([x, y, z].map(|step| step as f64 / steps as f64));
    }
    let length = 5.64 * cells as f64;
    let lattice = Lattice::from_vectors([[length, 0.0, 0.0], [0.0, length, 0.0], [0.0, 0.0, length]]).ok()?;
    Structure::new(lattice, species, fractional).ok()
}

/// Time that each potential predicts for a common crystal (rock salt, 8 atoms), seconds on one core, without what it
/// prepares for several; zero where it knows no element.
pub fn typical_costs(potentials: &[Arc<dyn Potential>]) -> Vec<f64> {
    let cost = |potential: &Arc<dyn Potential>| {
        rock_salt(potential.as_ref(), 1).map_or(0.0, |crystal| potential.cost(&crystal))
    };
    potentials.iter().map(cost).collect()
}

/// Evaluations of which the least time counts, and how long they may take before no other follows.
const MOST_EVALUATIONS: usize = 5;
const LONGEST: Duration = Duration::from_millis(20);

/// Time that each potential takes for the same crystal here and now, seconds: the least of some evaluations behind a first,
/// so that memory is there and what can be prepared is prepared, and that others on the machine hardly count. `None` where
/// it cannot evaluate that crystal.
pub(crate) fn measured_costs(potentials: &[Arc<dyn Potential>], request: Request) -> Vec<Option<f64>> {
    let evaluate = |potential: &Arc<dyn Potential>, crystal: &Structure| {
        let begin = Instant::now();
        let results = potential.predict(&[crystal], request, &Deadline::NONE);
        results.iter().all(Result::is_ok).then(|| begin.elapsed().as_secs_f64())
    };
    let least = |potential: &Arc<dyn Potential>| {
        let crystal = rock_salt(potential.as_ref(), 1)?;
        evaluate(potential, &crystal)?;
        let (begin, mut least) = (Instant::now(), f64::INFINITY);
        for _ in 0..MOST_EVALUATIONS {
            least = evaluate(potential, &crystal)?.min(least);
            if begin.elapsed() > LONGEST {
                break;
            }
        }
        Some(least)
    };
    // On threads of their own: a panic on the main thread of a rank ends the job.
    let measured = |potential| std::thread::scope(|scope| scope.spawn(|| least(potential)).join().ok().flatten());
    potentials.iter().map(measured).collect()
}

/// Most memory that one of the potentials takes for a cell of 64 atoms (rock salt), bytes: larger than most that are
/// screened.
pub(crate) fn typical_bytes(potentials: &[Arc<dyn Potential>]) -> u64 {
    let bytes = |potential: &Arc<dyn Potential>| {
        rock_salt(potential.as_ref(), 2).map_or(0, |crystal| potential.working_bytes(&crystal))
    };
    potentials.iter().map(bytes).max().unwrap_or(0)
}

/// Potentials at once with which a rank of this many cores is done first, by the time that each potential takes for a
/// structure: structures at once keep cores just as busy and wait for nobody, so more than one must gain a tenth.
pub(crate) fn useful_mlip_workers(costs: &[f64], cores: usize, structures_per_core: f64) -> usize {
    let known = |cost: &f64| cost.is_finite() && *cost > 0.0;
    let mut costs: Vec<f64> = costs.iter().copied().filter(known).collect();
    costs.sort_unstable_by(|a, b| b.total_cmp(a));
    let length = |mlips: usize| {
        let structures_at_once = (cores / mlips).max(1) as f64;
        (structures_per_core * cores as f64 / structures_at_once).ceil() * makespan(&costs, mlips)
    };
    let worth = |best: usize, mlips: usize| if length(mlips) < 0.9 * length(best) { mlips } else { best };
    (2..=costs.len().min(cores)).fold(1, worth)
}

/// Time of this many workers for tasks of these costs, costliest first: each goes to whoever is free first.
fn makespan(costs: &[f64], workers: usize) -> f64 {
    let mut busy = vec![0.0f64; workers.max(1)];
    for cost in costs {
        if let Some(first) = busy.iter_mut().min_by(|a, b| a.total_cmp(b)) {
            *first += cost;
        }
    }
    busy.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrapped::Wrapped;
    use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn potentials_go_at_once_where_that_ends_the_run_sooner() {
        let even = [1.0, 1.0, 1.0];
        // One structure: its potentials are all there is to share. As many as cores, and more: nothing is gained.
        assert_eq!(useful_mlip_workers(&even, 8, 0.125), 3);
        assert_eq!(useful_mlip_workers(&even, 8, 1.0), 1);
        assert_eq!(useful_mlip_workers(&even, 8, 100.0), 1);
        assert_eq!(useful_mlip_workers(&even, 2, 0.5), 2);
        // Nine structures on eight cores: the ninth would have seven cores wait for three evaluations.
        assert_eq!(useful_mlip_workers(&even, 8, 9.0 / 8.0), 3);
        // One that takes all the time has nobody to wait for.
        assert_eq!(useful_mlip_workers(&[0.059, 0.001, 0.002], 2, 3.0), 1);
        assert_eq!(useful_mlip_workers(&[0.004, 0.01, 0.3, 0.2], 8, 0.125), 2);
        assert_eq!(useful_mlip_workers(&[0.0, f64::NAN], 8, 0.125), 1);
    }

    fn lennard_jones() -> Arc<dyn Potential> {
        Arc::new(LennardJones::new(LennardJonesParameters::default()))
    }

    /// Lennard-Jones of copper, with a wait that it does not predict.
    fn slow() -> Wrapped {
        Wrapped::new(lennard_jones()).only(29).before(|_| std::thread::sleep(Duration::from_millis(30)))
    }

    #[test]
    fn every_potential_has_a_typical_cost() {
        let costs = typical_costs(&[lennard_jones(), lennard_jones()]);
        assert_eq!(costs.len(), 2);
        assert!(costs.iter().all(|cost| *cost > 0.0));
        assert!(typical_bytes(&[lennard_jones()]) > 0);
    }

    #[test]
    fn crystals_are_of_what_a_potential_knows() {
        let all = rock_salt(lennard_jones().as_ref(), 2).unwrap();
        assert_eq!((all.n_atoms(), all.species()[0].symbol(), all.species()[1].symbol()), (64, "Na", "Cl"));
        let metals = rock_salt(&slow(), 1).unwrap();
        assert!(metals.species().iter().all(|species| species.atomic_number() == 29));
    }

    #[test]
    fn what_counts_is_what_was_measured_not_what_was_predicted() {
        let potentials: [Arc<dyn Potential>; 3] = [Arc::new(slow()), lennard_jones(), lennard_jones()];
        assert_eq!(useful_mlip_workers(&typical_costs(&potentials), 8, 0.125), 3);
        let measured = measured_costs(&potentials, Request::default());
        assert!(measured[0].unwrap() >= 0.03 && typical_costs(&potentials)[0] < 0.03, "{measured:?}");
        assert!(measured[1].is_some());
    }

    #[test]
    fn an_evaluation_that_others_on_the_machine_held_up_does_not_count() {
        let evaluations = AtomicUsize::new(0);
        let held_up = Wrapped::new(lennard_jones()).before(move |_| {
            if evaluations.fetch_add(1, Ordering::Relaxed) == 1 {
                std::thread::sleep(Duration::from_millis(15));
            }
        });
        let measured = measured_costs(&[Arc::new(held_up)], Request::default());
        assert!(measured[0].unwrap() < 0.015, "{measured:?}");
    }

    #[test]
    fn a_potential_that_panics_is_not_measured_and_ends_nothing() {
        let broken = Wrapped::new(lennard_jones()).before(|_| panic!("this one panics"));
        let measured = measured_costs(&[Arc::new(broken), lennard_jones()], Request::default());
        assert!(measured[0].is_none() && measured[1].is_some());
    }
}
