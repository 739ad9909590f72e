//! UMA for the registry.

#[cfg(feature = "cuda")]
use super::cuda::CudaUma;
use super::error::LoadError;
use super::options::{OPTIONS, Options};
use super::potential::Uma;
use crate::device::{Place, ProductsName};
use crate::energies::Energies;
use crate::entry::{Entry, LoadCause, Selection, WITH_MATRIX_UNIT};
use crate::options::{self, OptionError};
use crate::released::{UMA, on_this_machine};
use mlip_atoms::Potential;
#[cfg(feature = "cuda")]
use mlip_gpu::Products;
use std::path::PathBuf;
use std::sync::Arc;

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[
    uma(
        "uma-s-1p1",
        &["uma", "uma_s_1p1"],
        "UMA small 1.1: energy, forces, stress; H to Es; tasks omat (inorganic materials, the default), omol, omc, oc20, odac; as `uma` it takes the checkpoint of any UMA",
    ),
    uma("uma-s-1p2", &["uma_s_1p2"], "UMA small 1.2: energy, forces, stress; tasks oc22 and oc25 as well"),
    uma("uma-s-1p2p1", &["uma_s_1p2p1"], "UMA small 1.2.1: energy, forces, stress; tasks oc22 and oc25 as well"),
    uma("uma-m-1p1", &["uma_m_1p1"], "UMA medium 1.1: energy, forces, stress; many times as costly as the small ones"),
    uma(
        "uma-s-1",
        &["uma_s_1"],
        "UMA small 1.0, the first release, as fairchem-core 2.21.0, the last that loads it, computes it: energy, forces, stress",
    ),
];

/// One of the models.
const fn uma(name: &'static str, aliases: &'static [&'static str], about: &'static str) -> Entry {
    Entry {
        name,
        aliases,
        options: OPTIONS,
        about,
        precisions: WITH_MATRIX_UNIT,
        built_in: None,
        files: "upstream's `.pt`, named like the model; without one, what `mlip-batch models get` fetched",
        endings: &[".pt"],
        any_file: if matches!(name.as_bytes(), b"uma-s-1p1") { Some("uma") } else { None },
        published: &[],
        licence: "FAIR Chemistry License v1",
        energies: of_task,
        check,
        load,
    }
}

fn of_task(selection: &Selection) -> Option<Energies> {
    match selection.options.get("task").map_or("omat", String::as_str) {
        "omat" => Some(Energies::Omat24),
        "omol" => Some(Energies::Omol25),
        "oc20" => Some(Energies::Oc20),
        "odac" => Some(Energies::Odac23),
        "omc" => Some(Energies::Omc25),
        _ => None,
    }
}

fn place(selection: &Selection, options: &Options) -> Result<(Place, ProductsName), OptionError> {
    let place = Place::of(selection, options.device.as_deref())?;
    Ok((place, ProductsName::of(selection, place, options.products.as_deref())?))
}

fn check(selection: &Selection) -> Result<(), OptionError> {
    let options = options::parse::<Options>(&selection.name, &selection.options)?;
    place(selection, &options).map(|_| ())
}

/// The file that is named, or the published one where it lies on this machine.
fn file(selection: &Selection) -> Result<PathBuf, LoadCause> {
    let entry = ENTRIES.iter().find(|entry| entry.is_called(&selection.name));
    let release = entry.and_then(|entry| UMA.iter().find(|release| release.name == entry.name));
    match (&selection.file, release) {
        (Some(file), _) => Ok(file.clone()),
        (None, Some(release)) => Ok(on_this_machine(release)?),
        (None, None) => Err(LoadError::NoFile.into()),
    }
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    let options = options::parse::<Options>(&selection.name, &selection.options)?;
    let Selection { name, precision, engine, .. } = selection;
    match place(selection, &options)? {
        (Place::Cores, _) => Ok(Arc::new(Uma::from_file(name, &file(selection)?, &options, *precision, *engine)?)),
        #[cfg(feature = "cuda")]
        (Place::Cuda { ordinal }, products) => {
            let products = match products {
                ProductsName::F32 => Products::F32,
                ProductsName::F16x3 => Products::F16x3,
            };
            Ok(Arc::new(CudaUma::from_file(name, &file(selection)?, &options, products, ordinal)?))
        }
        #[cfg(not(feature = "cuda"))]
        (Place::Cuda { .. }, _) => Err("this program was built without CUDA".into()),
    }
}
