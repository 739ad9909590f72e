//! Hyperparameters.

use crate::escn::config::{NotCovered, Sizes, check_choices, only_head};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use thiserror::Error;

/// The backbone's hyperparameters by upstream's names; what is left out there takes the defaults of upstream's
/// constructor. A name that upstream's constructor does not know is refused, as upstream does.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Backbone {
    model: String,
    pub(super) max_num_elements: usize,
    pub(super) sphere_channels: usize,
    pub(super) lmax: usize,
    pub(super) mmax: usize,
    pub(super) max_neighbors: usize,
    pub(super) cutoff: f64,
    pub(super) edge_channels: usize,
    distance_function: String,
    pub(super) num_distance_basis: usize,
    direct_forces: bool,
    direct_stress: bool,
    pub(super) num_layers: usize,
    pub(super) hidden_channels: usize,
    norm_type: String,
    act_type: String,
    ff_type: String,
    chg_spin_emb_type: String,
    dataset_list: Option<Vec<String>>,
    dataset_mapping: Option<BTreeMap<String, String>>,
    use_dataset_embedding: bool,
    charge_balanced_channels: Option<Vec<usize>>,
    spin_balanced_channels: Option<Vec<usize>>,
    pub(super) num_experts: usize,
    use_composition_embedding: bool,
    moe_expert_coefficient_norm: String,
    act: Json,
    layers_moe: Json,
    moe_single: bool,
    moe_type: String,
    model_version: Json,
    // Known, and without influence on what is computed here: training, devices, the upstream's own routes to the same numbers.
    grid_resolution: Json,
    num_sphere_samples: Json,
    otf_graph: Json,
    use_pbc: Json,
    use_pbc_single: Json,
    regress_forces: Json,
    regress_stress: Json,
    regress_hessian: Json,
    hessian_vmap: Json,
    activation_checkpointing: Json,
    cs_emb_grad: Json,
    dataset_emb_grad: Json,
    use_cuda_graph_wigner: Json,
    use_quaternion_wigner: Json,
    radius_pbc_version: Json,
    always_use_pbc: Json,
    edge_chunk_size: Json,
    execution_mode: Json,
    moe_dropout: Json,
    use_global_embedding: Json,
    composition_dropout: Json,
    moe_layer_type: Json,
}

impl Default for Backbone {
    fn default() -> Self {
        Self {
            model: String::new(),
            max_num_elements: 100,
            sphere_channels: 128,
            lmax: 2,
            mmax: 2,
            max_neighbors: 300,
            cutoff: 5.0,
            edge_channels: 128,
            distance_function: "gaussian".into(),
            num_distance_basis: 512,
            direct_forces: true,
            direct_stress: false,
            num_layers: 2,
            hidden_channels: 128,
            norm_type: "rms_norm_sh".into(),
            act_type: "gate".into(),
            ff_type: "grid".into(),
            chg_spin_emb_type: "pos_emb".into(),
            dataset_list: None,
            dataset_mapping: None,
            use_dataset_embedding: true,
            charge_balanced_channels: None,
            spin_balanced_channels: None,
            num_experts: 8,
            use_composition_embedding: false,
            moe_expert_coefficient_norm: "softmax".into(),
            act: Json::Null,
            layers_moe: Json::Null,
            moe_single: false,
            moe_type: "so2".into(),
            model_version: Json::Null,
            grid_resolution: Json::Null,
            num_sphere_samples: Json::Null,
            otf_graph: Json::Null,
            use_pbc: Json::Null,
            use_pbc_single: Json::Null,
            regress_forces: Json::Null,
            regress_stress: Json::Null,
            regress_hessian: Json::Null,
            hessian_vmap: Json::Null,
            activation_checkpointing: Json::Null,
            cs_emb_grad: Json::Null,
            dataset_emb_grad: Json::Null,
            use_cuda_graph_wigner: Json::Null,
            use_quaternion_wigner: Json::Null,
            radius_pbc_version: Json::Null,
            always_use_pbc: Json::Null,
            edge_chunk_size: Json::Null,
            execution_mode: Json::Null,
            moe_dropout: Json::Null,
            use_global_embedding: Json::Null,
            composition_dropout: Json::Null,
            moe_layer_type: Json::Null,
        }
    }
}

/// Which UMA a file holds: what upstream keys differences of behaviour on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation(String);

impl Generation {
    /// As upstream calls it: `UMA-1.0`, `UMA-1.1`, `UMA-S-1.2`, `UMA-S-1.2.1`.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether the mean over the composition counts one zero too many, a slip of these generations that their weights were trained with.
    pub(super) fn counts_a_zero(&self) -> bool {
        matches!(self.0.as_str(), "UMA-1.0" | "UMA-S-1.2")
    }
}

/// `model_config` of a checkpoint.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) backbone: Backbone,
    pub(super) generation: Generation,
    /// Name of the head that gives the energy.
    pub(super) head: String,
}

/// Hyperparameters that this port cannot use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnsupportedConfig {
    /// The settings do not have the form of UMA's.
    #[error("`model_config` is not UMA's: {0}")]
    Form(String),
    /// A file that does not say which UMA it is, and is not the first.
    #[error(
        "it has no `model_id`, its `model_version` is {version}, and it has {later}, which UMA 1.0 had not: which generation it is cannot be told, and they differ in their numbers"
    )]
    Untagged {
        /// What the file says.
        version: String,
        /// What the first release did not have.
        later: &'static str,
    },
    /// Something else than UMA.
    #[error("its backbone `{0}` with {1} experts is not UMA's (eSCNMDMoeBackbone with at least one)")]
    OtherModel(String, usize),
    /// A hyperparameter that this port does not cover.
    #[error(transparent)]
    Value(#[from] NotCovered),
}

impl Config {
    pub(super) fn from_json(mut config: Json) -> Result<Self, UnsupportedConfig> {
        let form = |what: &str| UnsupportedConfig::Form(what.into());
        let fields = config.as_object_mut().ok_or_else(|| form("it is no dictionary"))?;
        let backbone = fields.remove("backbone").ok_or_else(|| form("it has no `backbone`"))?;
        let backbone: Backbone =
            serde_json::from_value(backbone).map_err(|error| UnsupportedConfig::Form(format!("backbone: {error}")))?;
        if !backbone.model.ends_with("eSCNMDMoeBackbone") && backbone.model != "escnmd_moe_backbone"
            || backbone.num_experts == 0
        {
            return Err(UnsupportedConfig::OtherModel(backbone.model.clone(), backbone.num_experts));
        }
        let (head, settings) = only_head(&config).map_err(UnsupportedConfig::Form)?;
        check_head(settings)?;
        let generation = match config.get("model_id").and_then(Json::as_str) {
            Some(id) if !id.trim().is_empty() => Generation(id.into()),
            _ => untagged(&backbone, settings)?,
        };
        let config = Self { generation, head: head.clone(), backbone };
        config.backbone.validate()?;
        Ok(config)
    }
}

/// The generation of a file without `model_id`. UMA 1.1 has a `model_version`; UMA 1.0 has not even that, or upstream's
/// default of it, 1.0, and what it is made of must tell it from later models that were not tagged.
fn untagged(backbone: &Backbone, head: &Json) -> Result<Generation, UnsupportedConfig> {
    let version = &backbone.model_version;
    let is = |number: f64, text: &str| version.as_f64() == Some(number) || version.as_str() == Some(text);
    if is(1.1, "1.1") {
        return Ok(Generation("UMA-1.1".into()));
    }
    let module = head.get("module").and_then(Json::as_str).unwrap_or_default();
    let of_first = ["DatasetSpecificSingleHeadWrapper", "dataset_specific_single_head_wrapper"];
    let later = [
        (!version.is_null() && !is(1.0, "1.0"), "a version"),
        (backbone.dataset_mapping.is_some(), "a `dataset_mapping`"),
        (backbone.charge_balanced_channels.is_some(), "`charge_balanced_channels`"),
        (backbone.spin_balanced_channels.is_some(), "`spin_balanced_channels`"),
        (!of_first.iter().any(|name| module.ends_with(name)), "another head"),
    ];
    match later.into_iter().find(|(found, _)| *found) {
        Some((_, later)) => Err(UnsupportedConfig::Untagged { version: version.to_string(), later }),
        None => Ok(Generation("UMA-1.0".into())),
    }
}

/// The energy by an MLP, the rest by gradients; the same for all tasks or with one expert a task.
fn check_head(settings: &Json) -> Result<(), UnsupportedConfig> {
    let text = |name: &str| settings.get(name).and_then(Json::as_str).unwrap_or_default();
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let class = last(text("head_cls"));
    if !matches!(class.as_str(), "MLP_EFS_Head" | "mlp_efs_head") {
        return Err(NotCovered { name: "head_cls", found: class, expected: "MLP_EFS_Head" }.into());
    }
    let module = last(text("module"));
    let known = [
        "DatasetSpecificSingleHeadWrapper",
        "DatasetSpecificMoEWrapper",
        "dataset_specific_single_head_wrapper",
        "dataset_specific_moe_wrapper",
    ];
    if !known.contains(&module.as_str()) {
        let expected = "DatasetSpecificSingleHeadWrapper or DatasetSpecificMoEWrapper";
        return Err(NotCovered { name: "heads.module", found: module, expected }.into());
    }
    Ok(())
}

impl Backbone {
    fn validate(&self) -> Result<(), UnsupportedConfig> {
        let null = |value: &Json| if value.is_null() { "null".to_owned() } else { value.to_string() };
        check_choices([
            ("distance_function", self.distance_function.clone(), "gaussian"),
            ("direct_forces", self.direct_forces.to_string(), "false"),
            ("direct_stress", self.direct_stress.to_string(), "false"),
            ("norm_type", self.norm_type.clone(), "rms_norm_sh"),
            ("act_type", self.act_type.clone(), "gate"),
            ("ff_type", self.ff_type.clone(), "spectral"),
            ("chg_spin_emb_type", self.chg_spin_emb_type.clone(), "rand_emb"),
            ("use_dataset_embedding", self.use_dataset_embedding.to_string(), "true"),
            ("use_composition_embedding", self.use_composition_embedding.to_string(), "true"),
            ("moe_expert_coefficient_norm", self.moe_expert_coefficient_norm.clone(), "softmax"),
            ("act", null(&self.act), "null"),
            ("layers_moe", null(&self.layers_moe), "null"),
            ("moe_single", self.moe_single.to_string(), "false"),
            ("moe_type", self.moe_type.clone(), "so2"),
        ])?;
        let experts = self.num_experts;
        if !(1..=4096).contains(&experts) {
            let found = experts.to_string();
            return Err(NotCovered { name: "num_experts", found, expected: "1 to 4096 experts" }.into());
        }
        self.sizes().check()?;
        let balanced = [&self.charge_balanced_channels, &self.spin_balanced_channels];
        for (channels, name) in balanced.into_iter().zip(["charge_balanced_channels", "spin_balanced_channels"]) {
            if channels.iter().flatten().any(|channel| *channel >= self.sphere_channels) {
                let found = format!("{channels:?}");
                return Err(NotCovered { name, found, expected: "channels below sphere_channels" }.into());
            }
        }
        self.datasets().map(|_| ())
    }

    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            lmax: self.lmax,
            mmax: self.mmax,
            num_layers: self.num_layers,
            sphere_channels: self.sphere_channels,
            hidden_channels: self.hidden_channels,
            edge_channels: self.edge_channels,
            num_distance_basis: self.num_distance_basis,
            max_num_elements: self.max_num_elements,
            cutoff: self.cutoff,
        }
    }

    /// From the names of tasks to those of their embeddings and heads.
    pub(super) fn datasets(&self) -> Result<BTreeMap<String, String>, UnsupportedConfig> {
        match (&self.dataset_list, &self.dataset_mapping) {
            (Some(list), None) if !list.is_empty() => {
                Ok(list.iter().map(|name| (name.clone(), name.clone())).collect())
            }
            (None, Some(mapping)) if !mapping.is_empty() => Ok(mapping.clone()),
            _ => Err(UnsupportedConfig::Form("backbone: one of `dataset_list`, `dataset_mapping` was expected".into())),
        }
    }

    /// Channels of degree 0 that are shifted after each layer, and the sum that they are shifted to.
    pub(super) fn balanced(&self, charge: i32, spin: i32) -> Vec<(usize, f64)> {
        let channels = |list: &Option<Vec<usize>>, sum: f64| {
            list.iter().flatten().map(|channel| (*channel, sum)).collect::<Vec<_>>()
        };
        let mut all = channels(&self.charge_balanced_channels, f64::from(charge));
        all.extend(channels(&self.spin_balanced_channels, f64::from(spin) - 1.0));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn files_without_a_tag_are_of_the_first_release_only_where_nothing_speaks_against_it() {
        let head = json!({ "module": "fairchem.core.models.base.DatasetSpecificSingleHeadWrapper" });
        let of = |backbone: &Backbone, head: &Json| match untagged(backbone, head) {
            Ok(generation) => generation.0,
            Err(UnsupportedConfig::Untagged { later, .. }) => later.to_owned(),
            Err(other) => panic!("{other}"),
        };
        let version = |version: Json| Backbone { model_version: version, ..Backbone::default() };
        assert_eq!(of(&Backbone::default(), &head), "UMA-1.0");
        for (text, found) in [(json!(1.0), "UMA-1.0"), (json!("1.1"), "UMA-1.1"), (json!(1.2), "a version")] {
            assert_eq!(of(&version(text), &head), found);
        }
        let mapped = Backbone { dataset_mapping: Some(Default::default()), ..Backbone::default() };
        assert_eq!(of(&mapped, &head), "a `dataset_mapping`");
        let charged = Backbone { charge_balanced_channels: Some(Default::default()), ..Backbone::default() };
        assert_eq!(of(&charged, &head), "`charge_balanced_channels`");
        let spun = Backbone { spin_balanced_channels: Some(Default::default()), ..Backbone::default() };
        assert_eq!(of(&spun, &head), "`spin_balanced_channels`");
        assert_eq!(of(&Backbone::default(), &json!({ "module": "DatasetSpecificMoEWrapper" })), "another head");
    }
}
