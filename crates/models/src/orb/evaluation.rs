//! From features of atoms to energies, forces and stresses.

use super::graph::{Cell, Graph};
use super::network::{Network, Plan};
use super::repulsion::repulsion;
use super::variant::Kind;
use super::weights::DirectHeads;
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, PredictError, Prediction, Request};
use mlip_kernels::simd::Real;

/// What the features of a structure's atoms say, beside energy and forces.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// `[n_atoms, width]`: the network's last features.
    pub atoms: AtomFeatures,
    /// `[width]`: their mean, from which the energy is computed.
    pub graph: Vec<f64>,
    /// `[n_atoms, n_bins]`, row-major: logits over bins of the expected force error, where the model has them.
    pub confidence: Option<AtomFeatures>,
}

fn wide<T: Real>(values: &[T]) -> Vec<f64> {
    values.iter().map(|x| x.wide()).collect()
}

/// Mean of rows, summed in `f64`.
fn mean<T: Real>(rows: &[T], width: usize) -> Vec<f64> {
    let mut sum = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (sum, x) in sum.iter_mut().zip(row) {
            *sum += x.wide();
        }
    }
    let n = (rows.len() / width) as f64;
    sum.into_iter().map(|x| x / n).collect()
}

impl<T: Real> Network<T> {
    /// One prediction a structure.
    pub(crate) fn predict(
        &self,
        graph: &Graph,
        kind: Kind,
        request: Request,
        plan: Plan,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError> {
        let scratch = &mut self.scratch();
        let mut pass = self.forward(graph, plan, scratch, deadline)?;
        let atoms = std::mem::take(&mut pass.atoms);
        let width = self.shape.latent;
        let pooled = graph.cells.iter().map(|cell| self.pool(cell, &atoms)).collect::<Vec<_>>();
        let features = |cell: &Cell| AtomFeatures {
            width,
            values: wide(&atoms[cell.atoms.start * width..cell.atoms.end * width]),
        };
        let mut predictions = Vec::with_capacity(graph.cells.len());
        for (cell, pooled) in graph.cells.iter().zip(&pooled) {
            predictions.push(Prediction {
                energy: self.energy(graph, cell, pooled),
                atom_features: request.atom_features.then(|| features(cell)),
                ..Prediction::default()
            });
        }
        match (kind, &self.weights.heads.direct) {
            (Kind::Direct, Some(heads)) => {
                for ((cell, pooled), prediction) in graph.cells.iter().zip(&pooled).zip(&mut predictions) {
                    self.add_direct(graph, cell, heads, &atoms, pooled, request, prediction);
                }
            }
            _ => {
                let slopes = match plan.gradient {
                    true => self.backward(graph, pass, self.energy_gradient(graph, &pooled), scratch, deadline)?,
                    false => Vec::new(),
                };
                for (cell, prediction) in graph.cells.iter().zip(&mut predictions) {
                    add_gradient(graph, cell, &slopes, prediction, plan.gradient);
                }
            }
        }
        Ok(predictions)
    }

    /// What there is to know of the atoms of a single structure.
    pub(crate) fn describe(&self, graph: &Graph, deadline: &Deadline) -> Result<Description, PredictError> {
        let atoms = self.forward(graph, Plan { gradient: false, kept: 0 }, &mut self.scratch(), deadline)?.atoms;
        let width = self.shape.latent;
        let confidence = self.weights.heads.confidence.as_ref();
        Ok(Description {
            graph: mean(&atoms, width),
            confidence: confidence
                .map(|head| AtomFeatures { width: head.outputs(), values: head.forward(&wide(&atoms)) }),
            atoms: AtomFeatures { width, values: wide(&atoms) },
        })
    }

    fn pool(&self, cell: &Cell, atoms: &[T]) -> Vec<f64> {
        let width = self.shape.latent;
        mean(&atoms[cell.atoms.start * width..cell.atoms.end * width], width)
    }

    /// Energy of the network and of free atoms; repulsion comes with the forces.
    fn energy(&self, graph: &Graph, cell: &Cell, pooled: &[f64]) -> f64 {
        let heads = &self.weights.heads;
        let an_atom = heads.energy_normalizer.restore(heads.energy.forward(pooled)[0]);
        let elements = &graph.elements[cell.atoms.clone()];
        let free = elements.iter().map(|element| heads.reference[usize::from(*element)]).sum::<f64>();
        an_atom * cell.atoms.len() as f64 + free
    }

    /// `∂E/∂atoms`: the energy is the number of atoms times a function of their mean.
    fn energy_gradient(&self, graph: &Graph, pooled: &[Vec<f64>]) -> Vec<T> {
        let heads = &self.weights.heads;
        let mut out = Vec::with_capacity(graph.n_atoms() * self.shape.latent);
        for (cell, pooled) in graph.cells.iter().zip(pooled) {
            let by_mean = heads.energy.gradient(pooled);
            let row = by_mean.iter().map(|g| T::real(g * heads.energy_normalizer.deviation));
            let row = row.collect::<Vec<_>>();
            for _ in cell.atoms.clone() {
                out.extend_from_slice(&row);
            }
        }
        out
    }

    /// Forces and stress of the heads, and the repulsion of a direct model: its sum, with its own gradient.
    #[expect(clippy::too_many_arguments, reason = "one structure of everything")]
    fn add_direct(
        &self,
        graph: &Graph,
        cell: &Cell,
        heads: &DirectHeads,
        atoms: &[T],
        pooled: &[f64],
        request: Request,
        prediction: &mut Prediction,
    ) {
        let mut gradient = PairGradient::new(cell.atoms.len());
        prediction.energy += repulsion(graph, cell, |edge, slope| {
            let pair = &graph.pairs[edge];
            gradient.add(pair, pair.vector.map(|x| slope * x / pair.distance));
        });
        if !request.forces {
            return;
        }
        let width = self.shape.latent;
        let raw = heads.forces.forward(&wide(&atoms[cell.atoms.start * width..cell.atoms.end * width]));
        // No net force; of periodic structures upstream removes no torque.
        let net = mean(&raw, 3);
        let own =
            raw.chunks_exact(3).map(|row| [0, 1, 2].map(|axis| heads.forces_normalizer.restore(row[axis] - net[axis])));
        let of_repulsion = gradient.forces.iter();
        let forces = own.zip(of_repulsion).map(|(a, b)| [0, 1, 2].map(|axis| a[axis] + b[axis]));
        prediction.forces = forces.collect();
        let raw = heads.stress.forward(pooled);
        let mut stress = gradient.stress(cell.volume);
        for (k, stress) in stress.iter_mut().enumerate() {
            let normalizer = if k < 3 { heads.diagonal_normalizer } else { heads.off_diagonal_normalizer };
            *stress += normalizer.restore(raw[k]);
        }
        prediction.stress = Some(stress);
    }
}

/// The repulsion of a conservative model, its mean over atoms, and forces and stress from `∂E/∂vector` of all edges.
fn add_gradient(graph: &Graph, cell: &Cell, slopes: &[[f64; 3]], prediction: &mut Prediction, forces: bool) {
    let n_atoms = cell.atoms.len() as f64;
    let mut radial = vec![0.0; if forces { cell.edges.len() } else { 0 }];
    let sum = repulsion(graph, cell, |edge, slope| {
        if let Some(radial) = radial.get_mut(edge - cell.edges.start) {
            *radial = slope / n_atoms;
        }
    });
    prediction.energy += sum / n_atoms;
    if !forces {
        return;
    }
    let mut gradient = PairGradient::new(cell.atoms.len());
    for (index, radial) in cell.edges.clone().zip(radial) {
        let pair = &graph.pairs[index];
        let slope = slopes[index];
        gradient.add(pair, [0, 1, 2].map(|axis| slope[axis] + radial * pair.vector[axis] / pair.distance));
    }
    prediction.stress = Some(gradient.stress(cell.volume));
    prediction.forces = gradient.forces;
}
