//! UMA as a [`CardModel`].

use super::weights::read;
use crate::card::{CardEngine, CardModel, CardPotential};
use crate::escn::graph::{Graph, expected_edges};
use crate::uma::answer::Evaluation;
use crate::uma::checkpoint::{self, Contents};
use crate::uma::choice::{Choice, check_generation};
use crate::uma::config::Backbone;
use crate::uma::error::LoadError;
use crate::uma::options::Options;
use crate::uma::routing::{Composition, Router};
use mlip_atoms::{Deadline, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use mlip_gpu::Products;
use mlip_gpu::uma::{Mixture, Outputs, UmaGraph, UmaNetwork, UmaWeights, kernels_digest};
use std::path::Path;

/// UMA for one task, for a GPU.
pub type CudaUma = CardPotential<UmaCard>;
/// It on one.
pub type CudaUmaEngine = CardEngine<UmaCard>;

/// UMA for one task, for a GPU.
pub struct UmaCard {
    id: PotentialId,
    choice: Choice,
    backbone: Backbone,
    router: Router,
    weights: UmaWeights,
    products: Products,
    ordinal: Option<usize>,
}

impl CudaUma {
    /// From upstream's `.pt`; it will run on the device of this number, or, without one, each process of a host will take a
    /// device of its own. `name`: under which it appears in results.
    ///
    /// # Errors
    /// When the file cannot be read, is not a UMA that cards compute, or does not know the task.
    pub fn from_file(
        name: &str,
        path: &Path,
        options: &Options,
        products: Products,
        ordinal: impl Into<Option<usize>>,
    ) -> Result<Self, LoadError> {
        let contents = checkpoint::read(path)?;
        check_generation(name, &contents)?;
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        UmaCard::new(name, &file, &contents, options, products, ordinal.into()).map(Self::around)
    }
}

/// A structure's graph, as results and as the device need it.
pub struct Content {
    graph: Graph,
    edges: UmaGraph,
}

impl UmaCard {
    fn new(
        name: &str,
        file: &str,
        contents: &Contents,
        options: &Options,
        products: Products,
        ordinal: Option<usize>,
    ) -> Result<Self, LoadError> {
        let choice = Choice::new(contents, options)?;
        Ok(Self {
            id: PotentialId {
                name: name.into(),
                checkpoint: format!("{file} ({})", contents.config.generation.name()),
                digest: contents.digest.clone(),
                precision: Precision::F32,
                settings: format!(
                    "{} device=cuda,products={},kernels={}",
                    choice.settings(),
                    products.name(),
                    &kernels_digest()[..16]
                ),
            },
            backbone: contents.config.backbone.clone(),
            router: Router::new(&contents.weights, &contents.config, &choice.dataset)?,
            weights: read(contents, choice.expert)?,
            choice,
            products,
            ordinal,
        })
    }

    fn mixture(&self, composition: &Composition) -> Mixture {
        let narrow = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<_>>();
        let system = self.router.system(composition);
        Mixture {
            coefficients: narrow(&self.router.coefficients(composition, &system)),
            system: narrow(&system),
            balanced: self
                .backbone
                .balanced(composition.charge, composition.spin)
                .into_iter()
                .map(|(_, sum)| sum)
                .collect(),
        }
    }

    /// Edges to expect from the density of the structure.
    fn expected_edges(&self, structure: &Structure) -> f64 {
        expected_edges(structure, self.backbone.cutoff, self.backbone.max_neighbors)
    }
}

impl CardModel for UmaCard {
    type Network = UmaNetwork;
    type Content = Content;

    /// A batch takes some tens of milliseconds.
    const BATCH_EDGES: usize = 131_072;

    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        let element = species.atomic_number();
        usize::from(element) < self.backbone.max_num_elements
            && self.choice.task.reference(u32::from(element)).is_some()
    }

    fn uses_charge(&self) -> bool {
        true
    }

    fn charge_and_spin(&self, structure: &Structure) -> Option<(i32, i32)> {
        Some(self.choice.charge_and_spin(structure))
    }

    fn feature_width(&self) -> Option<usize> {
        Some(self.backbone.sphere_channels)
    }

    fn cost(&self, structure: &Structure) -> f64 {
        // Seconds of an edge, and of a composition's mixture (docs/gpu.md).
        let edge = if self.products == Products::F32 { 1.0e-6 } else { 3.6e-7 };
        edge * self.expected_edges(structure) + 4.6e-5
    }

    /// The experts are not among them: they are pages of the file that all processes of a host share.
    fn weight_bytes(&self) -> u64 {
        let layer = |layer: &mlip_gpu::uma::Layer| layer.radial.table.len() + layer.radial.out.weight.len();
        4 * self.weights.layers.iter().map(layer).sum::<usize>() as u64
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        (250.0 * self.expected_edges(structure)) as u64 + 64 * structure.n_atoms() as u64
    }

    fn weights(&self) -> &UmaWeights {
        &self.weights
    }

    fn products(&self) -> Products {
        self.products
    }

    fn ordinal(&self) -> Option<usize> {
        self.ordinal
    }

    fn content(&self, structure: &Structure, deadline: &Deadline) -> Result<Content, PredictError> {
        let graph = Graph::build(structure, self.backbone.cutoff, self.backbone.max_neighbors, deadline)?;
        let composition = self.choice.composition(&self.router, structure);
        composition.check(&self.id.name)?;
        let ends = graph.source.iter().zip(&graph.target).zip(&graph.edges);
        let edges = ends.map(|((source, target), edge)| {
            (*source, *target, graph.pairs[edge.pair as usize].vector.map(|x| edge.sign * x))
        });
        let edges = UmaGraph::new(graph.elements.clone(), edges, self.mixture(&composition))
            .map_err(|error| PredictError::Internal { potential: self.id.name.clone(), message: error.to_string() })?;
        Ok(Content { graph, edges })
    }

    fn graph(content: &Content) -> &UmaGraph {
        &content.edges
    }

    fn edges(content: &Content) -> (usize, u64) {
        let (n_atoms, n_edges) = (content.edges.n_atoms(), content.edges.n_edges());
        (n_edges, (n_edges * 180 + n_atoms * 32) as u64)
    }

    fn predictions(&self, batch: &[(&Content, Request)], outputs: Outputs) -> Vec<Result<Prediction, PredictError>> {
        let (mut atom, mut edge) = (0, 0);
        let width = self.backbone.sphere_channels;
        let prediction = |(content, request): &(&Content, Request)| {
            let (n_atoms, n_edges) = (content.edges.n_atoms(), content.edges.n_edges());
            let slopes = outputs.slopes.get(edge..edge + n_edges).unwrap_or_default();
            let features = match request.atom_features {
                true => &outputs.features[atom * width..(atom + n_atoms) * width],
                false => &[],
            };
            let evaluation = Evaluation {
                energy: outputs.energies[atom..atom + n_atoms].iter().sum(),
                features: features.iter().map(|x| f64::from(*x)).collect(),
                gradient: slopes.to_vec(),
            };
            (atom, edge) = (atom + n_atoms, edge + n_edges);
            let prediction = evaluation.prediction(&self.choice.task, &content.graph, width, *request);
            if prediction.is_finite() {
                Ok(prediction)
            } else {
                Err(PredictError::NotFinite { what: "energy or forces" })
            }
        };
        batch.iter().map(prediction).collect()
    }
}
