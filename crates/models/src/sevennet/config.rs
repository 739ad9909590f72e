//! Hyperparameters of SevenNet, as its files have them.

use super::irreps::{Irrep, Irreps, NoIrreps};
use crate::e3nn::LMAX;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;

/// What files say, by upstream's names; all else in them is of training.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub(super) struct Raw {
    version: String,
    #[serde(rename = "_type_map")]
    type_map: BTreeMap<u8, usize>,
    cutoff: f64,
    channel: usize,
    lmax: usize,
    #[serde(default = "unset")]
    lmax_edge: i64,
    #[serde(default = "unset")]
    lmax_node: i64,
    is_parity: bool,
    num_convolution_layer: usize,
    weight_nn_hidden_neurons: Vec<usize>,
    radial_basis: BTreeMap<String, Value>,
    cutoff_function: BTreeMap<String, Value>,
    act_radial: String,
    act_scalar: BTreeMap<String, String>,
    act_gate: BTreeMap<String, String>,
    /// Irreps of each layer, or false.
    #[serde(default)]
    irreps_manual: Value,
    #[serde(default)]
    use_bias_in_linear: bool,
    #[serde(default)]
    readout_as_fcn: bool,
    #[serde(default = "nequip")]
    interaction_type: String,
    /// One for all layers, or a list.
    self_connection_type: Value,
    #[serde(rename = "_normalize_sph")]
    normalize_sph: Option<bool>,
    #[serde(default)]
    use_modality: bool,
    #[serde(rename = "_modal_map")]
    modal_map: Option<BTreeMap<String, usize>>,
    #[serde(default)]
    use_modal_node_embedding: bool,
    #[serde(default)]
    use_modal_self_inter_intro: bool,
    #[serde(default)]
    use_modal_self_inter_outro: bool,
    #[serde(default)]
    use_modal_output_block: bool,
}

fn unset() -> i64 {
    -1
}

fn nequip() -> String {
    "nequip".into()
}

/// The function that takes edges to zero at the cutoff.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Envelope {
    /// One up to here, Å; then XPLOR's polynomial in the squared distance.
    Xplor(f64),
    /// DimeNet's polynomial, of this exponent.
    Polynomial(f64),
}

/// The way of features around a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    /// A linear map.
    Linear,
    /// A linear map for each species.
    Species,
}

/// Where the modality enters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ModalPlaces {
    /// The first features.
    pub(super) embedding: bool,
    /// The map before each convolution.
    pub(super) intro: bool,
    /// The map after each convolution.
    pub(super) outro: bool,
    /// The readout.
    pub(super) readout: bool,
}

/// What a model is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Config {
    /// Å
    pub(super) cutoff: f64,
    /// Atomic numbers, in the order of the weights.
    pub(super) species: Vec<u8>,
    /// Channels, where irreps are inferred.
    pub(super) channel: usize,
    /// Largest l of harmonics of edges.
    pub(super) lmax_edge: usize,
    /// Largest l of features, where irreps are inferred.
    pub(super) lmax_node: usize,
    /// Whether irreps have the parity of harmonics; otherwise all are even.
    pub(super) parity: bool,
    /// Irreps before the first layer and after each, where the file says them.
    pub(super) irreps: Option<Vec<Irreps>>,
    /// Of each layer.
    pub(super) connections: Vec<Connection>,
    /// Bessel functions.
    pub(super) n_bessel: usize,
    /// Widths between the layers of radial networks.
    pub(super) radial_hidden: Vec<usize>,
    /// At the cutoff.
    pub(super) envelope: Envelope,
    /// Whether harmonics are those of the direction; otherwise they grow with the l-th power of the distance.
    pub(super) normalized: bool,
    /// Whether columns of radial networks follow the paths as they are listed (before sevenn 0.11) rather than sorted by
    /// what they lead to.
    pub(super) unsorted: bool,
    /// Names, in the order of the weights; none where the model knows only one kind of data.
    pub(super) modals: Vec<String>,
    /// Where they enter.
    pub(super) modal_places: ModalPlaces,
}

/// What cannot be computed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// A hyperparameter that is missing or of another type.
    #[error("its `config` cannot be read: {0}")]
    Config(#[from] serde_json::Error),
    /// A text that is no irreps.
    #[error("`irreps_manual`: {0}")]
    Irreps(#[from] NoIrreps),
    /// A value that this program does not compute.
    #[error("`{what}` is {found}; this program computes models with {expected}")]
    Value {
        /// Upstream's name.
        what: &'static str,
        /// As the file has it.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
}

fn refuse<T>(what: &'static str, found: impl std::fmt::Debug, expected: &'static str) -> Result<T, Unsupported> {
    Err(Unsupported::Value { what, found: format!("{found:?}"), expected })
}

impl Config {
    /// From a file's `config` as JSON.
    ///
    /// # Errors
    /// When something is missing, or is not computed by this program.
    pub(super) fn read(raw: &Raw) -> Result<Self, Unsupported> {
        raw.check_functions()?;
        let (number, before_0_11) = raw.version()?;
        let mut species = vec![0; raw.type_map.len()];
        for (z, index) in &raw.type_map {
            match species.get_mut(*index) {
                Some(place) if *place == 0 && *z > 0 => *place = *z,
                _ => return refuse("_type_map", &raw.type_map, "each index once"),
            }
        }
        let or = |value: i64| usize::try_from(value).ok().filter(|l| *l > 0).unwrap_or(raw.lmax);
        let config = Self {
            cutoff: raw.cutoff,
            species,
            channel: raw.channel,
            lmax_edge: or(raw.lmax_edge),
            lmax_node: or(raw.lmax_node),
            parity: raw.is_parity,
            irreps: raw.irreps()?,
            connections: raw.connections()?,
            n_bessel: raw.radial_basis.get("bessel_basis_num").map_or(Some(8), count).unwrap_or(0),
            radial_hidden: raw.weight_nn_hidden_neurons.clone(),
            envelope: raw.envelope()?,
            normalized: raw.normalize_sph.unwrap_or(number >= (0, 10, 0)),
            unsorted: before_0_11,
            modals: raw.modals()?,
            modal_places: ModalPlaces {
                embedding: raw.use_modal_node_embedding,
                intro: raw.use_modal_self_inter_intro,
                outro: raw.use_modal_self_inter_outro,
                readout: raw.use_modal_output_block,
            },
        };
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), Unsupported> {
        if !(self.cutoff.is_finite() && self.cutoff > 0.0) {
            return refuse("cutoff", self.cutoff, "a positive cutoff");
        }
        if self.species.is_empty() || self.connections.is_empty() || self.n_bessel == 0 || self.channel == 0 {
            let found = (self.species.len(), self.connections.len(), self.n_bessel, self.channel);
            return refuse("species, layers, Bessel functions, channels", found, "at least one of each");
        }
        if self.lmax_edge == 0 || self.lmax_edge > LMAX || self.lmax_node > LMAX {
            return refuse("lmax", (self.lmax_edge, self.lmax_node), "l from 1 to 3");
        }
        match self.envelope {
            Envelope::Xplor(on) if !(on > 0.0 && on < self.cutoff) => {
                return refuse("cutoff_on", on, "a distance below the cutoff");
            }
            Envelope::Polynomial(p) if !((2.0..=100.0).contains(&p) && p.fract() == 0.0) => {
                return refuse("poly_cut_p_value", p, "a whole exponent from 2 to 100");
            }
            _ => {}
        }
        let Some(irreps) = &self.irreps else { return Ok(()) };
        if irreps.len() != self.connections.len() + 1 {
            return refuse("irreps_manual", irreps.len(), "irreps before the first layer and after each");
        }
        for irreps in irreps {
            let sorted = irreps.0.windows(2).all(|pair| pair[0].irrep < pair[1].irrep);
            if irreps.0.is_empty() || !sorted || irreps.lmax() > LMAX || irreps.0.iter().any(|block| block.n == 0) {
                return refuse("irreps_manual", irreps.to_string(), "each irrep once, by l, up to l = 3");
            }
        }
        for (place, irreps) in [("first", irreps.first()), ("last", irreps.last())] {
            if irreps.is_some_and(|irreps| irreps.0.iter().any(|block| block.irrep != Irrep::SCALAR)) {
                return refuse("irreps_manual", place, "even scalars at both ends");
            }
        }
        Ok(())
    }
}

fn count(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|value| usize::try_from(value).ok())
}

impl Raw {
    /// Major, minor, patch; and whether it is older than 0.11.0, of which the first development version counts as older.
    fn version(&self) -> Result<((u64, u64, u64), bool), Unsupported> {
        let mut parts = self.version.split('.');
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
        let (Some(major), Some(minor), Some(patch)) = (number(), number(), number()) else {
            return refuse("version", &self.version, "a version such as 0.9.1");
        };
        let number = (major, minor, patch);
        let early = number == (0, 11, 0) && parts.next() == Some("dev0");
        Ok((number, number < (0, 11, 0) || early))
    }

    fn check_functions(&self) -> Result<(), Unsupported> {
        if self.act_radial != "silu" {
            return refuse("act_radial", &self.act_radial, "silu");
        }
        for (what, act) in [("act_scalar", &self.act_scalar), ("act_gate", &self.act_gate)] {
            let is = |parity: &str, function: &str| act.get(parity).is_none_or(|found| found == function);
            if !is("e", "silu") || !is("o", "tanh") {
                return refuse(what, act, "silu for even and tanh for odd scalars");
            }
        }
        if self.use_bias_in_linear {
            return refuse("use_bias_in_linear", true, "linear maps without offsets");
        }
        if self.readout_as_fcn {
            return refuse("readout_as_fcn", true, "a linear readout");
        }
        if self.interaction_type != "nequip" {
            return refuse("interaction_type", &self.interaction_type, "nequip");
        }
        match self.radial_basis.get("radial_basis_name").and_then(Value::as_str) {
            Some("bessel") => Ok(()),
            found => refuse("radial_basis_name", found, "bessel"),
        }
    }

    fn envelope(&self) -> Result<Envelope, Unsupported> {
        let number = |name: &str| self.cutoff_function.get(name).and_then(Value::as_f64);
        match self.cutoff_function.get("cutoff_function_name").and_then(Value::as_str) {
            Some("XPLOR") => match number("cutoff_on") {
                Some(on) => Ok(Envelope::Xplor(on)),
                None => refuse("cutoff_on", &self.cutoff_function, "the distance where XPLOR begins"),
            },
            Some("poly_cut") => Ok(Envelope::Polynomial(number("poly_cut_p_value").unwrap_or(6.0))),
            found => refuse("cutoff_function_name", found, "poly_cut or XPLOR"),
        }
    }

    fn irreps(&self) -> Result<Option<Vec<Irreps>>, Unsupported> {
        match &self.irreps_manual {
            Value::Null | Value::Bool(false) => Ok(None),
            Value::Array(texts) => {
                let parse = |text: &Value| Ok(Irreps::parse(text.as_str().unwrap_or_default())?);
                texts.iter().map(parse).collect::<Result<Vec<_>, _>>().map(Some)
            }
            found => refuse("irreps_manual", found, "a list of irreps"),
        }
    }

    fn connections(&self) -> Result<Vec<Connection>, Unsupported> {
        let names = match &self.self_connection_type {
            Value::Array(names) => names.clone(),
            name => vec![name.clone(); self.num_convolution_layer],
        };
        if names.len() != self.num_convolution_layer {
            return refuse("self_connection_type", names.len(), "one for each layer");
        }
        let kind = |name: &Value| match name.as_str() {
            Some("linear") => Ok(Connection::Linear),
            Some("nequip") => Ok(Connection::Species),
            _ => refuse("self_connection_type", name, "linear or nequip"),
        };
        names.iter().map(kind).collect()
    }

    fn modals(&self) -> Result<Vec<String>, Unsupported> {
        let Some(map) = self.modal_map.as_ref().filter(|_| self.use_modality) else { return Ok(Vec::new()) };
        let mut names = vec![String::new(); map.len()];
        for (name, index) in map {
            match names.get_mut(*index) {
                Some(place) if place.is_empty() && !name.is_empty() => *place = name.clone(),
                _ => return refuse("_modal_map", map, "each index once"),
            }
        }
        Ok(names)
    }
}
