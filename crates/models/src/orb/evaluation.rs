//! From outputs of the network to energies, forces and stresses.

use super::graph::{Cell, Graph};
use super::repulsion::repulsion;
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Prediction, Request};

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

impl Description {
    pub(crate) fn new(atoms: AtomFeatures, confidence: Option<AtomFeatures>) -> Self {
        Self { graph: mean(&atoms.values, atoms.width), atoms, confidence }
    }
}

/// What a training set's numbers were scaled with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Normalizer {
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
}

impl Normalizer {
    /// Back to physical units.
    fn restore(&self, value: f64) -> f64 {
        value * self.deviation + self.mean
    }
}

/// What turns outputs of heads into physical units.
#[derive(Debug)]
pub(crate) struct Scales {
    /// eV an atom
    pub(crate) energy: Normalizer,
    /// `[119]` by atomic number, eV.
    pub(crate) reference: Vec<f64>,
    pub(crate) direct: Option<DirectScales>,
}

#[derive(Debug)]
pub(crate) struct DirectScales {
    /// eV/Å
    pub(crate) forces: Normalizer,
    /// Of the diagonal and of the rest, eV/Å^3, where the model has a stress.
    pub(crate) stress: Option<[Normalizer; 2]>,
}

/// What a network makes of a batch.
#[derive(Debug)]
pub(crate) struct Outputs {
    /// `[n_atoms, latent]`
    pub(crate) atoms: Vec<f64>,
    /// One a structure.
    pub(crate) heads: Vec<HeadOutputs>,
    /// `[n_edges]` derivatives of the network's energy by the vectors of edges, eV/Å, where they were asked for.
    pub(crate) slopes: Vec<[f64; 3]>,
}

/// Outputs of the heads for one structure, before they are scaled.
#[derive(Debug)]
pub(crate) struct HeadOutputs {
    pub(crate) energy: f64,
    /// `[n_atoms, 3]`, of direct models.
    pub(crate) forces: Vec<f64>,
    /// `[6]`, of direct models that have it.
    pub(crate) stress: Vec<f64>,
}

/// Mean of rows.
pub(crate) fn mean(rows: &[f64], width: usize) -> Vec<f64> {
    let mut sum = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (sum, x) in sum.iter_mut().zip(row) {
            *sum += x;
        }
    }
    let n = (rows.len() / width) as f64;
    sum.into_iter().map(|x| x / n).collect()
}

impl Scales {
    /// One prediction a structure.
    pub(crate) fn predictions(&self, graph: &Graph, outputs: &Outputs, request: Request) -> Vec<Prediction> {
        let width = outputs.atoms.len() / graph.n_atoms().max(1);
        let cells = graph.cells.iter().zip(&outputs.heads);
        let prediction = |(cell, heads): (&Cell, &HeadOutputs)| {
            let elements = &graph.elements[cell.atoms.clone()];
            let free = elements.iter().map(|element| self.reference[usize::from(*element)]).sum::<f64>();
            let features = || outputs.atoms[cell.atoms.start * width..cell.atoms.end * width].to_vec();
            let mut prediction = Prediction {
                energy: self.energy.restore(heads.energy) * cell.atoms.len() as f64 + free,
                atom_features: request.atom_features.then(|| AtomFeatures { width, values: features() }),
                ..Prediction::default()
            };
            match &self.direct {
                Some(scales) => scales.complete(graph, cell, heads, request, &mut prediction),
                None => complete(graph, cell, &outputs.slopes, request, &mut prediction),
            }
            prediction
        };
        cells.map(prediction).collect()
    }
}

impl DirectScales {
    /// Forces and stress of the heads, and the repulsion of a direct model: its sum, with its own gradient.
    fn complete(&self, graph: &Graph, cell: &Cell, heads: &HeadOutputs, request: Request, prediction: &mut Prediction) {
        let mut gradient = PairGradient::new(cell.atoms.len());
        prediction.energy += repulsion(graph, cell, |edge, slope| {
            let pair = &graph.pairs[edge];
            gradient.add(pair, pair.vector.map(|x| slope * x / pair.distance));
        });
        if !request.forces {
            return;
        }
        // No net force; of periodic structures upstream removes no torque.
        let net = mean(&heads.forces, 3);
        let rows = heads.forces.chunks_exact(3).zip(&gradient.forces);
        let force = |(row, repulsion): (&[f64], &[f64; 3])| {
            [0, 1, 2].map(|axis| self.forces.restore(row[axis] - net[axis]) + repulsion[axis])
        };
        prediction.forces = rows.map(force).collect();
        prediction.stress = self.stress.map(|[diagonal, off_diagonal]| {
            let mut stress = gradient.stress(cell.volume);
            for (k, (stress, raw)) in stress.iter_mut().zip(&heads.stress).enumerate() {
                *stress += if k < 3 { diagonal } else { off_diagonal }.restore(*raw);
            }
            stress
        });
    }
}

/// The repulsion of a conservative model, its mean over atoms, and forces and stress from the slopes of all edges.
fn complete(graph: &Graph, cell: &Cell, slopes: &[[f64; 3]], request: Request, prediction: &mut Prediction) {
    let n_atoms = cell.atoms.len() as f64;
    let mut radial = vec![0.0; if request.forces { cell.edges.len() } else { 0 }];
    let sum = repulsion(graph, cell, |edge, slope| {
        if let Some(radial) = radial.get_mut(edge - cell.edges.start) {
            *radial = slope / n_atoms;
        }
    });
    prediction.energy += sum / n_atoms;
    if !request.forces {
        return;
    }
    let mut gradient = PairGradient::new(cell.atoms.len());
    for ((pair, slope), radial) in graph.pairs[cell.edges.clone()].iter().zip(&slopes[cell.edges.clone()]).zip(radial) {
        gradient.add(pair, [0, 1, 2].map(|axis| slope[axis] + radial * pair.vector[axis] / pair.distance));
    }
    prediction.stress = Some(gradient.stress(cell.volume));
    prediction.forces = gradient.forces;
}
