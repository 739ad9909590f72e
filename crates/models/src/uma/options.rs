//! Options of UMA.

use crate::device::{DEVICE, PRODUCTS};
use crate::options::OptionInfo;
use serde::Deserialize;

/// Options of UMA.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Options {
    /// What kind of reference calculation is predicted: `omat` unless said otherwise.
    pub task: Option<String>,
    /// Total charge, elementary charges; 0 unless said otherwise.
    pub charge: Option<i32>,
    /// Spin multiplicity; 0 (not said) unless said otherwise, 1 for the task `omol`, as upstream has it.
    pub spin: Option<i32>,
    /// Where it is computed.
    pub device: Option<String>,
    /// How products are computed there.
    pub products: Option<String>,
}

/// Their descriptions, for users.
pub(super) static OPTIONS: &[OptionInfo] = &[
    OptionInfo {
        key: "task",
        about: "kind of reference calculation: omat (inorganic materials), omol (molecules), omc (molecular crystals), oc20, odac, …",
        default: "omat",
    },
    OptionInfo { key: "charge", about: "total charge of the cell, elementary charges", default: "0" },
    OptionInfo { key: "spin", about: "spin multiplicity; 0 means not said", default: "0, for task=omol 1" },
    DEVICE,
    PRODUCTS,
];
