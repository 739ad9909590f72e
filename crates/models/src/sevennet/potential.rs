//! SevenNet as a [`Model`].

use super::candle::CandleNetwork;
use super::error::LoadError;
use super::file::{self, Contents};
use super::graph::Graph;
use super::layers::layers;
use super::native::Network;
use super::options::Options;
use crate::engine::{PLAIN, Route, note, on_route};
use crate::graph_potential::{GraphPotential, Model};
use crate::pair_evaluation::{Evaluation, Wanted};
use candle_core::Device;
use mlip_atoms::engine::Demand;
use mlip_atoms::{Deadline, EngineKind, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use std::path::Path;

/// The weights in the program: those of `checkpoint_sevennet_0.pth` (11Jul2024) of sevenn 0.13.0 as safetensors.
static BUILT_IN: &[u8] = include_bytes!("../../weights/sevennet_0_11jul2024.safetensors");

/// SevenNet with its weights, as a potential.
pub type SevenNet = GraphPotential<SevenNetModel>;

/// SevenNet with its weights.
pub struct SevenNetModel {
    id: PotentialId,
    /// By atomic number: index into the model's species.
    species: Vec<Option<u32>>,
    cutoff: f64,
    /// Messages of all layers, in numbers an edge.
    n_messages: f64,
    network: Route<Network<f32>, Network<f64>, CandleNetwork>,
}

impl SevenNet {
    /// SevenNet-0 (11Jul2024), whose weights are in the program.
    ///
    /// # Errors
    /// When a modality is asked for, or the program was built with a damaged file.
    pub fn built_in(
        name: &str,
        options: &Options,
        precision: Precision,
        engine: EngineKind,
    ) -> Result<Self, LoadError> {
        let contents = file::from_safetensors(BUILT_IN)?;
        Self::of(contents, (name, "SevenNet-0 11Jul2024 (built in)"), options, precision, engine)
    }

    /// From upstream's `.pth`, or from safetensors whose metadata hold `config` as JSON.
    ///
    /// `name`: under which it appears in results. `options`: `modal` is needed where the file has several.
    ///
    /// # Errors
    /// When the file cannot be read, is not a SevenNet that this program computes, or lacks the modality.
    pub fn from_file(
        path: &Path,
        name: &str,
        options: &Options,
        precision: Precision,
        engine: EngineKind,
    ) -> Result<Self, LoadError> {
        let contents = match path.extension().is_some_and(|extension| extension == "safetensors") {
            true => file::from_safetensors(&std::fs::read(path)?)?,
            false => file::from_torch(path)?,
        };
        let checkpoint = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self::of(contents, (name, &checkpoint), options, precision, engine)
    }

    pub(super) fn of(
        contents: Contents,
        (name, checkpoint): (&str, &str),
        options: &Options,
        precision: Precision,
        engine: EngineKind,
    ) -> Result<Self, LoadError> {
        let Contents { config, text, weights } = contents;
        let modal = choose_modal(&config.modals, options.modal.as_deref())?;
        let plan = layers(&config);
        let network = Route::load(
            engine,
            (precision, PLAIN),
            |with| Network::read(&config, &plan, &weights, modal, with.set).map_err(LoadError::Weights),
            |with| Network::read(&config, &plan, &weights, modal, with.set).map_err(LoadError::Weights),
            || {
                let network = CandleNetwork::read(&config, &plan, &weights, modal, precision, &Device::Cpu);
                network.map_err(LoadError::Candle)
            },
        )?;
        let mut id = PotentialId {
            name: name.into(),
            checkpoint: checkpoint.into(),
            digest: digest(&text, &weights.digest()?),
            precision,
            settings: modal.map(|modal| format!("modal={}", config.modals[modal])).unwrap_or_default(),
        };
        note(&mut id, engine);
        let mut species = vec![None; 256];
        for (index, z) in config.species.iter().enumerate() {
            species[usize::from(*z)] = Some(index as u32);
        }
        Ok(Self::around(SevenNetModel {
            id,
            species,
            cutoff: config.cutoff,
            n_messages: plan.iter().map(|layer| layer.sums.dim()).sum::<usize>() as f64,
            network,
        }))
    }

    /// Energies of the atoms (eV, shifts of the species included): they sum up to the energy.
    ///
    /// # Errors
    /// As for a prediction.
    pub fn site_energies(&self, structure: &Structure) -> Result<Vec<f64>, PredictError> {
        let graph = self.graph(structure, &Deadline::NONE)?;
        let wanted = Wanted { gradient: false, features: false };
        Ok(self.model().run(&graph, wanted, &Deadline::NONE)?.sites)
    }
}

fn choose_modal(modals: &[String], wanted: Option<&str>) -> Result<Option<usize>, LoadError> {
    let there = || modals.join(", ");
    let problem = match (modals, wanted) {
        ([], None) => return Ok(None),
        ([_], None) => return Ok(Some(0)),
        ([], Some(name)) => format!("modal={name} is given, and the model knows one kind of data only: leave it out"),
        (_, None) => format!("the model was trained on {}: choose one with modal=NAME", there()),
        (_, Some(name)) => match modals.iter().position(|modal| modal == name) {
            Some(place) => return Ok(Some(place)),
            None => format!("there is no modality `{name}`; the model was trained on {}", there()),
        },
    };
    Err(LoadError::Modal { problem })
}

/// Of hyperparameters and tensors: both change numbers.
fn digest(config: &str, tensors: &str) -> String {
    let mut digest = blake3::Hasher::new();
    digest.update(b"sevennet hyperparameters and tensors\0");
    digest.update(config.as_bytes()).update(b"\0").update(tensors.as_bytes());
    digest.finalize().to_hex().to_string()
}

impl SevenNetModel {
    fn run(&self, graph: &Graph, wanted: Wanted, deadline: &Deadline) -> Result<Evaluation, PredictError> {
        match &self.network {
            Route::Single(network) => network.evaluate(graph, wanted, deadline),
            Route::Double(network) => network.evaluate(graph, wanted, deadline),
            Route::Candle(network) => {
                network.evaluate(graph, wanted, deadline).map_err(|stopped| stopped.of(&self.id.name))
            }
        }
    }

    fn width(&self) -> usize {
        on_route!(&self.network, network => network.width())
    }

    fn working_bytes(&self, n_atoms: f64, n_edges: f64) -> u64 {
        on_route!(&self.network, network => network.working_bytes(n_atoms, n_edges)) as u64
    }

    /// Directed edges to expect from the density of the structure.
    fn expected_edges(&self, structure: &Structure) -> f64 {
        let n_atoms = structure.n_atoms() as f64;
        n_atoms * n_atoms / structure.lattice().volume() * 4.0 / 3.0 * std::f64::consts::PI * self.cutoff.powi(3)
    }

    fn prediction(&self, graph: &Graph, request: Request, deadline: &Deadline) -> Result<Prediction, PredictError> {
        let evaluation = self.run(graph, request.into(), deadline)?;
        evaluation.prediction(request, &graph.pairs, (graph.volume, self.width()), &self.id.name)
    }
}

impl Model for SevenNetModel {
    type Graph = Graph;

    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        self.species[usize::from(species.atomic_number())].is_some()
    }

    fn feature_width(&self) -> Option<usize> {
        Some(self.width())
    }

    fn cost(&self, structure: &Structure) -> f64 {
        // Seconds: measured on one core of a 2024 server, in single precision.
        5e-3 + 5e-8 * self.n_messages * self.expected_edges(structure)
    }

    fn weight_bytes(&self) -> u64 {
        on_route!(&self.network, network => network.bytes())
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        self.working_bytes(structure.n_atoms() as f64, self.expected_edges(structure))
    }

    fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<Graph, PredictError> {
        let index = |species: &Species| self.species[usize::from(species.atomic_number())];
        let unknown =
            |species: &Species| PredictError::UnsupportedSpecies { potential: self.id.name.clone(), species: *species };
        let species = structure.species().iter().map(|species| index(species).ok_or_else(|| unknown(species)));
        Graph::build(structure, species.collect::<Result<_, _>>()?, self.cutoff, deadline)
    }

    fn demand(&self, graph: &Graph) -> Demand {
        let (n_atoms, n_edges) = (graph.n_atoms(), 2 * graph.pairs.len());
        let host_bytes = self.working_bytes(n_atoms as f64, n_edges as f64);
        Demand { n_atoms, n_edges, host_bytes, ..Demand::default() }
    }

    fn evaluate(
        &self,
        graphs: &[&Graph],
        request: Request,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError> {
        graphs.iter().map(|graph| self.prediction(graph, request, deadline)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modality_is_chosen_where_there_are_several() {
        let modals = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (none, two) = (modals(&[]), modals(&["PBE", "R2SCAN"]));
        assert_eq!(choose_modal(&none, None).unwrap(), None);
        assert_eq!(choose_modal(&two, Some("R2SCAN")).unwrap(), Some(1));
        let refused = |modals: &[String], wanted| choose_modal(modals, wanted).unwrap_err().to_string();
        assert_eq!(refused(&two, None), "the model was trained on PBE, R2SCAN: choose one with modal=NAME");
        assert!(refused(&two, Some("pbe")).contains("there is no modality `pbe`"));
        assert!(refused(&none, Some("PBE")).contains("leave it out"));
    }
}
