//! Weights packed for the kernels of one instruction set and precision.

use super::conditioning::Conditioning;
use super::error::LoadError;
use super::evaluation::{DirectScales, Normalizer, Scales};
use super::head::Head;
use super::kind::Kind;
use super::shape::{N_EMBEDDED, N_HARMONICS, Shape};
use crate::weights::Weights;
use mlip_kernels::attended_messages::Attention;
use mlip_kernels::linear::Matrix;
use mlip_kernels::perceptron::{Activations, Perceptron, RmsNorm, Transposed, repeat};
use mlip_kernels::simd::Real;
use mlip_kernels::tiles::Arithmetic;
use std::borrow::Cow;

/// A perceptron with the bias of its first layer, its norm and, for models with gradients, its transpose.
#[derive(Debug)]
pub(crate) struct Normed<T> {
    pub(crate) perceptron: Perceptron<T>,
    pub(crate) transposed: Option<Transposed<T>>,
    /// `[hidden]`
    pub(crate) first_bias: Vec<T>,
    pub(crate) norm: RmsNorm<T>,
}

/// An interaction layer.
#[derive(Debug)]
pub(crate) struct LayerWeights<T> {
    /// Of edges: the part that acts on the edge itself, behind `project`.
    pub(crate) edges: Perceptron<T>,
    pub(crate) edges_transposed: Option<Transposed<T>>,
    /// `[latent, 2 hidden]`: the parts of the first layer that act on sender and receiver, once an atom.
    pub(crate) project: Matrix<T>,
    /// `[2 hidden]`: the bias of the first layer, then zeros.
    pub(crate) project_bias: Vec<T>,
    /// `[2 hidden, latent]`; none in the first layer, whose atoms do not depend on positions.
    pub(crate) project_transposed: Option<Matrix<T>>,
    pub(crate) attention: Attention<T>,
    /// Of atoms: acts on (atom, received, sent).
    pub(crate) atoms: Normed<T>,
}

/// What turns features of atoms into results: in double precision, since it is next to no work.
#[derive(Debug)]
pub(crate) struct Heads {
    pub(crate) energy: Head,
    /// Of the energies of a training set, eV an atom.
    pub(crate) energy_deviation: f64,
    pub(crate) confidence: Option<Head>,
    pub(crate) direct: Option<DirectHeads>,
}

/// Forces and stress without a gradient.
#[derive(Debug)]
pub(crate) struct DirectHeads {
    pub(crate) forces: Head,
    /// None in OrbMol.
    pub(crate) stress: Option<Head>,
}

/// All weights.
#[derive(Debug)]
pub(crate) struct NetworkWeights<T> {
    /// `[119, latent]`: atoms as the encoder leaves them, by atomic number.
    pub(crate) atoms: Vec<T>,
    /// `[n_radial]`, 1/Å
    pub(crate) frequencies: Vec<f64>,
    /// Of the radial functions, Å^-1/2.
    pub(crate) prefactor: f64,
    pub(crate) encoder: Normed<T>,
    pub(crate) layers: Vec<LayerWeights<T>>,
    /// Of OrbMol.
    pub(crate) conditioning: Option<Conditioning>,
    pub(crate) heads: Heads,
}

fn narrow<T: Real>(values: &[f64]) -> Vec<T> {
    values.iter().map(|value| T::real(*value)).collect()
}

/// Distance of one from the next larger number of this type: what upstream's norm adds below the root.
fn epsilon<T: Real>() -> f64 {
    match size_of::<T>() {
        4 => f64::from(f32::EPSILON),
        _ => f64::EPSILON,
    }
}

/// Reads tensors and packs them.
pub(crate) struct Packer<'a> {
    pub(crate) tensors: &'a Weights,
    pub(crate) shape: Shape,
    pub(crate) kind: Kind,
    pub(crate) arithmetic: Arithmetic,
}

impl Packer<'_> {
    fn matrix(&self, name: &str, outputs: usize, inputs: usize) -> Result<Cow<'_, [f64]>, LoadError> {
        Ok(self.tensors.get(&format!("{name}.weight"), &[outputs, inputs])?)
    }

    fn bias<T: Real>(&self, name: &str, outputs: usize) -> Result<Vec<T>, LoadError> {
        Ok(narrow(&self.tensors.get(&format!("{name}.bias"), &[outputs])?))
    }

    fn norm<T: Real>(&self, name: &str) -> Result<RmsNorm<T>, LoadError> {
        let scale = self.tensors.get(&format!("{name}.layer_norm.weight"), &[self.shape.latent])?;
        Ok(RmsNorm { scale: narrow(&scale), epsilon: epsilon::<T>() })
    }

    /// `weight`: `[outputs, stride]`, of which the columns from `first` are the map.
    fn pack<T: Real>(&self, weight: &[f64], [outputs, stride]: [usize; 2], first: usize, inputs: usize) -> Matrix<T> {
        Matrix::pack(inputs, outputs, self.arithmetic, |k, c| T::real(weight[c * stride + first + k]))
    }

    fn pack_transposed<T: Real>(
        &self,
        weight: &[f64],
        [outputs, stride]: [usize; 2],
        first: usize,
        inputs: usize,
    ) -> Matrix<T> {
        Matrix::pack(outputs, inputs, self.arithmetic, |k, c| T::real(weight[k * stride + first + c]))
    }

    /// The three layers, of whose first only `own` columns act on own features, of `inputs` in all.
    fn perceptron<T: Real>(
        &self,
        name: &str,
        inputs: usize,
        own: usize,
        transpose: bool,
    ) -> Result<(Perceptron<T>, Option<Transposed<T>>), LoadError> {
        let (latent, hidden) = (self.shape.latent, self.shape.hidden);
        let [of_first, of_second, of_third] = [[hidden, inputs], [hidden, hidden], [latent, hidden]];
        let first = self.matrix(&format!("{name}.mlp.NN-0"), hidden, inputs)?;
        let second = self.matrix(&format!("{name}.mlp.NN-1"), hidden, hidden)?;
        let third = self.matrix(&format!("{name}.mlp.NN-2"), latent, hidden)?;
        let transposed = transpose.then(|| Transposed {
            first: self.pack_transposed(&first, of_first, 0, own),
            second: self.pack_transposed(&second, of_second, 0, hidden),
            third: self.pack_transposed(&third, of_third, 0, hidden),
        });
        let perceptron = Perceptron {
            first: self.pack(&first, of_first, 0, own),
            second: self.pack(&second, of_second, 0, hidden),
            third: self.pack(&third, of_third, 0, hidden),
            second_bias: self.bias(&format!("{name}.mlp.NN-1"), hidden)?,
            third_bias: self.bias(&format!("{name}.mlp.NN-2"), latent)?,
        };
        Ok((perceptron, transposed))
    }

    fn normed<T: Real>(&self, name: &str, inputs: usize, transpose: bool) -> Result<Normed<T>, LoadError> {
        let (perceptron, transposed) = self.perceptron(name, inputs, inputs, transpose)?;
        let first_bias = self.bias(&format!("{name}.mlp.NN-0"), self.shape.hidden)?;
        Ok(Normed { perceptron, transposed, first_bias, norm: self.norm(name)? })
    }

    /// The encoder's features of all elements: computed in double precision, once.
    pub(crate) fn atoms<T: Real>(&self) -> Result<Vec<T>, LoadError> {
        let (latent, hidden, n) = (self.shape.latent, self.shape.hidden, N_EMBEDDED);
        let embedding = self.tensors.get("model.atom_emb.embeddings.weight", &[n, latent])?;
        let mut encoder = self.normed::<f64>("model._encoder._node_fn", latent, false)?;
        encoder.norm.epsilon = epsilon::<T>();
        let zeros = |width: usize| vec![0.0; n * width];
        let (mut z1, mut z2, mut y) = (zeros(hidden), zeros(hidden), zeros(latent));
        let (mut scratch, mut out) = (zeros(hidden), zeros(latent));
        repeat(&encoder.first_bias, &mut z1);
        let activations = Activations { z1: &mut z1, z2: &mut z2, y: &mut y };
        encoder.perceptron.forward(&embedding, latent, n, activations, &mut scratch);
        encoder.norm.add_rows(&y, &mut out, self.arithmetic.set);
        Ok(narrow(&out))
    }

    fn layer<T: Real>(&self, index: usize) -> Result<LayerWeights<T>, LoadError> {
        let (latent, hidden, transpose) = (self.shape.latent, self.shape.hidden, self.kind == Kind::Conservative);
        let name = |part: &str| format!("model.gnn_stacks.{index}.{part}");
        let (edges, edges_transposed) = self.perceptron(&name("_edge_mlp"), 3 * latent, latent, transpose)?;
        // Concatenated: edge, sender, receiver.
        let first = self.matrix(&name("_edge_mlp.mlp.NN-0"), hidden, 3 * latent)?;
        let element = |k: usize, c: usize| {
            let (output, part) = (c % hidden, 1 + c / hidden);
            T::real(first[output * 3 * latent + part * latent + k])
        };
        let project = Matrix::pack(latent, 2 * hidden, self.arithmetic, element);
        let project_transposed =
            (transpose && index > 0).then(|| Matrix::pack(2 * hidden, latent, self.arithmetic, |k, c| element(c, k)));
        let mut project_bias = self.bias::<T>(&name("_edge_mlp.mlp.NN-0"), hidden)?;
        project_bias.resize(2 * hidden, T::default());
        let gate = |part: &str| {
            let weight = self.matrix(&name(part), 1, latent)?;
            Ok::<_, LoadError>((narrow(&weight), self.bias::<T>(&name(part), 1)?[0]))
        };
        let ((send, send_bias), (receive, receive_bias)) = (gate("_send_attn")?, gate("_receive_attn")?);
        let norm = self.norm(&name("_edge_mlp"))?;
        Ok(LayerWeights {
            edges,
            edges_transposed,
            project,
            project_bias,
            project_transposed,
            attention: Attention { send, send_bias, receive, receive_bias, norm },
            atoms: self.normed(&name("_node_mlp"), 3 * latent, transpose)?,
        })
    }

    fn head(&self, name: &str, outputs: usize, transpose: bool) -> Result<Head, LoadError> {
        let (latent, hidden) = (self.shape.latent, self.shape.head_hidden);
        let first = self.matrix(&format!("heads.{name}.mlp.NN-0"), hidden, latent)?;
        let second = self.matrix(&format!("heads.{name}.mlp.NN-1"), outputs, hidden)?;
        Ok(Head {
            first: self.pack(&first, [hidden, latent], 0, latent),
            first_transposed: transpose.then(|| self.pack_transposed(&first, [hidden, latent], 0, latent)),
            first_bias: self.bias(&format!("heads.{name}.mlp.NN-0"), hidden)?,
            second: self.pack(&second, [outputs, hidden], 0, hidden),
            second_weight: second.into_owned(),
            second_bias: self.bias(&format!("heads.{name}.mlp.NN-1"), outputs)?,
        })
    }

    fn normalizer(&self, name: &str) -> Result<Normalizer, LoadError> {
        let number = |part: &str| Ok::<_, LoadError>(self.tensors.get(&format!("heads.{name}.bn.{part}"), &[1])?[0]);
        Ok(Normalizer { mean: number("running_mean")?, deviation: number("running_var")?.sqrt() })
    }

    /// What turns outputs of heads into physical units.
    pub(crate) fn scales(&self) -> Result<Scales, LoadError> {
        let mut reference = self.tensors.get("heads.energy.reference.linear.weight", &[N_EMBEDDED - 1])?.into_owned();
        // The last element has no reference energy, and is not supported.
        reference.push(0.0);
        let direct = match self.kind {
            Kind::Conservative => None,
            Kind::Direct => Some(DirectScales {
                forces: self.normalizer("forces.normalizer")?,
                stress: match self.shape.has_stress {
                    true => {
                        let names = ["stress.diag_normalizer", "stress.offdiag_normalizer"];
                        Some([self.normalizer(names[0])?, self.normalizer(names[1])?])
                    }
                    false => None,
                },
            }),
        };
        Ok(Scales { energy: self.normalizer("energy.normalizer")?, reference, direct })
    }

    fn heads(&self) -> Result<Heads, LoadError> {
        let direct = match self.kind {
            Kind::Conservative => None,
            Kind::Direct => {
                let stress = self.shape.has_stress.then(|| self.head("stress", 6, false)).transpose()?;
                Some(DirectHeads { forces: self.head("forces", 3, false)?, stress })
            }
        };
        Ok(Heads {
            energy: self.head("energy", 1, self.kind == Kind::Conservative)?,
            energy_deviation: self.normalizer("energy.normalizer")?.deviation,
            confidence: self.shape.n_confidence.map(|n| self.head("confidence", n, false)).transpose()?,
            direct,
        })
    }

    /// Everything.
    pub(crate) fn network<T: Real>(&self) -> Result<NetworkWeights<T>, LoadError> {
        let n_radial = self.shape.n_radial;
        Ok(NetworkWeights {
            atoms: self.atoms()?,
            frequencies: self.tensors.get("model.rbf_transform.bessel_weights", &[n_radial])?.into_owned(),
            prefactor: self.tensors.get("model.rbf_transform.prefactor", &[])?[0],
            encoder: self.normed("model._encoder._edge_fn", n_radial * N_HARMONICS, self.kind == Kind::Conservative)?,
            layers: (0..self.shape.n_layers).map(|index| self.layer(index)).collect::<Result<_, _>>()?,
            conditioning: self.shape.conditioned.then(|| Conditioning::read(self.tensors, &self.shape)).transpose()?,
            heads: self.heads()?,
        })
    }
}

impl<T: Real> NetworkWeights<T> {
    /// Bytes in memory, nearly all of them in matrices.
    pub(crate) fn bytes(&self) -> u64 {
        let transposed = |t: &Option<Transposed<T>>| t.as_ref().map_or(0, Transposed::bytes);
        let normed = |n: &Normed<T>| n.perceptron.bytes() + transposed(&n.transposed);
        let layer = |l: &LayerWeights<T>| {
            let project = l.project.bytes() + l.project_transposed.as_ref().map_or(0, Matrix::bytes);
            l.edges.bytes() + transposed(&l.edges_transposed) + project + normed(&l.atoms)
        };
        let table = (self.atoms.len() * size_of::<T>()) as u64;
        let conditioning = self.conditioning.as_ref().map_or(0, Conditioning::bytes);
        table + conditioning + normed(&self.encoder) + self.layers.iter().map(layer).sum::<u64>()
    }
}
