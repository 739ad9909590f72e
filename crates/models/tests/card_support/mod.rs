//! What tests of potentials on cards have in common.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "compiled into several tests, each of which uses a part; figures are printed"
)]

use mlip_atoms::engine::{BatchSum, Engine, Job, JobId, Prepared, predict};
use mlip_atoms::{Deadline, DeviceError, Lattice, Prediction, Request, Species, Structure};
use std::collections::VecDeque;
use std::sync::Arc;

/// All that a potential gives.
pub(crate) const ALL: Request = Request { forces: true, atom_features: true };

/// The engine; without a device, tests say so and pass, unless `MLIP_TEST_GPU` asks for them.
pub(crate) fn or_skip<E>(engine: Result<E, DeviceError>) -> Option<E> {
    match engine {
        Ok(engine) => Some(engine),
        Err(error) if std::env::var_os("MLIP_TEST_GPU").is_none() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn jobs(structures: &[Arc<Structure>], request: Request) -> Vec<Job> {
    let job = |(id, structure): (usize, &Arc<Structure>)| Job {
        id: JobId(id as u64),
        structure: structure.clone(),
        request,
        deadline: Deadline::NONE,
    };
    structures.iter().enumerate().map(job).collect()
}

pub(crate) fn prepare(engine: &mut dyn Engine, structures: &[Arc<Structure>], request: Request) -> Vec<Prepared> {
    jobs(structures, request).into_iter().map(|job| engine.prepare(job).map_err(|(_, e)| e).unwrap()).collect()
}

/// All structures in one batch.
pub(crate) fn together(engine: &mut dyn Engine, structures: &[Arc<Structure>], request: Request) -> Vec<Prediction> {
    let batch = prepare(engine, structures, request);
    let ticket = engine.submit(batch).map_err(|e| e.error).unwrap();
    let answers = engine.collect(ticket).map_err(|e| e.error).unwrap();
    let in_order = answers.iter().enumerate().all(|(place, (id, _))| id.0 == place as u64);
    assert!(in_order && answers.len() == structures.len());
    answers.into_iter().map(|(_, answer)| answer.unwrap()).collect()
}

pub(crate) fn largest(differences: impl Iterator<Item = f64>) -> f64 {
    differences.inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
}

pub(crate) fn differences<'a>(found: &'a [f64], expected: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs())
}

/// Energy an atom, forces, stress, features, magnetic moments: largest differences, each over the largest number or 1.
pub(crate) fn off(found: &Prediction, exact: &Prediction) -> [f64; 5] {
    let off = |found: &[f64], exact: &[f64]| {
        let size = exact.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
        largest(differences(found, exact)) / size
    };
    let n = exact.forces.len() as f64;
    let features =
        |p: &Prediction| p.atom_features.as_ref().map(|features| features.values.clone()).unwrap_or_default();
    let magmoms = |p: &Prediction| p.magmoms.clone().unwrap_or_default();
    [
        off(&[found.energy / n], &[exact.energy / n]),
        off(&found.forces.concat(), &exact.forces.concat()),
        off(&found.stress.unwrap(), &exact.stress.unwrap()),
        off(&features(found), &features(exact)),
        off(&magmoms(found), &magmoms(exact)),
    ]
}

pub(crate) fn text(off: &[f64]) -> String {
    off.iter().map(|x| format!("{x:.2e}")).collect::<Vec<_>>().join(" ")
}

pub(crate) fn bits(prediction: &Prediction) -> Vec<u64> {
    let features = prediction.atom_features.as_ref().map(|features| features.values.clone()).unwrap_or_default();
    let stress = prediction.stress.unwrap_or_default();
    let magmoms = prediction.magmoms.clone().unwrap_or_default();
    let scalars = [prediction.energy].into_iter().chain(stress);
    let all = scalars.chain(prediction.forces.concat()).chain(magmoms).chain(features);
    all.map(f64::to_bits).collect()
}

/// Variants of structures, none like the other.
pub(crate) fn strained(base: &[Structure], n: usize) -> Vec<Arc<Structure>> {
    let strained = |k: usize| {
        let structure = &base[k % base.len()];
        let factor = 1.0 + 0.002 * (k / base.len()) as f64;
        let lattice = Lattice::from_vectors(structure.lattice().vectors().map(|v| v.map(|x| x * factor))).unwrap();
        Structure::new(lattice, structure.species().to_vec(), structure.fractional().to_vec()).unwrap()
    };
    (0..n).map(|k| Arc::new(strained(k))).collect()
}

/// Each structure has the same bits alone, in batches of several sizes in another order, and in one of a thousand.
pub(crate) fn assert_bits_do_not_depend_on_batches(what: &str, engine: &mut dyn Engine, structures: &[Arc<Structure>]) {
    let n = structures.len();
    let all = together(engine, structures, ALL).iter().map(bits).collect::<Vec<_>>();
    for (k, structure) in structures.iter().enumerate() {
        let alone = predict(engine, structure.clone(), ALL, Deadline::NONE).unwrap();
        assert_eq!(bits(&alone), all[k], "{what} structure {k} alone");
    }
    let order = (0..n).map(|k| (k * 19 + 7) % n).collect::<Vec<_>>();
    let shuffled = order.iter().map(|k| structures[*k].clone()).collect::<Vec<_>>();
    for batch in [1usize, 3, 64, n] {
        for (places, part) in order.chunks(batch).zip(shuffled.chunks(batch)) {
            for (k, found) in places.iter().zip(together(engine, part, ALL)) {
                assert_eq!(bits(&found), all[*k], "{what} structure {k} in batches of {batch}");
            }
        }
    }
    let many = structures.iter().cycle().take(1000).cloned().collect::<Vec<_>>();
    for (k, found) in together(engine, &many, ALL).iter().enumerate() {
        assert_eq!(bits(found), all[k % n], "{what} structure {k} of a thousand");
    }
}

/// Crystals as `examples/time_potential.rs` reads them, from the file that this variable names.
pub(crate) fn crystals(variable: &str) -> Vec<(String, Arc<Structure>)> {
    #[derive(serde::Deserialize)]
    struct Crystal {
        name: String,
        numbers: Vec<u8>,
        cell: [[f64; 3]; 3],
        positions: Vec<[f64; 3]>,
    }
    let file = std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} names a file of crystals"));
    let all: Vec<Crystal> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let structure = |crystal: Crystal| {
        let lattice = Lattice::from_vectors(crystal.cell).unwrap();
        let species = crystal.numbers.iter().map(|z| Species::from_atomic_number(*z).unwrap()).collect();
        let fractional = crystal.positions.iter().map(|x| lattice.fractional(*x)).collect();
        (crystal.name, Arc::new(Structure::new(lattice, species, fractional).unwrap()))
    };
    all.into_iter().map(structure).collect()
}

/// Structures of a batch, edges of it, and seconds that one takes with two of them under way, graphs made before; and
/// seconds to prepare a structure.
pub(crate) fn time_batches(engine: &mut dyn Engine, structure: &Arc<Structure>) -> (usize, usize, f64, f64) {
    time_batches_of(engine, |_| structure.clone())
}

/// The same of structures by number.
pub(crate) fn time_batches_of(
    engine: &mut dyn Engine,
    structure: impl Fn(usize) -> Arc<Structure>,
) -> (usize, usize, f64, f64) {
    let job = |number: usize| jobs(&[structure(number)], Request::default()).remove(0);
    let mut sum = BatchSum::default();
    let start = std::time::Instant::now();
    loop {
        let prepared = engine.prepare(job(sum.n_jobs)).map_err(|(_, e)| e).unwrap();
        if !engine.fits(&sum, &prepared.demand) {
            break;
        }
        sum = sum.and(&prepared.demand);
    }
    let prepare_s = start.elapsed().as_secs_f64() / (sum.n_jobs + 1) as f64;
    let copy = |engine: &mut dyn Engine| {
        let again = |number| engine.prepare(job(number)).map_err(|(_, e)| e).unwrap();
        (0..sum.n_jobs).map(again).collect::<Vec<_>>()
    };
    let n_batches = 12;
    let mut waiting = (0..n_batches).map(|_| copy(engine)).collect::<Vec<_>>();
    let mut tickets = VecDeque::new();
    let (mut n, mut start) = (0, std::time::Instant::now());
    // The first two warm up: memory is taken then.
    while n < n_batches {
        while tickets.len() < 2
            && let Some(batch) = waiting.pop()
        {
            tickets.push_back(engine.submit(batch).map_err(|e| e.error).unwrap());
        }
        let answers = engine.collect(tickets.pop_front().unwrap()).map_err(|e| e.error).unwrap();
        assert!(answers.iter().all(|(_, answer)| answer.is_ok()));
        n += 1;
        if n == 2 {
            start = std::time::Instant::now();
        }
    }
    let seconds = start.elapsed().as_secs_f64() / f64::from(n_batches - 2);
    (sum.n_jobs, sum.demand.n_edges, seconds, prepare_s)
}

/// Prints medians, 99 % and the largest of deviations from what is exact: energy an atom, forces, stress.
pub(crate) fn report(what: &str, names: &[String], exact: &[Prediction], found: &[Prediction]) {
    let (mut energy, mut forces, mut stress) = (Vec::new(), Vec::new(), Vec::new());
    for (found, exact) in found.iter().zip(exact) {
        energy.push((found.energy - exact.energy).abs() / exact.forces.len() as f64);
        forces.push(largest(differences(&found.forces.concat(), &exact.forces.concat())));
        stress.push(largest(differences(&found.stress.unwrap(), &exact.stress.unwrap())));
    }
    for (quantity, values) in
        [("energy eV/atom", &mut energy), ("forces eV/A", &mut forces), ("stress eV/A^3", &mut stress)]
    {
        let worst = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        let rms = (values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt();
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values[((values.len() - 1) as f64 * part) as usize];
        println!(
            "deviation {what} {quantity}: median {:.2e} rms {rms:.2e} 99% {:.2e} largest {:.2e} ({})",
            at(0.5),
            at(0.99),
            at(1.0),
            names[worst]
        );
    }
}
