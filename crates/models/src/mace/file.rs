//! Upstream's `.model`: a pickled module tree, read as data.

use super::config::{Config, Interaction, LayerConfig, Unsupported};
use super::irreps::Irreps;
use crate::e3nn::SILU_NORM;
use crate::weights::{Weights, WeightsError, is_float};
use mlip_atoms::Species;
use mlip_checkpoint::{Checkpoint, CheckpointError, DType, Fault, Problem, Tensor, Value, View};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// Classes that may occur.
const CLASSES: &[&str] = &["e3nn.*", "mace.*", "torch.fx.*", "torch.nn.*"];

/// Hyperparameters, and where the weights lie.
pub struct ModelFile {
    /// By their names in the state dict.
    pub weights: Arc<Weights>,
    /// Hyperparameters.
    pub config: Config,
    single: bool,
}

/// Why a file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is damaged, or not such a file.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It was saved with cuEquivariance's classes.
    #[error(
        "{0} was saved with cuEquivariance's classes: convert it back with upstream's `mace_cueq_to_e3nn`, and use that"
    )]
    CuEquivariance(String),
    /// It is another model.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A tensor is missing or has another shape.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl ModelFile {
    /// Opens a file and reads its hyperparameters.
    ///
    /// # Errors
    /// When it is damaged, refers to classes that do not belong into a MACE model, or is a model that this program
    /// does not compute.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let shown = path.display().to_string();
        let checkpoint = Checkpoint::open(path, CLASSES).map_err(|error| match refused_class(&error) {
            Some(class) if class.contains("cuequivariance") => FileError::CuEquivariance(shown),
            _ => FileError::Checkpoint(error),
        })?;
        let mut tensors = BTreeMap::new();
        let collected = collect(checkpoint.root(), "", 0, &mut tensors).map_err(|problem| checkpoint.error(problem));
        collected?;
        let single = tensors.get("r_max").is_some_and(|tensor| tensor.dtype == DType::F32);
        let checkpoint = Arc::new(checkpoint);
        let weights = Weights::of_checkpoint(checkpoint.clone(), tensors);
        let config = Reader { checkpoint: &checkpoint, weights: &weights }.config()?;
        config.validate()?;
        Ok(Self { weights: Arc::new(weights), config, single })
    }

    /// Whether it holds weights in single precision.
    pub fn is_single(&self) -> bool {
        self.single
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.weights.has(name)
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn shape(&self, name: &str) -> Result<&[usize], FileError> {
        Ok(self.weights.shape(name)?)
    }

    /// The numbers of a tensor, row-major.
    ///
    /// # Errors
    /// When it is missing, or holds another number of them than `n`.
    pub fn read(&self, name: &str, n: usize) -> Result<Vec<f64>, FileError> {
        let values = self.weights.values(name)?.into_owned();
        if values.len() != n {
            let found = self.shape(name)?.to_vec();
            return Err(WeightsError::Shape { name: name.into(), expected: vec![n], found }.into());
        }
        Ok(values)
    }

    /// The `n` numbers of a head, where a tensor has as many for each, or those of all heads.
    ///
    /// # Errors
    /// When it is missing, or holds another number of them.
    pub fn of_head(&self, name: &str, n: usize, head: usize) -> Result<Vec<f64>, FileError> {
        if self.shape(name)?.iter().product::<usize>() == n {
            return self.read(name, n);
        }
        let all = self.read(name, n * self.config.heads.len())?;
        Ok(all[head * n..][..n].to_vec())
    }

    /// The only number of a tensor.
    ///
    /// # Errors
    /// When it is missing or has several.
    pub fn number(&self, name: &str) -> Result<f64, FileError> {
        Ok(self.read(name, 1)?[0])
    }
}

/// The class that the reader does not know, where that is what is wrong.
fn refused_class(error: &CheckpointError) -> Option<&str> {
    match &error.problem {
        Problem::Pickle { fault: Fault::UnknownClass(class), .. } => Some(class),
        _ => None,
    }
}

/// Deeper than any module tree of upstream.
const MAX_DEPTH: usize = 64;

/// All parameters and buffers below a module, by their names in its state dict.
fn collect(module: Value<'_>, prefix: &str, depth: usize, to: &mut BTreeMap<String, Tensor>) -> Result<(), Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::Unexpected { expected: "a module tree", found: "modules within themselves".into() });
    }
    for group in ["_parameters", "_buffers"] {
        for (name, value) in module.get(group).into_iter().flat_map(Value::entries) {
            if let (Some(name), false) = (name.as_str(), value.is_none()) {
                to.insert(format!("{prefix}{name}"), value.tensor()?);
            }
        }
    }
    for (name, child) in module.get("_modules").into_iter().flat_map(Value::entries) {
        if let (Some(name), Some(_)) = (name.as_str(), child.state()) {
            collect(child, &format!("{prefix}{name}."), depth + 1, to)?;
        }
    }
    Ok(())
}

struct Reader<'a> {
    checkpoint: &'a Checkpoint,
    weights: &'a Weights,
}

impl Reader<'_> {
    fn named<T>(&self, outcome: Result<T, Problem>) -> Result<T, FileError> {
        outcome.map_err(|problem| self.checkpoint.error(problem).into())
    }

    /// Numbers of a tensor of any type.
    fn numbers(&self, name: &str) -> Result<Vec<f64>, FileError> {
        Ok(self.weights.values(name)?.into_owned())
    }

    fn tensor_numbers(&self, tensor: &Tensor) -> Result<Vec<f64>, FileError> {
        match is_float(tensor) {
            true => Ok(self.checkpoint.read_f64(tensor)?),
            false => Ok(self.checkpoint.read_i64(tensor)?.into_iter().map(|x| x as f64).collect()),
        }
    }

    fn module<'v>(&self, parent: Value<'v>, path: &str) -> Result<Value<'v>, FileError> {
        let mut module = parent;
        for name in path.split('.') {
            let modules = self.named(module.field("_modules"))?;
            module = self.named(modules.field(name))?;
        }
        Ok(module)
    }

    /// A number that may be a float, a numpy scalar or a tensor.
    fn scalar(&self, value: Value<'_>, what: &str) -> Result<f64, FileError> {
        if let Some(number) = value.as_float().or_else(|| value.as_int().map(|n| n as f64)) {
            return Ok(number);
        }
        if let Ok(tensor) = value.tensor()
            && tensor.n_elements() == 1
        {
            return Ok(self.tensor_numbers(&tensor)?[0]);
        }
        numpy_scalar(value).ok_or_else(|| self.unsupported(what, value.describe(), "a number there"))
    }

    /// The only number of a tensor.
    fn only(&self, name: &str) -> Result<f64, FileError> {
        match self.numbers(name)?.as_slice() {
            [number] => Ok(*number),
            several => Err(self.unsupported(name, format!("{several:?}"), "one number there")),
        }
    }

    /// A number that counts something.
    fn count(&self, value: Value<'_>, what: &str) -> Result<usize, FileError> {
        let number = self.scalar(value, what)?;
        if number.fract() == 0.0 && (0.0..1e6).contains(&number) {
            return Ok(number as usize);
        }
        Err(self.unsupported(what, number.to_string(), "a whole number there"))
    }

    /// That an activation is the one that is computed here.
    fn silu(&self, activation: Value<'_>, what: &str) -> Result<(), FileError> {
        let function = activation.get("f").map(Value::view);
        let factor = activation.get("cst").and_then(Value::as_float);
        let normalised = factor.is_some_and(|factor| (factor - SILU_NORM).abs() < 1e-12);
        match function {
            Some(View::Class("torch.nn.functional.silu")) if normalised => Ok(()),
            found => Err(self.unsupported(what, format!("{found:?} times {factor:?}"), "a normalised silu there")),
        }
    }

    fn unsupported(&self, what: &str, found: String, expected: &'static str) -> FileError {
        Unsupported::Value { what: what.into(), found, expected }.into()
    }

    fn irreps(&self, value: Value<'_>, place: &str) -> Result<Irreps, FileError> {
        Ok(Irreps::read(value).map_err(|source| Unsupported::Irreps { place: place.into(), source })?)
    }

    fn config(&self) -> Result<Config, FileError> {
        let root = self.checkpoint.root();
        let class = short(root.class().unwrap_or_default()).to_owned();
        if !matches!(class.as_str(), "MACE" | "ScaleShiftMACE") {
            let found = if class.is_empty() { root.describe() } else { class };
            return Err(self.unsupported("the model's class", found, "the class MACE or ScaleShiftMACE"));
        }
        let basis = "radial_embedding.bessel_fn.bessel_weights";
        let bessel = self.module(root, "radial_embedding.bessel_fn")?;
        if short(bessel.class().unwrap_or_default()) != "BesselBasis" {
            return Err(self.unsupported("the radial basis", bessel.describe(), "a BesselBasis"));
        }
        let modules = self.named(root.field("_modules"))?;
        let agnesi =
            match self.module(root, "radial_embedding")?.get("_modules").and_then(|m| m.get("distance_transform")) {
                None => false,
                Some(value) if value.is_none() => false,
                Some(value) if short(value.class().unwrap_or_default()) == "AgnesiTransform" => true,
                Some(value) => {
                    return Err(self.unsupported("the distance transform", value.describe(), "none, or Agnesi's"));
                }
            };
        let heads = match root.get("heads") {
            Some(list) if !list.is_none() => {
                let names = list.items().map(|head| head.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
                names.ok_or_else(|| self.unsupported("heads", list.describe(), "heads that have names"))?
            }
            _ => vec!["Default".to_owned()],
        };
        let flag = |name: &str, default: bool| root.get(name).and_then(Value::as_bool).unwrap_or(default);
        let elements = self.numbers("atomic_numbers")?;
        let known = |z: &f64| Species::from_atomic_number(*z as u8).filter(|s| f64::from(s.atomic_number()) == *z);
        let numbers = elements.iter().map(|z| known(z).map(|species| species.atomic_number()));
        let atomic_numbers = numbers.collect::<Option<Vec<_>>>().ok_or_else(|| {
            self.unsupported("atomic_numbers", format!("{elements:?}"), "elements of the periodic table")
        })?;
        Ok(Config {
            r_max: self.only("r_max")?,
            atomic_numbers,
            heads,
            max_ell: self.count(self.named(self.module(root, "spherical_harmonics")?.field("_lmax"))?, "_lmax")?,
            cutoff_exponent: self.only("radial_embedding.cutoff_fn.p")?,
            n_bessel: self.numbers(basis)?.len(),
            apply_cutoff: flag("apply_cutoff", true),
            agnesi,
            pair_repulsion: modules.get("pair_repulsion_fn").is_some_and(|value| !value.is_none()),
            agnostic_product: flag("use_agnostic_product", false),
            scale_shift: class == "ScaleShiftMACE",
            layers: self.layers(root)?,
        })
    }

    fn layers(&self, root: Value<'_>) -> Result<Vec<LayerConfig>, FileError> {
        let n_layers = self.named(self.module(root, "interactions")?.field("_modules"))?.entries().len();
        (0..n_layers).map(|number| self.layer(root, number)).collect()
    }

    fn layer(&self, root: Value<'_>, number: usize) -> Result<LayerConfig, FileError> {
        let block = self.module(root, &format!("interactions.{number}"))?;
        let class = block.class().unwrap_or_default();
        let interaction = Interaction::of_class(class).ok_or_else(|| {
            self.unsupported(
                &format!("interaction {number}"),
                short(class).into(),
                "RealAgnostic, Residual, Density, DensityResidual or ResidualNonLinear interaction blocks",
            )
        })?;
        let irreps =
            |name: &str| self.irreps(self.named(block.field(name))?, &format!("{name} of interaction {number}"));
        let node_feats = irreps("node_feats_irreps")?;
        let edge = match block.get("edge_irreps") {
            Some(value) if !value.is_none() => self.irreps(value, &format!("edge_irreps of interaction {number}"))?,
            _ => node_feats.clone(),
        };
        let widths = self.named(self.module(block, "conv_tp_weights")?.field("hs"))?;
        let radial_widths = widths.items().map(|n| self.count(n, "the widths of the radial network"));
        let radial_widths = radial_widths.collect::<Result<Vec<_>, _>>()?;
        if interaction != Interaction::NonLinear {
            for layer in 0..radial_widths.len().saturating_sub(2) {
                let place = format!("the activation of radial layer {layer} of interaction {number}");
                self.silu(self.module(block, &format!("conv_tp_weights.layer{layer}.act"))?, &place)?;
            }
        }
        let product = self.module(root, &format!("products.{number}"))?;
        let contraction = self.module(product, "symmetric_contractions")?;
        let place = format!("irreps_out of product {number}");
        let contractions = self.named(self.module(contraction, "contractions")?.field("_modules"))?;
        let correlation =
            contractions.entries().map(|(_, one)| self.count(self.named(one.field("correlation"))?, "correlation"));
        let readout = self.module(root, &format!("readouts.{number}"))?;
        let nonlinear_readout = match short(readout.class().unwrap_or_default()) {
            "LinearReadoutBlock" => false,
            "NonLinearReadoutBlock" => {
                self.silu(
                    self.module(readout, "non_linearity.acts.0")?,
                    &format!("the activation of readout {number}"),
                )?;
                true
            }
            other => {
                let what = format!("readout {number}");
                return Err(self.unsupported(&what, other.into(), "linear and non-linear readouts of energies"));
            }
        };
        Ok(LayerConfig {
            interaction,
            avg_num_neighbors: self.scalar(self.named(block.field("avg_num_neighbors"))?, "avg_num_neighbors")?,
            edge,
            target: irreps("target_irreps")?,
            hidden: irreps("hidden_irreps")?,
            product: self.irreps(self.named(contraction.field("irreps_out"))?, &place)?,
            correlation: correlation.collect::<Result<_, FileError>>()?,
            use_sc: product.get("use_sc").and_then(Value::as_bool).unwrap_or(false),
            radial_widths,
            nonlinear_readout,
            node_feats,
        })
    }
}

/// The class without its modules.
fn short(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

/// `numpy.core.multiarray.scalar(dtype, bytes)`
fn numpy_scalar(value: Value<'_>) -> Option<f64> {
    if !value.class()?.ends_with("multiarray.scalar") {
        return None;
    }
    let arguments = value.arguments()?;
    let (kind, raw) = (arguments.items().next()?, arguments.items().nth(1)?);
    let kind = kind.arguments()?.items().next()?.as_str()?.to_owned();
    let bytes: Vec<u8> = match raw.as_bytes() {
        Some(bytes) => bytes.to_vec(),
        // Protocol 2 has no bytes: they are latin-1 text, to be encoded.
        None => raw.arguments()?.items().next()?.as_str()?.chars().map(|c| c as u8).collect(),
    };
    match kind.as_str() {
        "f8" => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        "f4" => Some(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
        _ => None,
    }
}
