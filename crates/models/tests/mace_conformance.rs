//! What every potential must satisfy, for MACE.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod conformance;

use conformance::{checks, on_the_crystal};
use mlip_atoms::{
    Deadline, DeviceError, Engine, EngineKind, EngineResources, Potential, PotentialId, Precision, PredictError,
    Prediction, Request, Species, Structure,
};
use mlip_models::mace::{Descriptors, Mace, Options};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// MACE with the scalars among its features: the others turn with the crystal.
struct Scalars(Mace);

impl Potential for Scalars {
    fn id(&self) -> &PotentialId {
        self.0.id()
    }

    fn supports(&self, species: Species) -> bool {
        self.0.supports(species)
    }

    fn cost(&self, structure: &Structure) -> f64 {
        self.0.cost(structure)
    }

    fn weight_bytes(&self) -> u64 {
        self.0.weight_bytes()
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        self.0.working_bytes(structure)
    }

    fn open(self: Arc<Self>, _: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        Err(DeviceError::Lost("only `predict` is tested here".into()))
    }

    fn predict(
        &self,
        structures: &[&Structure],
        request: Request,
        deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>> {
        let mut predictions = self.0.predict(structures, request, deadline);
        for (prediction, structure) in predictions.iter_mut().zip(structures) {
            let Ok(Prediction { atom_features: Some(features), .. }) = prediction else { continue };
            *features = self.0.descriptors(structure, Descriptors::Invariant).unwrap();
        }
        predictions
    }
}

/// Every block, in double precision: models of the repository, and the larger ones where they are at hand.
fn potentials() -> Vec<Scalars> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mace");
    let mut models = Vec::new();
    for (name, head) in [
        ("tiny_mp0", None),
        ("density_zbl_agnesi", None),
        ("two_heads", Some("Default")),
        ("two_heads", Some("pbe_d3")),
        ("plain_l012", None),
        ("mh1_style", None),
        ("format_0_3_3", None),
    ] {
        models.push((here.join(format!("{name}/{name}.model")), head));
    }
    match std::env::var_os("MLIP_REFERENCE_DIR").map(PathBuf::from) {
        Some(reference) => models.extend(
            ["small_l0", "medium_angular", "mace_noscale"]
                .map(|name| (reference.join(format!("mace/fixtures/{name}/{name}.model")), None)),
        ),
        None => eprintln!("skipped: three models, MLIP_REFERENCE_DIR is not set"),
    }
    let load = |(path, head): (PathBuf, Option<&str>)| {
        let head = head.map(str::to_owned);
        let options = Options { head, ..Options::default() };
        Scalars(Mace::from_file(&path, "mace", &options, Precision::F64, EngineKind::Native).unwrap())
    };
    models.into_iter().map(load).collect()
}

checks! {
    on_the_crystal(potentials()) =>
    forces_are_slopes_of_the_energy,
    stress_is_the_slope_of_the_energy,
    a_rotation_turns_forces_and_stress,
    an_inversion_turns_forces_round,
    translations_change_nothing,
    a_permutation_permutes_the_results,
    a_supercell_is_its_cell_twice,
    the_choice_of_lattice_vectors_changes_nothing,
}
