//! The foundation models that upstream publishes, by upstream's names.
//!
//! Source: `mace.calculators.foundations_models` of mace-torch 0.3.16.

use crate::energies::Energies;
use std::path::{Path, PathBuf};

/// A published model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Upstream's name: `medium-mpa-0`.
    pub name: &'static str,
    /// Where upstream publishes it.
    pub url: &'static str,
    /// Of the weights.
    pub licence: &'static str,
    /// What its energies are energies of; `None` where heads differ in that.
    pub energies: Option<Energies>,
}

const MIT: &str = "MIT";
const ASL: &str = "ASL (academic, no commercial use; https://github.com/gabor1/ASL)";

const MP: Option<Energies> = Some(Energies::MaterialsProject);
const OMAT: Option<Energies> = Some(Energies::Omat24);
const MATPES_PBE: Option<Energies> = Some(Energies::MatPesPbe);
const MATPES_R2SCAN: Option<Energies> = Some(Energies::MatPesR2scan);

macro_rules! released {
    ($($name:literal, $licence:ident, $energies:expr, $repository:literal, $tag:literal, $file:literal;)*) => {
        /// Their names.
        pub(crate) static PUBLISHED: &[&str] = &[$($name),*];

        /// All of them.
        pub static RELEASED: &[Released] = &[$(Released {
            name: $name,
            url: concat!("https://github.com/ACEsuit/", $repository, "/releases/download/", $tag, "/", $file),
            licence: $licence,
            energies: $energies,
        }),*];
    };
}

released! {
    "small", MIT, MP, "mace-mp", "mace_mp_0", "2023-12-10-mace-128-L0_energy_epoch-249.model";
    "medium", MIT, MP, "mace-mp", "mace_mp_0", "2023-12-03-mace-128-L1_epoch-199.model";
    "large", MIT, MP, "mace-mp", "mace_mp_0", "MACE_MPtrj_2022.9.model";
    "small-0b", MIT, MP, "mace-mp", "mace_mp_0b", "mace_agnesi_small.model";
    "medium-0b", MIT, MP, "mace-mp", "mace_mp_0b", "mace_agnesi_medium.model";
    "small-0b2", MIT, MP, "mace-mp", "mace_mp_0b2", "mace-small-density-agnesi-stress.model";
    "medium-0b2", MIT, MP, "mace-mp", "mace_mp_0b2", "mace-medium-density-agnesi-stress.model";
    "large-0b2", MIT, MP, "mace-mp", "mace_mp_0b2", "mace-large-density-agnesi-stress.model";
    "medium-0b3", MIT, MP, "mace-mp", "mace_mp_0b3", "mace-mp-0b3-medium.model";
    "medium-mpa-0", MIT, MP, "mace-mp", "mace_mpa_0", "mace-mpa-0-medium.model";
    "small-omat-0", ASL, OMAT, "mace-mp", "mace_omat_0", "mace-omat-0-small.model";
    "medium-omat-0", ASL, OMAT, "mace-mp", "mace_omat_0", "mace-omat-0-medium.model";
    "mace-matpes-pbe-0", ASL, MATPES_PBE, "mace-foundations", "mace_matpes_0", "MACE-matpes-pbe-omat-ft.model";
    "mace-matpes-r2scan-0", ASL, MATPES_R2SCAN, "mace-foundations", "mace_matpes_0", "MACE-matpes-r2scan-omat-ft.model";
    "mh-0", ASL, None, "mace-foundations", "mace_mh_1", "mace-mh-0.model";
    "mh-1", ASL, None, "mace-foundations", "mace_mh_1", "mace-mh-1.model";
}

impl Released {
    /// By upstream's name.
    pub fn find(name: &str) -> Option<&'static Self> {
        RELEASED.iter().find(|model| model.name == name)
    }

    /// By upstream's name, or the name of its file where that is published.
    pub(super) fn of_file(path: &Path) -> Option<&'static Self> {
        let name = path.file_name()?.to_str()?;
        RELEASED.iter().find(|model| model.name == name || model.file_name() == name)
    }

    /// The file's name where it is published.
    pub fn file_name(&self) -> &'static str {
        self.url.rsplit('/').next().unwrap_or(self.url)
    }

    /// Where it may lie: in `folders` under its published name, or where upstream's Python keeps downloads
    /// (`$XDG_CACHE_HOME/mace`, by default `~/.cache/mace`, names without punctuation).
    pub fn places(&self, folders: &[PathBuf], cache: Option<&Path>) -> Vec<PathBuf> {
        let cached: String = self.file_name().chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
        let published = folders.iter().map(|folder| folder.join(self.file_name()));
        published.chain(cache.map(|cache| cache.join("mace").join(cached))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_files_have_places() {
        for model in RELEASED {
            assert_eq!(RELEASED.iter().filter(|other| other.name == model.name).count(), 1);
            assert!(model.file_name().ends_with(".model"));
        }
        let places = Released::find("medium-mpa-0").unwrap().places(&["/w".into()], Some(Path::new("/c")));
        assert_eq!(places, [PathBuf::from("/w/mace-mpa-0-medium.model"), "/c/mace/macempa0mediummodel".into()]);
    }
}
