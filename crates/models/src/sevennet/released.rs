//! What upstream's checkpoints were trained on.

use crate::energies::Energies;
use crate::released::{Release, SEVENNET, published_as};
use std::path::Path;

/// The published checkpoint that a path is, by its published name or that of its file; by the name of its folder where
/// others have such a file.
fn release_of(path: &Path) -> Option<&'static Release> {
    let name = path.file_name()?.to_str()?;
    let named = || SEVENNET.iter().find(|release| path.ends_with(release.file));
    published_as("sevennet", path)
        .or_else(named)
        .or_else(|| SEVENNET.iter().find(|release| release.file_name() == name && name != "checkpoint_sevennet_0.pth"))
}

/// What the energies of a file with this modality are energies of, where that is known.
pub(super) fn trained_on(path: &Path, modal: Option<&str>) -> Option<Energies> {
    match (release_of(path)?.name, modal.map(str::to_lowercase).as_deref()) {
        ("7net-0_22may2024" | "7net-l3i5", _) | ("7net-mf-0", Some("pbe")) | ("7net-mf-ompa", Some("mpa")) => {
            Some(Energies::MaterialsProject)
        }
        ("7net-mf-0", Some("r2scan")) => Some(Energies::MaterialsProjectR2scan),
        ("7net-omat", _) | ("7net-mf-ompa", Some("omat24")) => Some(Energies::Omat24),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_are_told_apart_by_their_folders() {
        let name = |path: &str| release_of(Path::new(path)).map(|release| release.name);
        assert_eq!(name("/w/SevenNet_0__22May2024/checkpoint_sevennet_0.pth"), Some("7net-0_22may2024"));
        assert_eq!(name("/w/SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth"), None);
        assert_eq!(name("checkpoint_l3i5.pth"), Some("7net-l3i5"));
        assert_eq!((name("7net-l3i5"), name("/w/7net-l3i5")), (Some("7net-l3i5"), None));
        assert_eq!(trained_on(Path::new("7net-mf-0"), Some("R2SCAN")), Some(Energies::MaterialsProjectR2scan));
        assert_eq!(trained_on(Path::new("mine.pth"), None), None);
    }
}
