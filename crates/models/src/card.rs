//! Potentials on NVIDIA cards: batches of structures that are prepared on the host, on any thread, and computed on a device.
//!
//! Results are found and scaled by the same code as on CPUs; a structure has the same bits alone, in any batch and in any
//! order.

use mlip_atoms::engine::{Answer, BatchError, BatchSum, Demand, Job, JobId, Prepared, Preparer, Ticket};
use mlip_atoms::{
    Deadline, DeviceError, Engine, EngineResources, Potential, PotentialId, PredictError, Prediction, Request, Species,
    Structure,
};
use mlip_gpu::{Computer, Device, Flight, GpuError, Needs, Network, Products, Size, Wanted, devices};
use std::collections::VecDeque;
use std::sync::Arc;

/// Of the memory that is free once weights are there, so much may be used.
const USABLE: f64 = 0.9;

/// What a model implements. All else of a potential on a card is here.
pub trait CardModel: Send + Sync + 'static {
    /// What runs on the device.
    type Network: Network<Graph: Send + Sync, Shape: 'static>;
    /// A structure as results and the device need it.
    type Content: Send + 'static;

    /// Directed edges and angles of a batch at most: the card is busy with fewer.
    const BATCH_EDGES: usize;

    /// Name, weights, and how they are computed.
    fn id(&self) -> &PotentialId;

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
    fn feature_width(&self) -> Option<usize>;

    /// Seconds of an evaluation on an H100.
    fn cost(&self, structure: &Structure) -> f64;

    /// Bytes of weights on the host.
    fn weight_bytes(&self) -> u64;

    /// Bytes that a structure will take on the host, before it is prepared.
    fn expected_bytes(&self, structure: &Structure) -> u64;

    /// What the device gets.
    fn weights(&self) -> &<Self::Network as Network>::Weights;

    /// How products are computed.
    fn products(&self) -> Products;

    /// Which device; none: that of the number of the process among those of its run on its host.
    fn ordinal(&self) -> Option<usize>;

    /// Finds the edges of a structure whose elements are all supported.
    ///
    /// # Errors
    /// When the structure cannot be evaluated, or the deadline is over.
    fn content(&self, structure: &Structure, deadline: &Deadline) -> Result<Self::Content, PredictError>;

    /// What the device gets of a structure.
    fn graph(content: &Self::Content) -> &<Self::Network as Network>::Graph;

    /// Directed edges, and bytes of them on the host.
    fn edges(content: &Self::Content) -> (usize, u64);

    /// Predictions of a batch, in its order.
    fn predictions(
        &self,
        batch: &[(&Self::Content, Request)],
        outputs: <Self::Network as Network>::Outputs,
    ) -> Vec<Result<Prediction, PredictError>>;
}

/// A model as a potential on a card.
pub struct CardPotential<M>(M);

impl<M: CardModel> CardPotential<M> {
    /// Around this model.
    pub fn around(model: M) -> Self {
        Self(model)
    }

    /// The model itself.
    pub fn model(&self) -> &M {
        &self.0
    }

    /// What one card computes with, for the process of this number among those of its run on its host.
    ///
    /// # Errors
    /// When the device cannot be used, or has no room for the weights.
    pub fn engine(self: Arc<Self>, rank_on_host: usize) -> Result<CardEngine<M>, DeviceError> {
        let ordinal = match self.0.ordinal() {
            Some(ordinal) => ordinal,
            // Without any, opening the first says so.
            None => rank_on_host % devices().map_err(failure)?.len().max(1),
        };
        let device = Device::open(ordinal).map_err(failure)?;
        let computer = Computer::new(&device, self.0.weights(), self.0.products()).map_err(failure)?;
        let (free, _) = device.memory().map_err(failure)?;
        let capacity = (free as f64 * USABLE) as u64;
        let preparer = Arc::new(CardPreparer { potential: self, needs: computer.needs(), capacity });
        Ok(CardEngine { preparer, computer, n_submitted: 0, flights: VecDeque::new() })
    }
}

/// What the device said, as those who form batches understand it.
fn failure(error: GpuError) -> DeviceError {
    match error {
        GpuError::OutOfMemory { .. } | GpuError::NoTransferMemory { .. } => DeviceError::OutOfMemory(error.to_string()),
        other => DeviceError::Lost(other.to_string()),
    }
}

impl<M: CardModel> Potential for CardPotential<M> {
    fn id(&self) -> &PotentialId {
        self.0.id()
    }

    fn supports(&self, species: Species) -> bool {
        self.0.supports(species)
    }

    fn cost(&self, structure: &Structure) -> f64 {
        self.0.cost(structure)
    }

    fn weight_bytes(&self) -> u64 {
        self.0.weight_bytes()
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        self.0.expected_bytes(structure)
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

    fn device(&self) -> Option<String> {
        Some(self.0.ordinal().map_or_else(|| "cuda".into(), |ordinal| format!("cuda:{ordinal}")))
    }

    fn find_device(&self) -> Result<(), DeviceError> {
        let (ordinal, count) = (self.0.ordinal().unwrap_or(0), devices().map_err(failure)?.len());
        if count <= ordinal {
            return Err(failure(GpuError::NoDevice { ordinal, count }));
        }
        Ok(())
    }

    fn open(self: Arc<Self>, resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        Ok(Box::new(self.engine(resources.rank_on_host)?))
    }

    /// Nobody computes a batch on a device without an engine.
    fn predict(
        &self,
        structures: &[&Structure],
        _request: Request,
        _deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>> {
        let error = DeviceError::Lost("a potential on a GPU computes through its engine".into());
        structures.iter().map(|_| Err(PredictError::Device(error.clone()))).collect()
    }
}

/// A batch on the device.
struct Under {
    ticket: Ticket,
    flight: Flight,
    batch: Vec<Prepared>,
}

/// Makes graphs for one card, on any thread.
struct CardPreparer<M: CardModel> {
    potential: Arc<CardPotential<M>>,
    needs: Needs<M::Network>,
    /// Bytes of the device that batches may take.
    capacity: u64,
}

/// Computes on one card.
pub struct CardEngine<M: CardModel> {
    preparer: Arc<CardPreparer<M>>,
    computer: Computer<M::Network>,
    n_submitted: u64,
    flights: VecDeque<Under>,
}

impl<M: CardModel> CardPreparer<M> {
    fn content(&self, job: &Job) -> Result<M::Content, PredictError> {
        let (model, structure) = (&self.potential.0, &*job.structure);
        if let Some(species) = structure.species().iter().find(|species| !model.supports(**species)) {
            return Err(PredictError::UnsupportedSpecies { potential: model.id().name.clone(), species: *species });
        }
        job.deadline.check()?;
        model.content(structure, &job.deadline)
    }

    fn demand(&self, content: &M::Content, request: Request) -> Demand {
        let (graph, (n_edges, held)) = (M::graph(content), M::edges(content));
        let Size { n_atoms, n_angles, .. } = M::Network::size(graph);
        Demand {
            n_atoms,
            n_edges,
            n_angles,
            host_bytes: held + self.needs.host_bytes(graph, request.forces),
            device_bytes: self.needs.device_bytes(graph, request.forces),
            ..Demand::default()
        }
    }
}

impl<M: CardModel> Preparer for CardPreparer<M> {
    fn prepare(&self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        let content = self.content(&job).map_err(|error| (job.id, error))?;
        let demand = self.demand(&content, job.request);
        if demand.device_bytes > self.capacity {
            let (needed_bytes, limit_bytes) = (demand.device_bytes, self.capacity);
            return Err((job.id, PredictError::TooLarge { needed_bytes, limit_bytes }));
        }
        Ok(Prepared { job, demand, content: Box::new(content) })
    }

    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool {
        let sum = batch.and(next).demand;
        batch.n_jobs == 0 || (sum.n_edges + sum.n_angles <= M::BATCH_EDGES && sum.device_bytes <= self.capacity)
    }
}

/// What a batch's jobs were prepared to, unless another engine has prepared one.
fn contents<M: CardModel>(batch: &[Prepared]) -> Option<Vec<(&M::Content, Request)>> {
    batch.iter().map(|prepared| Some((prepared.content.downcast_ref::<M::Content>()?, prepared.job.request))).collect()
}

impl<M: CardModel> CardEngine<M> {
    /// What it computes.
    pub fn potential(&self) -> &CardPotential<M> {
        &self.preparer.potential
    }
}

impl<M: CardModel> Engine for CardEngine<M> {
    fn prepare(&mut self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        self.preparer.prepare(job)
    }

    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool {
        self.preparer.fits(batch, next)
    }

    fn preparer(&self) -> Option<Arc<dyn Preparer>> {
        Some(self.preparer.clone())
    }

    fn is_done(&mut self, ticket: Ticket) -> bool {
        self.flights
            .iter()
            .find(|under| under.ticket == ticket)
            .is_none_or(|under| self.computer.is_done(&under.flight))
    }

    fn submit(&mut self, batch: Vec<Prepared>) -> Result<Ticket, BatchError> {
        let Some(contents) = contents::<M>(&batch) else {
            let error = DeviceError::Lost("a job of the batch was prepared by another engine".into());
            return Err(BatchError { error, batch });
        };
        let wanted = Wanted {
            gradient: contents.iter().any(|(_, request)| request.forces),
            features: contents.iter().any(|(_, request)| request.atom_features),
        };
        let graphs = contents.iter().map(|(content, _)| M::graph(content)).collect::<Vec<_>>();
        match self.computer.submit(&graphs, wanted) {
            Err(error) => Err(BatchError { error: failure(error), batch }),
            Ok(flight) => {
                let ticket = Ticket(self.n_submitted);
                self.n_submitted += 1;
                self.flights.push_back(Under { ticket, flight, batch });
                Ok(ticket)
            }
        }
    }

    fn collect(&mut self, ticket: Ticket) -> Result<Vec<Answer>, BatchError> {
        let place = self.flights.iter().position(|under| under.ticket == ticket);
        // A ticket is collected once; a second time there is nothing left.
        let Some(Under { flight, batch, .. }) = place.and_then(|place| self.flights.remove(place)) else {
            return Ok(Vec::new());
        };
        let outputs = match self.computer.collect(flight) {
            Ok(outputs) => outputs,
            Err(error) => return Err(BatchError { error: failure(error), batch }),
        };
        let ids = batch.iter().map(|prepared| prepared.job.id);
        // All were prepared here: submitting has looked.
        let contents = contents::<M>(&batch).unwrap_or_default();
        Ok(ids.zip(self.potential().0.predictions(&contents, outputs)).collect())
    }
}
