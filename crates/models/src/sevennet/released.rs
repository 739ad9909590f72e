//! The checkpoints that upstream publishes, by upstream's names, and where they may lie on this machine.
//!
//! Source: `sevenn._const` and `sevenn.util.pretrained_name_to_path` of sevenn 0.13.0.

use crate::energies::Energies;
use std::path::{Path, PathBuf};

/// A published checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Upstream's name: `7net-l3i5`.
    pub name: &'static str,
    /// Upstream's folder of it.
    pub folder: &'static str,
    /// Its file in that folder.
    pub file: &'static str,
    /// Whether another published checkpoint has a file of the same name.
    pub ambiguous: bool,
    /// Where upstream publishes it, in words.
    pub source: &'static str,
}

/// In these wheels lies MIT licenced what follows from `pretrained_potentials`.
const WHEEL: &str = "in the PyPI package sevenn 0.13.0 (MIT), sevenn/pretrained_potentials";
macro_rules! release {
    ($tag:literal, $file:literal) => {
        concat!("https://github.com/MDIL-SNU/SevenNet/releases/download/", $tag, "/", $file)
    };
}

macro_rules! released {
    ($($name:literal, $folder:literal, $file:literal, $ambiguous:literal, $source:expr;)*) => {
        /// Their names.
        pub(crate) static PUBLISHED: &[&str] = &[$($name),*];

        /// All of them but the one in the program.
        pub static RELEASED: &[Released] = &[$(Released {
            name: $name,
            folder: $folder,
            file: $file,
            ambiguous: $ambiguous,
            source: $source,
        }),*];
    };
}

released! {
    "7net-0_22may2024", "SevenNet_0__22May2024", "checkpoint_sevennet_0.pth", true, WHEEL;
    "7net-l3i5", "SevenNet_l3i5", "checkpoint_l3i5.pth", false, WHEEL;
    "7net-mf-0", "SevenNet_MF_0", "checkpoint_sevennet_mf_0.pth", false, WHEEL;
    "7net-mf-ompa", "SevenNet_MF_ompa", "checkpoint_sevennet_mf_ompa.pth", false,
        release!("v0.11.0.cp", "checkpoint_sevennet_mf_ompa.pth");
    "7net-omat", "SevenNet_omat", "checkpoint_sevennet_omat.pth", false,
        release!("v0.11.0.cp", "checkpoint_sevennet_omat.pth");
    "7net-omni", "SevenNet_omni", "checkpoint_sevennet_omni.pth", false,
        release!("v0.12.0.cp", "checkpoint_sevennet_omni.pth");
    "7net-omni-i8", "SevenNet_omni_i8", "checkpoint_sevennet_omni_i8.pth", false,
        release!("v0.12.1.cp", "checkpoint_sevennet_omni_i8.pth");
    "7net-omni-i12", "SevenNet_omni_i12", "checkpoint_sevennet_omni_i12.pth", false,
        release!("v0.12.1.cp", "checkpoint_sevennet_omni_i12.pth");
}

impl Released {
    /// By upstream's name.
    pub fn find(name: &str) -> Option<&'static Self> {
        RELEASED.iter().find(|model| model.name == name)
    }

    /// By upstream's name, or by the name of its file, and of its folder where others have such a file.
    pub(super) fn of_file(path: &Path) -> Option<&'static Self> {
        let name = path.file_name()?.to_str()?;
        let folder = path.parent().and_then(Path::file_name).and_then(|folder| folder.to_str());
        let is_file = |model: &&Self| model.file == name && (!model.ambiguous || folder == Some(model.folder));
        Self::find(name).or_else(|| RELEASED.iter().find(is_file))
    }

    /// What its energies with this modality are energies of, where that is known.
    pub(super) fn energies(&self, modal: Option<&str>) -> Option<Energies> {
        match (self.name, modal.map(str::to_lowercase).as_deref()) {
            ("7net-0_22may2024" | "7net-l3i5", _) | ("7net-mf-0", Some("pbe")) | ("7net-mf-ompa", Some("mpa")) => {
                Some(Energies::MaterialsProject)
            }
            ("7net-mf-0", Some("r2scan")) => Some(Energies::MaterialsProjectR2scan),
            ("7net-omat", _) | ("7net-mf-ompa", Some("omat24")) => Some(Energies::Omat24),
            _ => None,
        }
    }

    /// Where it may lie: in `folders`, in upstream's folder there, or where upstream's Python keeps downloads
    /// (`$XDG_CACHE_HOME/sevennet`, by default `~/.cache/sevennet`).
    pub fn places(&self, folders: &[PathBuf], cache: Option<&Path>) -> Vec<PathBuf> {
        let own = |folder: &Path| folder.join(self.folder).join(self.file);
        let plain = folders.iter().filter(|_| !self.ambiguous).map(|folder| folder.join(self.file));
        let places = folders.iter().map(|folder| own(folder)).chain(plain);
        places.chain(cache.map(|cache| own(&cache.join("sevennet")))).collect()
    }
}

/// Where a published checkpoint may lie on this machine: `$MLIP_CHECKPOINTS` (folders), upstream's cache.
pub fn places(model: &Released) -> Vec<PathBuf> {
    let folders = std::env::var_os("MLIP_CHECKPOINTS");
    let folders = folders.iter().flat_map(std::env::split_paths).collect::<Vec<_>>();
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    model.places(&folders, cache.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_are_told_apart_by_their_folders() {
        let places = |name: &str| Released::find(name).unwrap().places(&["/w".into()], Some(Path::new("/c")));
        assert_eq!(
            places("7net-l3i5"),
            [
                PathBuf::from("/w/SevenNet_l3i5/checkpoint_l3i5.pth"),
                "/w/checkpoint_l3i5.pth".into(),
                "/c/sevennet/SevenNet_l3i5/checkpoint_l3i5.pth".into(),
            ]
        );
        assert_eq!(places("7net-0_22may2024").len(), 2);
        let of_file = |path: &str| Released::of_file(Path::new(path)).map(|model| model.name);
        assert_eq!(of_file("/w/SevenNet_0__22May2024/checkpoint_sevennet_0.pth"), Some("7net-0_22may2024"));
        assert_eq!(of_file("/w/SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth"), None);
        assert_eq!(of_file("checkpoint_l3i5.pth"), Some("7net-l3i5"));
        for model in RELEASED {
            assert_eq!(RELEASED.iter().filter(|other| other.name == model.name).count(), 1);
            let same = RELEASED.iter().filter(|other| other.file == model.file).count();
            assert!(same == 1 && model.file.ends_with(".pth"));
        }
    }
}
