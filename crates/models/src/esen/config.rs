//! Hyperparameters.

use crate::escn::config::{NotCovered, Sizes, check_choices, only_head};
use serde::Deserialize;
use serde_json::Value as Json;
use thiserror::Error;

/// The backbone's hyperparameters by upstream's names; what is left out takes the defaults of upstream's constructor. A name
/// that this constructor does not know is refused, as upstream does.
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
    pub(super) num_layers: usize,
    pub(super) hidden_channels: usize,
    norm_type: String,
    act_type: String,
    mlp_type: String,
    /// Whether messages vanish at the cutoff.
    pub(super) use_envelope: bool,
    use_pbc: bool,
    // Known, and without influence here: grids that a gate does not need, routes to the same edges, what the head decides,
    // memory in training.
    grid_resolution: Json,
    otf_graph: Json,
    use_pbc_single: Json,
    direct_forces: Json,
    regress_forces: Json,
    regress_stress: Json,
    activation_checkpointing: Json,
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
            num_layers: 2,
            hidden_channels: 128,
            norm_type: "rms_norm_sh".into(),
            act_type: "s2".into(),
            mlp_type: "grid".into(),
            use_envelope: false,
            use_pbc: true,
            grid_resolution: Json::Null,
            otf_graph: Json::Null,
            use_pbc_single: Json::Null,
            direct_forces: Json::Null,
            regress_forces: Json::Null,
            regress_stress: Json::Null,
            activation_checkpointing: Json::Null,
        }
    }
}

/// `config` of a checkpoint, as far as it says what the network is.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) backbone: Backbone,
    /// Name of the head that gives the energy.
    pub(super) head: String,
}

/// Hyperparameters that this port cannot use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnsupportedConfig {
    /// The settings do not have the form of eSEN's.
    #[error("`config` is not eSEN's: {0}")]
    Form(String),
    /// A hyperparameter that this port does not cover.
    #[error(transparent)]
    Value(#[from] NotCovered),
}

impl Config {
    /// From `config`: `{model: {name: hydra, backbone, heads}}`, or in older files `{model: hydra, model_attributes}`.
    pub(super) fn from_json(config: &Json) -> Result<Self, UnsupportedConfig> {
        let form = |what: &str| UnsupportedConfig::Form(what.into());
        let model = config.get("model_attributes").or_else(|| config.get("model"));
        let model = model.ok_or_else(|| form("it has no `model`"))?;
        let backbone = model.get("backbone").ok_or_else(|| form("its `model` has no `backbone`"))?;
        let name = backbone.get("model").and_then(Json::as_str).unwrap_or_default();
        if name != "esen_backbone" && !name.ends_with(".eSEN_Backbone") {
            return Err(form(&format!("its backbone is `{name}`, not `esen_backbone`")));
        }
        let backbone: Backbone =
            serde_json::from_value(backbone.clone()).map_err(|error| form(&format!("backbone: {error}")))?;
        let (head, settings) = only_head(model).map_err(UnsupportedConfig::Form)?;
        let module = settings.get("module").and_then(Json::as_str).unwrap_or_default();
        if module != "esen_mlp_efs_head" && !module.ends_with("esen.MLP_EFS_Head") {
            let expected = "esen_mlp_efs_head, whose forces are slopes of the energy";
            return Err(NotCovered { name: "heads.module", found: module.into(), expected }.into());
        }
        backbone.validate()?;
        Ok(Self { head: head.clone(), backbone })
    }
}

impl Backbone {
    fn validate(&self) -> Result<(), UnsupportedConfig> {
        check_choices([
            ("distance_function", self.distance_function.clone(), "gaussian"),
            ("norm_type", self.norm_type.clone(), "rms_norm_sh"),
            ("act_type", self.act_type.clone(), "gate"),
            ("mlp_type", self.mlp_type.clone(), "spectral"),
            ("use_pbc", self.use_pbc.to_string(), "true"),
        ])?;
        Ok(self.sizes().check()?)
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(change: impl FnOnce(&mut Json)) -> Result<Config, UnsupportedConfig> {
        let backbone = json!({ "model": "esen_backbone", "act_type": "gate", "mlp_type": "spectral", "cutoff": 6 });
        let heads = json!({ "mptrj": { "module": "esen_mlp_efs_head" } });
        let mut config = json!({ "model": { "name": "hydra", "backbone": backbone, "heads": heads } });
        change(&mut config["model"]);
        Config::from_json(&config)
    }

    #[test]
    fn what_is_left_out_has_upstreams_defaults_and_what_is_not_covered_is_refused_by_name() {
        let found = config(|_| ()).unwrap();
        assert_eq!(
            (found.head.as_str(), found.backbone.num_distance_basis, found.backbone.cutoff),
            ("mptrj", 512, 6.0)
        );
        let refused = |change: fn(&mut Json)| config(change).unwrap_err().to_string();
        assert_eq!(
            refused(|model| model["backbone"]["act_type"] = json!("s2")),
            "hyperparameter `act_type` is s2; this port computes gate"
        );
        assert!(refused(|model| model["backbone"]["width"] = json!(3)).contains("unknown field `width`"));
        assert!(refused(|model| model["backbone"]["cutoff"] = json!(-1.0)).contains("`cutoff` is -1"));
        assert!(refused(|model| model["backbone"]["model"] = json!("escn_backbone")).contains("`escn_backbone`, not"));
        assert!(refused(|model| model["heads"]["second"] = json!({})).contains("2 heads"));
        let module = |model: &mut Json| model["heads"]["mptrj"]["module"] = json!("esen_linear_force_head");
        assert!(config(module).unwrap_err().to_string().contains("slopes of the energy"));
    }
}
