//! ORB v3 for the registry.

use super::error::LoadError;
use super::potential::Orb;
use crate::entry::{Entry, LoadCause, Selection};
use crate::options::{self, OptionError};
use mlip_atoms::Potential;
use serde::Deserialize;
use std::sync::Arc;

/// ORB has no options: the name says which model it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Options {}

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[
    orb_v3(
        "orb-v3-conservative-inf-omat",
        &["orb", "orb_v3_conservative_inf_omat"],
        "ORB v3: conservative model, up to 120 neighbors, OMat24",
    ),
    orb_v3(
        "orb-v3-conservative-20-omat",
        &["orb_v3_conservative_20_omat"],
        "ORB v3: conservative model, 20 neighbors, OMat24",
    ),
    orb_v3(
        "orb-v3-conservative-inf-mpa",
        &["orb_v3_conservative_inf_mpa"],
        "ORB v3: conservative model, up to 120 neighbors, MPtrj and Alexandria",
    ),
    orb_v3(
        "orb-v3-conservative-20-mpa",
        &["orb_v3_conservative_20_mpa"],
        "ORB v3: conservative model, 20 neighbors, MPtrj and Alexandria",
    ),
    orb_v3(
        "orb-v3-direct-inf-omat",
        &["orb_v3_direct_inf_omat"],
        "ORB v3: forces and stress from heads, up to 120 neighbors, OMat24",
    ),
    orb_v3(
        "orb-v3-direct-20-omat",
        &["orb_v3_direct_20_omat"],
        "ORB v3: forces and stress from heads, 20 neighbors, OMat24",
    ),
    orb_v3(
        "orb-v3-direct-inf-mpa",
        &["orb_v3_direct_inf_mpa"],
        "ORB v3: forces and stress from heads, up to 120 neighbors, MPtrj and Alexandria",
    ),
    orb_v3(
        "orb-v3-direct-20-mpa",
        &["orb_v3_direct_20_mpa"],
        "ORB v3: forces and stress from heads, 20 neighbors, MPtrj and Alexandria",
    ),
];

/// One of the models.
const fn orb_v3(name: &'static str, aliases: &'static [&'static str], about: &'static str) -> Entry {
    Entry {
        name,
        aliases,
        options: &[],
        about,
        built_in: None,
        files: "upstream's `.ckpt` (https://github.com/orbital-materials/orb-models), named like the model",
        endings: &[".ckpt"],
        // Models of 20 and of 120 neighbors cannot be told apart by what is in the file.
        any_file: None,
        published: &[],
        licence: "Apache-2.0",
        check,
        load,
    }
}

fn check(selection: &Selection) -> Result<(), OptionError> {
    options::parse::<Options>(&selection.name, &selection.options).map(|Options {}| ())
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    check(selection)?;
    let file = selection.file.as_deref().ok_or_else(|| LoadError::NoFile(selection.name.clone()))?;
    Ok(Arc::new(Orb::from_file(&selection.name, file, selection.precision, selection.engine)?))
}
