//! The network as candle sees it.

use super::convolution::Keep;
use super::graph::Graph;
use super::network::{Network, Pass};
use crate::graph_potential::Stopped;
use crate::pair_vectors::PairVectors;
use crate::tensor::{contiguous, output, storage, with_values};
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::Real;
use std::sync::{Arc, Mutex, PoisonError};

/// `vectors [n_pairs, 3] → site energies [n_atoms]`, on the CPU.
struct SiteEnergies<T> {
    network: Arc<Network<T>>,
    graph: Arc<Graph>,
    keep: Keep,
    deadline: Deadline,
    shared: Arc<Shared<T>>,
}

/// What an operation hands on beside its result.
struct Shared<T> {
    /// From the forward to the backward pass.
    pass: Mutex<Option<Pass<T>>>,
    /// Why the operation stopped, where it was asked to.
    stopped: Mutex<Option<PredictError>>,
}

/// What a prediction is made of.
pub(super) struct Evaluation<T> {
    /// `[n_atoms]`, eV, without the reference energies of atoms.
    pub(super) sites: Vec<f64>,
    /// `[n_atoms, d]` before the last convolution.
    pub(super) features: Vec<T>,
    /// `∂E/∂vectors`, `[n_pairs]`, eV/Å; empty where it was not asked for.
    pub(super) gradient: Vec<[f64; 3]>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Real> SiteEnergies<T> {
    /// Notes why the network stopped, for candle's error type holds text only.
    fn note<R>(&self, outcome: std::result::Result<R, PredictError>) -> Result<R> {
        outcome.map_err(|error| {
            let message = error.to_string();
            *lock(&self.shared.stopped) = Some(error);
            candle_core::Error::Msg(message)
        })
    }
}

impl<T: Real> CustomOp1 for SiteEnergies<T> {
    fn name(&self) -> &'static str {
        "chgnet"
    }

    fn cpu_fwd(&self, vectors: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let vectors = contiguous::<f64>(vectors, layout)?;
        let pass = self.note(self.network.forward(&self.graph, vectors, self.keep, &self.deadline))?;
        let sites = pass.sites.clone();
        *lock(&self.shared.pass) = Some(pass);
        let n_atoms = sites.len();
        Ok((storage(sites), Shape::from(n_atoms)))
    }

    fn bwd(&self, vectors: &Tensor, _sites: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let Some(pass) = lock(&self.shared.pass).take() else {
            candle_core::bail!("the backward pass needs its forward pass, once");
        };
        let out = with_values::<f64, _>(vectors, |vectors| {
            with_values::<f64, _>(gradient, |sites| {
                let sites = sites.iter().map(|slope| T::real(*slope)).collect::<Vec<_>>();
                self.note(self.network.backward(&self.graph, vectors, pass, &sites, &self.deadline))
            })
        })???;
        output(out, vectors.shape()).map(Some)
    }
}

/// Evaluates the network and, unless `keep` is [`Keep::Nothing`], its gradient.
pub(super) fn evaluate<T: Real>(
    network: &Arc<Network<T>>,
    graph: &Arc<Graph>,
    keep: Keep,
    deadline: &Deadline,
) -> std::result::Result<Evaluation<T>, Stopped> {
    let shared = Arc::new(Shared { pass: Mutex::new(None), stopped: Mutex::new(None) });
    let (network, graph, deadline) = (network.clone(), graph.clone(), *deadline);
    let operation = SiteEnergies { network, graph: graph.clone(), keep, deadline, shared: shared.clone() };
    let run = || -> Result<Evaluation<T>> {
        let vectors = graph.pairs.iter().map(|pair| pair.vector);
        let vectors = PairVectors::new(vectors, keep != Keep::Nothing, &Device::Cpu)?;
        let sites = vectors.tensor().apply_op1(operation)?;
        let features = lock(&shared.pass).as_mut().map(|pass| std::mem::take(&mut pass.features)).unwrap_or_default();
        let gradient = vectors.gradient(&sites.sum_all()?)?;
        Ok(Evaluation { sites: sites.to_vec1()?, features, gradient })
    };
    run().map_err(|error| match lock(&shared.stopped).take() {
        Some(reason) => Stopped::Predict(reason),
        None => Stopped::Tensor(error),
    })
}
