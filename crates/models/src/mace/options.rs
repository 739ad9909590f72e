//! Options of MACE.

use crate::device;
use crate::options::OptionInfo;
use serde::Deserialize;

/// Options of MACE.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Head of a file with several.
    pub head: Option<String>,
    /// The radial networks themselves instead of their tables.
    pub exact_radial: bool,
    /// Where it is computed; cards compute radial networks themselves in any case.
    pub device: Option<String>,
}

/// Their descriptions, for users.
pub(super) static OPTIONS: &[OptionInfo] = &[
    OptionInfo {
        key: "head",
        about: "head of a file with several: `mlip-batch models` cannot list them, loading without one does",
        default: "the only one",
    },
    OptionInfo {
        key: "exact_radial",
        about: "computes the radial networks themselves instead of their tables: slower, differs by rounding",
        default: "false",
    },
    device::DEVICE,
];
