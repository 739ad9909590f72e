//! The published models by name.

use super::error::LoadError;
use super::kind::Kind;
use std::path::Path;

/// A published model: what its name says and its file does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// Upstream's name, with hyphens.
    pub name: &'static str,
    /// How forces come about.
    pub kind: Kind,
    /// Neighbors that an atom has at most, nearest first: `inf` means 120.
    pub max_neighbors: usize,
    /// Whether charge and spin of a structure count: OrbMol.
    pub conditioned: bool,
}

const fn variant(name: &'static str, kind: Kind, max_neighbors: usize) -> Variant {
    Variant { name, kind, max_neighbors, conditioned: false }
}

const fn of_molecules(name: &'static str, kind: Kind) -> Variant {
    Variant { conditioned: true, ..variant(name, kind, 120) }
}

/// All of them; the first is what `orb` stands for.
pub static VARIANTS: &[Variant] = &[
    variant("orb-v3-conservative-inf-omat", Kind::Conservative, 120),
    variant("orb-v3-conservative-20-omat", Kind::Conservative, 20),
    variant("orb-v3-conservative-inf-mpa", Kind::Conservative, 120),
    variant("orb-v3-conservative-20-mpa", Kind::Conservative, 20),
    variant("orb-v3-direct-inf-omat", Kind::Direct, 120),
    variant("orb-v3-direct-20-omat", Kind::Direct, 20),
    variant("orb-v3-direct-inf-mpa", Kind::Direct, 120),
    variant("orb-v3-direct-20-mpa", Kind::Direct, 20),
    of_molecules("orb-v3-conservative-omol", Kind::Conservative),
    of_molecules("orb-v3-direct-omol", Kind::Direct),
];

impl Variant {
    /// The model of this name, hyphens or underscores; `orb` is the first. OrbMol has upstream's other names as well.
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = name.replace('_', "-");
        let name = match name.as_str() {
            "orb" => return VARIANTS.first(),
            "orbmol-v1-conservative" => "orb-v3-conservative-omol",
            "orbmol-v1-direct" => "orb-v3-direct-omol",
            name => name,
        };
        VARIANTS.iter().find(|variant| variant.name == name)
    }

    /// Whether its networks have a head for the stress, or give it as a gradient. OrbMol's direct model has none.
    pub fn has_stress(&self) -> bool {
        !(self.conditioned && self.kind == Kind::Direct)
    }

    /// Refuses a file that is named after another model: what tells 20 neighbors from 120 is the name alone.
    ///
    /// # Errors
    /// [`LoadError::OtherModel`] with both names.
    pub(crate) fn check_file_name(&self, path: &Path) -> Result<(), LoadError> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase().replace('_', "-"));
        let other = name.and_then(|name| VARIANTS.iter().find(|variant| name.contains(variant.name)));
        match other {
            Some(other) if other != self => Err(LoadError::OtherModel { expected: self.name, found: other.name }),
            _ => Ok(()),
        }
    }
}
