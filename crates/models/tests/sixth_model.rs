//! A sixth model, Morse's potential, is a folder (here a module) and a line: nothing else knows of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;

use mlip_atoms::engine::predict;
use mlip_atoms::{Deadline, EngineResources, Lattice, Request, Species, Structure};
use mlip_models::registry::{Registry, Selection};
use std::sync::Arc;

/// The model's folder.
mod morse {
    use mlip_atoms::engine::Demand;
    use mlip_atoms::gradient::PairGradient;
    use mlip_atoms::neighbors::NeighborList;
    use mlip_atoms::prediction::AtomFeatures;
    use mlip_atoms::{
        Deadline, EngineKind, Potential, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure,
    };
    use mlip_models::graph_potential::{GraphPotential, Model};
    use mlip_models::registry::{Entry, LoadCause, OptionError, OptionInfo, PLAIN, Selection, parse_options};
    use serde::Deserialize;
    use std::sync::Arc;

    /// `D (1 - exp(-a (r - r0)))² - D` for each pair, shifted to zero at the cutoff.
    #[derive(Debug, Clone, Deserialize)]
    #[serde(default)]
    struct Options {
        /// eV
        depth: f64,
        /// 1/Å
        range: f64,
        /// Å
        distance: f64,
    }

    impl Default for Options {
        fn default() -> Self {
            Self { depth: 0.3429, range: 1.3588, distance: 2.866 }
        }
    }

    pub(crate) static ENTRIES: &[Entry] = &[Entry {
        name: "morse",
        aliases: &[],
        options: &[
            OptionInfo { key: "depth", about: "depth of the well, eV", default: "0.3429, of copper" },
            OptionInfo { key: "range", about: "how fast it rises, 1/Å", default: "1.3588, of copper" },
            OptionInfo { key: "distance", about: "of the bottom, Å", default: "2.866, of copper" },
        ],
        about: "Morse's potential with copper's parameters for every element",
        precisions: PLAIN,
        built_in: Some("copper"),
        files: "none",
        endings: &[],
        any_file: None,
        published: &[],
        licence: "none: it has no weights",
        energies: |_| None,
        check,
        load,
    }];

    const CUTOFF: f64 = 6.0;

    struct Morse {
        id: PotentialId,
        options: Options,
    }

    fn check(selection: &Selection) -> Result<(), OptionError> {
        parse_options::<Options>(&selection.name, &selection.options).map(|_| ())
    }

    fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
        let options = parse_options::<Options>(&selection.name, &selection.options)?;
        if selection.engine != EngineKind::Native {
            return Err("it has no other engine".into());
        }
        let id = PotentialId {
            name: selection.name.clone(),
            checkpoint: "copper".into(),
            digest: format!("{options:?}"),
            precision: Precision::F64,
            settings: String::new(),
        };
        Ok(Arc::new(GraphPotential::around(Morse { id, options })))
    }

    impl Model for Morse {
        type Graph = (NeighborList, f64);

        fn id(&self) -> &PotentialId {
            &self.id
        }

        fn supports(&self, _species: Species) -> bool {
            true
        }

        fn cost(&self, structure: &Structure) -> f64 {
            1e-6 * structure.n_atoms() as f64
        }

        fn weight_bytes(&self) -> u64 {
            0
        }

        fn expected_bytes(&self, structure: &Structure) -> u64 {
            10_000 * structure.n_atoms() as u64
        }

        fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<Self::Graph, PredictError> {
            Ok((NeighborList::build(structure, CUTOFF, deadline)?, structure.lattice().volume()))
        }

        fn demand(&self, (list, _): &Self::Graph) -> Demand {
            let host_bytes = 100 * list.n_edges() as u64;
            Demand { n_atoms: list.n_atoms(), n_edges: list.n_edges(), host_bytes, ..Demand::default() }
        }

        fn evaluate(
            &self,
            graphs: &[&Self::Graph],
            request: Request,
            deadline: &Deadline,
        ) -> Result<Vec<Prediction>, PredictError> {
            let Options { depth, range, distance } = self.options;
            let value = |r: f64| {
                let x = (-range * (r - distance)).exp();
                (depth * (x - 2.0) * x, 2.0 * depth * range * (1.0 - x) * x)
            };
            let shift = value(CUTOFF).0;
            let one = |(list, volume): &Self::Graph| {
                deadline.check()?;
                let mut gradient = PairGradient::new(list.n_atoms());
                let (mut energy, mut sites) = (0.0, vec![0.0; list.n_atoms()]);
                for pair in list.pairs() {
                    let (value, slope) = value(pair.distance);
                    energy += value - shift;
                    for atom in [pair.i, pair.j] {
                        sites[atom as usize] += 0.5 * (value - shift);
                    }
                    gradient.add(pair, pair.vector.map(|x| slope * x / pair.distance));
                }
                let mut prediction = Prediction { energy, ..Prediction::default() };
                prediction.atom_features = request.atom_features.then_some(AtomFeatures { width: 1, values: sites });
                if request.forces {
                    prediction.stress = Some(gradient.stress(*volume));
                    prediction.forces = gradient.forces;
                }
                Ok(prediction)
            };
            graphs.iter().map(|graph| one(graph)).collect()
        }
    }
}

/// With the line.
fn registry() -> Registry {
    Registry::default().with(morse::ENTRIES)
}

fn crystal() -> Structure {
    let lattice = Lattice::from_vectors([[4.3, 0.2, 0.0], [-0.1, 4.5, 0.3], [0.4, 0.0, 4.1]]).unwrap();
    let species = [29, 29, 13].map(|z| Species::from_atomic_number(z).unwrap()).to_vec();
    Structure::new(lattice, species, vec![[0.01, 0.02, 0.0], [0.52, 0.49, 0.03], [0.48, 0.02, 0.51]]).unwrap()
}

#[test]
fn a_sixth_model_is_found_by_name_and_computes() {
    let potential = registry().load(&Selection::named("morse")).unwrap();
    let (model, crystal) = (potential.as_ref(), crystal());
    conformance::forces_are_slopes_of_the_energy(model, &crystal);
    conformance::stress_is_the_slope_of_the_energy(model, &crystal);
    conformance::a_rotation_turns_forces_and_stress(model, &crystal);
    conformance::translations_change_nothing(model, &crystal);
    conformance::a_permutation_permutes_the_results(model, &crystal);
    conformance::a_supercell_is_its_cell_twice(model, &crystal);
    conformance::the_choice_of_lattice_vectors_changes_nothing(model, &crystal);
    let mut engine = potential.clone().open(EngineResources::default()).unwrap();
    let by_engine = predict(engine.as_mut(), Arc::new(crystal.clone()), Request::default(), Deadline::NONE).unwrap();
    assert_eq!(by_engine.forces, conformance::predict(model, &crystal).forces);
}

#[test]
fn a_sixth_model_has_its_options_and_its_place_among_suggestions() {
    let deeper = registry().load(&Selection::named("morse").with_option("depth", "0.5")).unwrap();
    let usual = registry().load(&Selection::named("morse")).unwrap();
    let energy =
        |potential: &Arc<dyn mlip_atoms::Potential>| conformance::predict(potential.as_ref(), &crystal()).energy;
    assert!((energy(&deeper) / energy(&usual) - 0.5 / 0.3429).abs() < 1e-12);
    let error = registry().load(&Selection::named("morse").with_option("depht", "1")).err().unwrap().to_string();
    assert!(error.contains("morse has no option `depht`") && error.contains("did you mean depth?"), "{error}");
    assert!(registry().identify("mosre").unwrap_err().to_string().contains("did you mean morse?"));
    assert!(mlip_models::registry::find("morse").is_none());
}
