//! Potentials on any structures that readers let through: where kernels read and write.

use mlip_atoms::{Deadline, Potential, Precision, Request};
use mlip_formats::{check_matter, parse_xyz};
use mlip_models::registry::{Selection, load};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Small models of each kind, by the paths of their files in the tests of `mlip-models`.
const MODELS: [(&str, &str); 6] = [
    ("chgnet", "chgnet/chgnet_tiny.pth.tar"),
    ("mace", "mace/tiny_mp0/tiny_mp0.model"),
    ("sevennet", "sevennet/tiny_so3_linear_xplor/tiny_so3_linear_xplor.pth"),
    ("mattersim", "mattersim/tiny.pth"),
    ("orb", "orb/orb_tiny_conservative.ckpt"),
    ("uma", "uma/uma_tiny_s1p1.pt"),
];

/// Of each in single and in double precision; loaded when the first structure comes.
fn potentials() -> &'static [Arc<dyn Potential>] {
    static POTENTIALS: OnceLock<Vec<Arc<dyn Potential>>> = OnceLock::new();
    POTENTIALS.get_or_init(|| {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/models/tests");
        let of = |(name, file): (&str, &str), precision| {
            let mut selection = Selection::named(name).with_file(tests.join(file)).with_precision(precision);
            if name == "uma" {
                selection = selection.with_option("task", "omat");
            }
            load(&selection).expect("a file of the tests")
        };
        MODELS
            .into_iter()
            .flat_map(|model| [Precision::F32, Precision::F64].map(|precision| of(model, precision)))
            .collect()
    })
}

/// The first byte chooses the potential; what follows is a structure in extended XYZ. Nothing where it is none, or too large.
fn predicted(bytes: &[u8]) -> Option<Result<usize, String>> {
    const MOST_ATOMS: usize = 40;
    const MOST_BYTES: u64 = 1 << 28;
    let (first, rest) = bytes.split_first()?;
    let (structure, _) = parse_xyz(rest).and_then(|parsed| check_matter(parsed, true)).ok()?;
    let potentials = potentials();
    let potential = &potentials[usize::from(*first) % potentials.len()];
    if structure.n_atoms() > MOST_ATOMS || potential.working_bytes(&structure) > MOST_BYTES {
        return None;
    }
    let request = Request { forces: true, atom_features: true };
    let result = potential.predict(&[&structure], request, &Deadline::after(Duration::from_secs(5))).pop()?;
    if let Ok(prediction) = &result {
        assert_eq!(prediction.forces.len(), structure.n_atoms());
    }
    Some(result.map(|prediction| prediction.forces.len()).map_err(|error| error.to_string()))
}

pub(crate) fn evaluate(bytes: &[u8]) {
    if let Some(Err(message)) = predicted(bytes) {
        assert!(!message.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_potential_computes_its_seed() {
        let seeds = crate::seeds("evaluate");
        assert_eq!(seeds.len(), potentials().len());
        for (path, bytes) in seeds {
            assert_eq!(predicted(&bytes), Some(Ok(2)), "{}", path.display());
        }
    }
}
