//! One potential around all models that compute on the graph of a structure.

use candle_core::Error as TensorError;
use mlip_atoms::engine::{Answer, BatchError, BatchSum, Demand, Job, JobId, Prepared, Ticket};
use mlip_atoms::{
    Deadline, DeviceError, Engine, EngineResources, Potential, PotentialId, PredictError, Prediction, Preparation,
    Request, Species, Structure,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// What a model implements. All else of a [`Potential`] is here.
pub trait Model: Send + Sync + 'static {
    /// What is computed on: a structure with its lists of neighbors.
    type Graph: Send + 'static;

    /// Name, weights, precision and engine.
    fn id(&self) -> &PotentialId;

    /// See [`Potential::former_digest`].
    fn former_digest(&self) -> Option<&str> {
        None
    }

    /// Whether the model was made for this element.
    fn supports(&self, species: Species) -> bool;

    /// See [`Potential::uses_charge`].
    fn uses_charge(&self) -> bool {
        false
    }

    /// See [`Potential::charge_and_spin`].
    fn charge_and_spin(&self, _structure: &Structure) -> Option<(i32, i32)> {
        None
    }

    /// See [`Potential::has_magmoms`].
    fn has_magmoms(&self) -> bool {
        false
    }

    /// See [`Potential::feature_width`].
    fn feature_width(&self) -> Option<usize> {
        None
    }

    /// See [`Potential::cost`].
    fn cost(&self, structure: &Structure) -> f64;

    /// See [`Potential::preparation`].
    fn preparation(&self, _structure: &Structure) -> Option<Preparation> {
        None
    }

    /// Bytes of weights in memory.
    fn weight_bytes(&self) -> u64;

    /// Bytes that an evaluation will need, before a graph is made.
    fn expected_bytes(&self, structure: &Structure) -> u64;

    /// Makes the graph of a structure whose elements are all supported.
    ///
    /// # Errors
    /// When the structure cannot be evaluated, or the deadline is over.
    fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<Self::Graph, PredictError>;

    /// What an evaluation of this graph takes. The group is filled in from [`preparation`](Self::preparation).
    fn demand(&self, graph: &Self::Graph) -> Demand;

    /// Whether a graph may join a batch that is not empty.
    fn fits(&self, _batch: &BatchSum, _next: &Demand) -> bool {
        false
    }

    /// One prediction for each graph, in order. None of them depends on the others, to the last bit.
    ///
    /// # Errors
    /// When the deadline is over, or the computation fails: none of them has a prediction with that.
    fn evaluate(
        &self,
        graphs: &[&Self::Graph],
        request: Request,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError>;
}

/// A model as a [`Potential`].
pub struct GraphPotential<M>(M);

impl<M: Model> GraphPotential<M> {
    /// Around this model.
    pub fn around(model: M) -> Self {
        Self(model)
    }

    /// The model alone.
    pub fn into_model(self) -> M {
        self.0
    }

    /// The model itself.
    pub fn model(&self) -> &M {
        &self.0
    }

    /// The graph of a structure, where all its elements are supported and there is time.
    ///
    /// # Errors
    /// When the structure cannot be evaluated, or the deadline is over.
    pub fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<M::Graph, PredictError> {
        if let Some(species) = structure.species().iter().find(|species| !self.0.supports(**species)) {
            return Err(PredictError::UnsupportedSpecies { potential: self.0.id().name.clone(), species: *species });
        }
        deadline.check()?;
        self.0.graph(structure, deadline)
    }

    /// One result for each of a batch. Graphs are evaluated together under the earliest of their deadlines; where that
    /// fails, one after the other under their own, so that what fails for one costs no other its result.
    fn evaluate(&self, batch: &[(&M::Graph, Request, Deadline)]) -> Vec<Result<Prediction, PredictError>> {
        let mut results = Vec::with_capacity(batch.len());
        for alike in batch.chunk_by(|a, b| a.1 == b.1) {
            let Some((_, request, _)) = alike.first() else { continue };
            let graphs = alike.iter().map(|(graph, ..)| *graph).collect::<Vec<_>>();
            let earliest = alike.iter().fold(Deadline::NONE, |deadline, (.., own)| deadline.earliest(*own));
            match self.counted(&graphs, *request, &earliest) {
                Ok(predictions) => results.extend(predictions.into_iter().map(Ok)),
                Err(error) if alike.len() == 1 => results.push(Err(error)),
                Err(_) => results.extend(alike.iter().map(|(graph, request, deadline)| {
                    deadline.check()?;
                    self.counted(&[graph], *request, deadline).map(|mut predictions| predictions.remove(0))
                })),
            }
        }
        results
    }

    /// Evaluates, and makes sure that there is a prediction for each graph.
    fn counted(
        &self,
        graphs: &[&M::Graph],
        request: Request,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError> {
        let predictions = self.0.evaluate(graphs, request, deadline)?;
        if predictions.len() == graphs.len() {
            return Ok(predictions);
        }
        let message = format!("{} predictions came for {} structures", predictions.len(), graphs.len());
        Err(PredictError::Internal { potential: self.0.id().name.clone(), message })
    }
}

impl<M: Model> Potential for GraphPotential<M> {
    fn id(&self) -> &PotentialId {
        self.0.id()
    }

    fn former_digest(&self) -> Option<&str> {
        self.0.former_digest()
    }

    fn supports(&self, species: Species) -> bool {
        self.0.supports(species)
    }

    fn uses_charge(&self) -> bool {
        self.0.uses_charge()
    }

    fn charge_and_spin(&self, structure: &Structure) -> Option<(i32, i32)> {
        self.0.charge_and_spin(structure)
    }

    fn has_magmoms(&self) -> bool {
        self.0.has_magmoms()
    }

    fn feature_width(&self) -> Option<usize> {
        self.0.feature_width()
    }

    fn cost(&self, structure: &Structure) -> f64 {
        self.0.cost(structure)
    }

    fn preparation(&self, structure: &Structure) -> Option<Preparation> {
        self.0.preparation(structure)
    }

    fn weight_bytes(&self) -> u64 {
        self.0.weight_bytes()
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        self.0.expected_bytes(structure)
    }

    fn open(self: Arc<Self>, _resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        Ok(Box::new(GraphEngine { potential: self, n_submitted: 0, computed: VecDeque::new() }))
    }

    fn predict(
        &self,
        structures: &[&Structure],
        request: Request,
        deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>> {
        let graphs = structures.iter().map(|structure| self.graph(structure, deadline)).collect::<Vec<_>>();
        let mut results = Vec::with_capacity(structures.len());
        let (mut batch, mut sum) = (Vec::new(), BatchSum::default());
        for graph in &graphs {
            let Ok(graph) = graph else { continue };
            let demand = self.0.demand(graph);
            if sum.n_jobs > 0 && !self.0.fits(&sum, &demand) {
                results.extend(self.evaluate(&std::mem::take(&mut batch)));
                sum = BatchSum::default();
            }
            sum = sum.and(&demand);
            batch.push((graph, request, *deadline));
        }
        results.extend(self.evaluate(&batch));
        let mut results = results.into_iter();
        let missing = || {
            let message = "fewer results than structures".to_owned();
            Err(PredictError::Internal { potential: self.0.id().name.clone(), message })
        };
        let answer = |graph: Result<M::Graph, PredictError>| match graph {
            Ok(_) => results.next().unwrap_or_else(missing),
            Err(error) => Err(error),
        };
        graphs.into_iter().map(answer).collect()
    }
}

/// Computes on the calling thread, in [`submit`](Engine::submit).
struct GraphEngine<M> {
    potential: Arc<GraphPotential<M>>,
    n_submitted: u64,
    computed: VecDeque<(Ticket, Vec<Answer>)>,
}

impl<M: Model> Engine for GraphEngine<M> {
    fn prepare(&mut self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        let graph = self.potential.graph(&job.structure, &job.deadline).map_err(|error| (job.id, error))?;
        let model = &self.potential.0;
        let group = model.preparation(&job.structure).map(|preparation| preparation.key);
        let demand = Demand { group, ..model.demand(&graph) };
        Ok(Prepared { job, demand, content: Box::new(graph) })
    }

    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool {
        batch.n_jobs == 0 || self.potential.0.fits(batch, next)
    }

    fn submit(&mut self, batch: Vec<Prepared>) -> Result<Ticket, BatchError> {
        let graph = |prepared: &Prepared| prepared.content.is::<M::Graph>();
        if !batch.iter().all(graph) {
            let error = DeviceError::Lost("a job was prepared by an engine of another model".into());
            return Err(BatchError { error, batch });
        }
        let jobs = batch.iter().filter_map(|Prepared { job, content, .. }| {
            Some((content.downcast_ref::<M::Graph>()?, job.request, job.deadline))
        });
        let results = self.potential.evaluate(&jobs.collect::<Vec<_>>());
        let ticket = Ticket(self.n_submitted);
        self.n_submitted += 1;
        self.computed.push_back((ticket, batch.iter().map(|prepared| prepared.job.id).zip(results).collect()));
        Ok(ticket)
    }

    fn collect(&mut self, ticket: Ticket) -> Result<Vec<Answer>, BatchError> {
        let place = self.computed.iter().position(|(computed, _)| *computed == ticket);
        // A ticket is collected once; a second time there is nothing left.
        Ok(place.and_then(|place| self.computed.remove(place)).map(|(_, answers)| answers).unwrap_or_default())
    }
}

/// Why an evaluation ended early.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Candle failed: a defect of this program.
    Tensor(TensorError),
    /// The structure's fault, or the time is over.
    Predict(PredictError),
}

impl Stopped {
    /// As the answer of the potential of this name.
    pub(crate) fn of(self, potential: &str) -> PredictError {
        match self {
            Self::Predict(error) => error,
            Self::Tensor(error) => PredictError::Internal { potential: potential.into(), message: error.to_string() },
        }
    }
}

impl From<TensorError> for Stopped {
    fn from(error: TensorError) -> Self {
        Self::Tensor(error)
    }
}

impl From<PredictError> for Stopped {
    fn from(error: PredictError) -> Self {
        Self::Predict(error)
    }
}
