//! Options of SevenNet.

use crate::options::OptionInfo;
use serde::Deserialize;

/// Options of SevenNet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Kind of reference calculation, where the model was trained on several.
    pub modal: Option<String>,
}

/// Their descriptions, for users.
pub(super) static OPTIONS: &[OptionInfo] = &[OptionInfo {
    key: "modal",
    about: "kind of reference calculation of a checkpoint that was trained on several, such as PBE or R2SCAN: loading \
            without one lists them",
    default: "the only one",
}];
