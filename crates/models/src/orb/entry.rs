//! ORB v3 for the registry.

#[cfg(feature = "cuda")]
use super::cuda::CudaOrb;
use super::error::LoadError;
use super::potential::Orb;
use super::variant::Variant;
use crate::device::{DEVICE, PRODUCTS, Place, ProductsName};
use crate::energies::Energies;
use crate::entry::{Entry, LoadCause, Selection, WITH_MATRIX_UNIT};
use crate::options::{self, OptionError, OptionInfo};
use crate::released::{self, on_this_machine};
use mlip_atoms::Potential;
#[cfg(feature = "cuda")]
use mlip_gpu::Products;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Options of ORB; the name says which model it is. Direct models have none: they do not run on cards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Where it is computed.
    pub device: Option<String>,
    /// How products are computed there.
    pub products: Option<String>,
}

/// Options of direct models.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NoOptions {}

/// Options of OrbMol.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MoleculeOptions {
    /// Total charge, elementary charges; 0 unless said otherwise.
    charge: Option<i32>,
    /// Spin multiplicity; 1 unless said otherwise, 0 means not said.
    spin: Option<i32>,
}

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
    direct(
        "orb-v3-direct-inf-omat",
        &["orb_v3_direct_inf_omat"],
        "ORB v3: forces and stress from heads, up to 120 neighbors, OMat24",
    ),
    direct(
        "orb-v3-direct-20-omat",
        &["orb_v3_direct_20_omat"],
        "ORB v3: forces and stress from heads, 20 neighbors, OMat24",
    ),
    direct(
        "orb-v3-direct-inf-mpa",
        &["orb_v3_direct_inf_mpa"],
        "ORB v3: forces and stress from heads, up to 120 neighbors, MPtrj and Alexandria",
    ),
    direct(
        "orb-v3-direct-20-mpa",
        &["orb_v3_direct_20_mpa"],
        "ORB v3: forces and stress from heads, 20 neighbors, MPtrj and Alexandria",
    ),
    of_molecules(
        "orb-v3-conservative-omol",
        &["orb_v3_conservative_omol", "orbmol-v1-conservative"],
        "OrbMol: ORB v3 with charge and spin, conservative model, up to 120 neighbors, OMol25",
    ),
    of_molecules(
        "orb-v3-direct-omol",
        &["orb_v3_direct_omol", "orbmol-v1-direct"],
        "OrbMol: ORB v3 with charge and spin, forces from a head, no stress, up to 120 neighbors, OMol25",
    ),
];

/// One of the models with charge and spin, which run on cores only.
const fn of_molecules(name: &'static str, aliases: &'static [&'static str], about: &'static str) -> Entry {
    Entry { options: CHARGE_AND_SPIN, check: check_molecules, load: load_molecules, ..orb_v3(name, aliases, about) }
}

/// One of the models that run on cores only.
const fn direct(name: &'static str, aliases: &'static [&'static str], about: &'static str) -> Entry {
    Entry { options: &[], check: check_direct, load: load_direct, ..orb_v3(name, aliases, about) }
}

/// One of the models.
const fn orb_v3(name: &'static str, aliases: &'static [&'static str], about: &'static str) -> Entry {
    Entry {
        name,
        aliases,
        options: OPTIONS,
        about,
        precisions: WITH_MATRIX_UNIT,
        built_in: None,
        files: "upstream's `.ckpt`, named like the model; without one, what `mlip-batch models get` fetched",
        endings: &[".ckpt"],
        // Models of 20 and of 120 neighbors cannot be told apart by what is in the file.
        any_file: None,
        published: &[],
        licence: "Apache-2.0",
        energies: trained_on,
        check,
        load,
    }
}

const OPTIONS: &[OptionInfo] = &[DEVICE, PRODUCTS];

const CHARGE_AND_SPIN: &[OptionInfo] = &[
    OptionInfo { key: "charge", about: "total charge of the cell, elementary charges", default: "0" },
    OptionInfo { key: "spin", about: "spin multiplicity; 0 means not said", default: "1" },
];

/// Names end in what models were trained on.
fn trained_on(selection: &Selection) -> Option<Energies> {
    Variant::named(&selection.name).map(|variant| match variant.name.rsplit('-').next() {
        Some("mpa") => Energies::MaterialsProject,
        Some("omol") => Energies::Omol25,
        _ => Energies::Omat24,
    })
}

fn place(selection: &Selection) -> Result<(Place, ProductsName), OptionError> {
    let Options { device, products } = options::parse::<Options>(&selection.name, &selection.options)?;
    let place = Place::of(selection, device.as_deref())?;
    Ok((place, ProductsName::of(selection, place, products.as_deref())?))
}

fn check(selection: &Selection) -> Result<(), OptionError> {
    place(selection).map(|_| ())
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    match place(selection)? {
        (Place::Cores, _) => load_on_cores(selection),
        #[cfg(feature = "cuda")]
        (Place::Cuda { ordinal }, products) => load_on_card(selection, ordinal, products),
        #[cfg(not(feature = "cuda"))]
        (Place::Cuda { .. }, _) => Err("this program was built without CUDA".into()),
    }
}

fn check_direct(selection: &Selection) -> Result<(), OptionError> {
    options::parse::<NoOptions>(&selection.name, &selection.options).map(|NoOptions {}| ())
}

fn load_direct(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    check_direct(selection)?;
    load_on_cores(selection)
}

fn molecule_options(selection: &Selection) -> Result<MoleculeOptions, OptionError> {
    // An option that it has not; but other models of this family have it, so a word more is in place.
    if let Some(device) = selection.options.get("device").filter(|device| device.starts_with("cuda")) {
        return Err(OptionError::Unusable {
            model: selection.name.clone(),
            key: "device".into(),
            value: device.clone(),
            why: "models with charge and spin are computed on cores alone; leave it out".into(),
        });
    }
    options::parse::<MoleculeOptions>(&selection.name, &selection.options)
}

fn check_molecules(selection: &Selection) -> Result<(), OptionError> {
    molecule_options(selection).map(|_| ())
}

fn load_molecules(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    let MoleculeOptions { charge, spin } = molecule_options(selection)?;
    let orb = Orb::from_file(&selection.name, &file(selection)?, selection.precision, selection.engine)?;
    Ok(Arc::new(orb.with_charge_and_spin(charge.unwrap_or(0), spin.unwrap_or(1))?))
}

/// The file that is named, or the published one where it lies on this machine.
fn file(selection: &Selection) -> Result<PathBuf, LoadCause> {
    let published = || Variant::named(&selection.name).and_then(|variant| released::find(variant.name));
    match (&selection.file, published()) {
        (Some(file), _) => Ok(file.clone()),
        (None, Some(release)) => Ok(on_this_machine(release)?),
        (None, None) => Err(LoadError::NoFile(selection.name.clone()).into()),
    }
}

fn load_on_cores(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    Ok(Arc::new(Orb::from_file(&selection.name, &file(selection)?, selection.precision, selection.engine)?))
}

/// Needs no card: a plan is made on any host.
#[cfg(feature = "cuda")]
fn load_on_card(
    selection: &Selection,
    ordinal: Option<usize>,
    products: ProductsName,
) -> Result<Arc<dyn Potential>, LoadCause> {
    let products = match products {
        ProductsName::F32 => Products::F32,
        ProductsName::F16x3 => Products::F16x3,
    };
    Ok(Arc::new(CudaOrb::from_file(&selection.name, &file(selection)?, products, ordinal)?))
}
