//! `genbench.jsonl`: structures as they were read, with the properties that LeMat-GenBench's preprocessor gives them.
//!
//! The names are those of its `multi_mlip_preprocess.py`, commit 5bab2cd, with the labels of the run in the place of its
//! names of potentials. What has no value has no key. Beside them stands `structure_id`.

use super::potential::LabeledPotential;
use super::pymatgen;
use super::row::EntryRow;
use super::stability::{EntryStability, StabilityRow};
use super::statistics::Statistics;
use mlip_atoms::Lattice;
use mlip_calculations::{Embeddings, Ended, Relaxed};
use serde_json::{Map, Value, json};

pub(super) const NAME: &str = "genbench";

/// Lines for some entries.
pub(super) struct Genbench {
    lines: String,
    embeddings: Embeddings,
}

impl Genbench {
    pub(super) fn new(embeddings: Embeddings) -> Self {
        Self { lines: String::new(), embeddings }
    }

    /// Every entry that is a structure has a line, with results or without.
    pub(super) fn write(
        &mut self,
        entry: &EntryRow<'_>,
        potentials: &[LabeledPotential],
        stability: Option<&EntryStability>,
    ) {
        let Some(given) = entry.given else { return };
        let mut properties = Map::new();
        properties.insert("structure_id".to_owned(), entry.id.into());
        for (position, potential) in potentials.iter().enumerate() {
            self.of_potential(&mut properties, entry, position, potential);
        }
        scalars(&mut properties, entry, potentials, stability);
        forces_of_all(&mut properties, entry, potentials.len());
        let structure = &given.structure;
        let numbers: Vec<u8> = structure.species().iter().map(|species| species.atomic_number()).collect();
        let (lattice, fractional) = (structure.lattice(), structure.fractional());
        let whole = pymatgen::structure(lattice, &numbers, fractional, structure.charge(), &[], properties);
        self.lines.push_str(&whole.to_string());
        self.lines.push('\n');
    }

    /// What is no scalar.
    fn of_potential(
        &self,
        properties: &mut Map<String, Value>,
        entry: &EntryRow<'_>,
        position: usize,
        potential: &LabeledPotential,
    ) {
        let Some(prediction) = entry.prediction(position) else { return };
        let mut put = |what: &str, value: Value| {
            properties.insert(format!("{what}_{}", potential.label), value);
        };
        put("mlip_model", potential.id.name.as_str().into());
        put("model_config", potential.id.weights().into());
        if !prediction.forces.is_empty() {
            put("forces", json!(prediction.forces));
        }
        if let Some(features) = &prediction.atom_features {
            put("graph_embedding", json!(features.mean()));
            if self.embeddings == Embeddings::Node {
                let rows: Vec<&[f64]> = features.values.chunks_exact(features.width.max(1)).collect();
                put("node_embeddings", json!(rows));
            }
        }
        let Some((relaxed, numbers)) = entry.relaxed(position) else { return };
        if let Some(relaxed) = has_ended_well(relaxed) {
            if let Ok(lattice) = Lattice::from_vectors(relaxed.lattice) {
                let structure = pymatgen::structure(&lattice, numbers, &relaxed.fractional, None, &[], Map::new());
                put("relaxed_structure", structure);
            }
        } else {
            put("relaxation_failed", true.into());
            let why = relaxed.message.clone().unwrap_or_else(|| relaxed.ended.name().to_owned());
            put("relaxation_error", why.into());
        }
    }
}

impl Genbench {
    pub(super) fn finish(self) -> Vec<u8> {
        self.lines.into_bytes()
    }
}

/// A relaxation that came to its end or used up its steps: one that was stopped failed, as upstream counts.
fn has_ended_well(relaxed: &Relaxed) -> Option<&Relaxed> {
    matches!(relaxed.ended, Ended::Converged | Ended::Steps).then_some(relaxed)
}

/// One of the scalars, by the position of a potential.
type Quantity<'a> = &'a dyn Fn(usize) -> Option<f64>;

/// The eight scalars of each potential, and their statistics.
fn scalars(
    properties: &mut Map<String, Value>,
    entry: &EntryRow<'_>,
    potentials: &[LabeledPotential],
    stability: Option<&EntryStability>,
) {
    let given = |position: usize| stability?.given.get(position)?.as_ref();
    let relaxation = |position: usize| has_ended_well(entry.relaxed(position)?.0);
    let relaxed = |position: usize| {
        relaxation(position)?;
        stability?.relaxed.get(position)?.as_ref()
    };
    let above = |row: &StabilityRow| Some(row.above.as_ref()?.energy);
    let quantities: [(&str, Quantity<'_>); 7] = [
        ("energy", &|position| Some(entry.prediction(position)?.energy)),
        ("formation_energy", &|position| given(position)?.formation_energy),
        ("e_above_hull", &|position| above(given(position)?)),
        ("relaxation_energy", &|position| Some(relaxation(position)?.final_energy)),
        ("relaxation_rmse", &|position| Some(relaxation(position)?.rmse)),
        ("relaxed_formation_energy", &|position| relaxed(position)?.formation_energy),
        ("relaxed_e_above_hull", &|position| above(relaxed(position)?)),
    ];
    for (name, value) in quantities {
        let values: Vec<Option<f64>> = (0..potentials.len()).map(value).collect();
        for (potential, value) in potentials.iter().zip(&values) {
            if let Some(value) = value {
                properties.insert(format!("{name}_{}", potential.label), json!(value));
            }
        }
        statistics(properties, name, &values);
    }
    let steps: Vec<Option<u32>> = (0..potentials.len()).map(|position| Some(relaxation(position)?.steps)).collect();
    for (potential, steps) in potentials.iter().zip(&steps) {
        if let Some(steps) = steps {
            properties.insert(format!("relaxation_steps_{}", potential.label), json!(steps));
        }
    }
    statistics(
        properties,
        "relaxation_steps",
        &steps.into_iter().map(|steps| steps.map(f64::from)).collect::<Vec<_>>(),
    );
}

fn statistics(properties: &mut Map<String, Value>, name: &str, values: &[Option<f64>]) {
    if let Some(Statistics { mean, std, n }) = Statistics::of(values.iter().copied()) {
        properties.insert(format!("{name}_mean"), json!(mean));
        properties.insert(format!("{name}_std"), json!(std));
        properties.insert(format!("{name}_n_mlips"), json!(n));
    }
}

/// Mean and deviation of each component of the forces.
fn forces_of_all(properties: &mut Map<String, Value>, entry: &EntryRow<'_>, n_potentials: usize) {
    let forces: Vec<&Vec<[f64; 3]>> = (0..n_potentials)
        .filter_map(|position| Some(&entry.prediction(position)?.forces))
        .filter(|forces| !forces.is_empty())
        .collect();
    let Some(n_sites) = forces.iter().map(|forces| forces.len()).min() else { return };
    let (mut means, mut deviations) = (Vec::with_capacity(n_sites), Vec::with_capacity(n_sites));
    for site in 0..n_sites {
        let of = |axis: usize| Statistics::of(forces.iter().map(|forces| forces.get(site).map(|force| force[axis])));
        let components = [of(0), of(1), of(2)];
        means.push(components.map(|component| component.map(|statistics| statistics.mean)));
        deviations.push(components.map(|component| component.map(|statistics| statistics.std)));
    }
    properties.insert("forces_mean".to_owned(), json!(means));
    properties.insert("forces_std".to_owned(), json!(deviations));
    properties.insert("forces_n_mlips".to_owned(), json!(forces.len()));
}
