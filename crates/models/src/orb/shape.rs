//! Hyperparameters, from the shapes of tensors: the file has no others.

use super::error::LoadError;
use super::kind::Kind;
use super::variant::Variant;
use crate::weights::Weights;

/// Elements of the embedding: row Z belongs to atomic number Z, row 0 to none.
pub(crate) const N_EMBEDDED: usize = 119;
/// Spherical harmonics up to degree 3.
pub(crate) const N_HARMONICS: usize = 16;
/// Å: of the graph, of the basis and of the cutoff function.
pub(crate) const CUTOFF: f64 = 6.0;
/// Tensors of networks that no output needs.
const UNUSED: &[&str] = &["model._decoder.", "grad_forces_normalizer.", "grad_stress_normalizer."];

/// Sizes of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Features of an atom and of an edge.
    pub(crate) latent: usize,
    /// Width of the hidden layers.
    pub(crate) hidden: usize,
    /// Interaction layers.
    pub(crate) n_layers: usize,
    /// Radial functions.
    pub(crate) n_radial: usize,
    /// Hidden width of the heads.
    pub(crate) head_hidden: usize,
    /// Logits of the confidence, where there is such a head.
    pub(crate) n_confidence: Option<usize>,
    /// Whether charge and spin are added to atoms.
    pub(crate) conditioned: bool,
    /// Whether direct models have a head for the stress.
    pub(crate) has_stress: bool,
}

fn architecture(what: &'static str, expected: impl ToString, found: impl ToString) -> LoadError {
    LoadError::Architecture { what, expected: expected.to_string(), found: found.to_string() }
}

/// The only dimension, or both.
fn dimensions<const N: usize>(tensors: &Weights, name: &str) -> Result<[usize; N], LoadError> {
    let shape = tensors.shape(name)?;
    shape.try_into().map_err(|_| architecture("dimensions of a tensor", N, format!("{} of `{name}`", shape.len())))
}

impl Shape {
    /// Reads the sizes, and refuses files that hold something else than this variant.
    ///
    /// # Errors
    /// When a tensor that tells a size is missing, or the file is of another kind or architecture.
    pub(crate) fn infer(tensors: &Weights, variant: &Variant) -> Result<Self, LoadError> {
        let conditioned = tensors.has_prefix("model.conditioner.");
        if conditioned != variant.conditioned {
            return Err(LoadError::OtherConditioning { name: variant.name, found: conditioned });
        }
        let [n_embedded, latent] = dimensions(tensors, "model.atom_emb.embeddings.weight")?;
        if n_embedded != N_EMBEDDED {
            return Err(architecture("rows of the embedding", N_EMBEDDED, n_embedded));
        }
        if conditioned && latent % 4 != 0 {
            return Err(architecture("features of an atom, with charge and spin", "a multiple of 4", latent));
        }
        let found = if tensors.has_prefix("heads.forces.") { Kind::Direct } else { Kind::Conservative };
        if found != variant.kind {
            let evidence = match found {
                Kind::Direct => "it has tensors `heads.forces.*`",
                Kind::Conservative => "it has no tensors `heads.forces.*`",
            };
            return Err(LoadError::OtherKind { name: variant.name, expected: variant.kind, found, evidence });
        }
        let [n_radial] = dimensions(tensors, "model.rbf_transform.bessel_weights")?;
        let [hidden, n_edge_features] = dimensions(tensors, "model._encoder._edge_fn.mlp.NN-0.weight")?;
        if n_edge_features != n_radial * N_HARMONICS {
            let expected = format!("{} ({n_radial} radial functions, harmonics up to l = 3)", n_radial * N_HARMONICS);
            return Err(architecture("inputs of the edge encoder", expected, n_edge_features));
        }
        let cutoff = tensors.get("model.rbf_transform.r_max", &[])?;
        if *cutoff != [CUTOFF] {
            return Err(architecture("cutoff of the radial functions, Å", CUTOFF, format!("{cutoff:?}")));
        }
        let layer = |name: &str| name.strip_prefix("model.gnn_stacks.")?.split('.').next()?.parse::<usize>().ok();
        let n_layers = tensors.names().filter_map(layer).max().map_or(0, |last| last + 1);
        let [head_hidden, _] = dimensions(tensors, "heads.energy.mlp.NN-0.weight")?;
        let n_confidence = match tensors.has_prefix("heads.confidence.mlp.") {
            true => Some(dimensions::<2>(tensors, "heads.confidence.mlp.NN-1.weight")?[0]),
            false => None,
        };
        let has_stress = variant.has_stress();
        let shape = Self { latent, hidden, n_layers, n_radial, head_hidden, n_confidence, conditioned, has_stress };
        if latent == 0 || hidden == 0 || n_layers == 0 || n_radial == 0 || head_hidden == 0 {
            return Err(architecture("sizes", "positive numbers", format!("{shape:?}")));
        }
        shape.check_names(tensors)?;
        Ok(shape)
    }

    /// Refuses tensors that nothing here would read: they would change the result upstream. Upstream itself is lenient
    /// with heads.
    fn check_names(&self, tensors: &Weights) -> Result<(), LoadError> {
        let perceptron = |rest: &str| {
            let layers = ["NN-0", "NN-1", "NN-2"].map(|layer| format!("mlp.{layer}."));
            let behind = |prefix: &String| rest.strip_prefix(prefix.as_str());
            layers.iter().filter_map(behind).any(|end| matches!(end, "weight" | "bias")) || rest == "layer_norm.weight"
        };
        let linear = |rest: &str| matches!(rest, "weight" | "bias");
        let known = |name: &str| {
            if name.starts_with("heads.") || UNUSED.iter().any(|prefix| name.starts_with(prefix)) {
                return true;
            }
            let Some(rest) = name.strip_prefix("model.") else { return false };
            if let Some(rest) = rest.strip_prefix("gnn_stacks.") {
                let rest = rest.split_once('.').map_or("", |(_, rest)| rest);
                let Some((part, rest)) = rest.split_once('.') else { return false };
                return match part {
                    "_node_mlp" | "_edge_mlp" => perceptron(rest),
                    "_send_attn" | "_receive_attn" => linear(rest),
                    "_cond_node_proj" if self.conditioned => linear(rest),
                    _ => false,
                };
            }
            if let Some(rest) = rest.strip_prefix("_encoder._node_fn.").or(rest.strip_prefix("_encoder._edge_fn.")) {
                return perceptron(rest);
            }
            if self.conditioned && matches!(rest, "conditioner.charge_embedding.W" | "conditioner.spin_embedding.W") {
                return true;
            }
            let single = ["rbf_transform.bessel_weights", "rbf_transform.r_max", "rbf_transform.prefactor"];
            single.contains(&rest) || rest == "atom_emb.embeddings.weight"
        };
        match tensors.names().find(|name| !known(name)) {
            Some(name) => Err(LoadError::Unknown(name.into())),
            None => Ok(()),
        }
    }
}
