//! What upstream's foundation models were trained on.

use crate::energies::Energies;
use crate::released::{MACE, Release, published_as};
use std::path::Path;

/// What the energies of a file are energies of, by its published name or that of the checkpoint; `None` where heads
/// differ in that, and for files of others.
pub(super) fn trained_on(file: &Path) -> Option<Energies> {
    let name = file.file_name()?.to_str()?;
    match published_as("mace", file).or_else(|| MACE.iter().find(|release| release.file_name() == name))? {
        Release { name: "mh-0" | "mh-1", .. } => None,
        Release { name: "small-omat-0" | "medium-omat-0", .. } => Some(Energies::Omat24),
        Release { name: "mace-matpes-pbe-0", .. } => Some(Energies::MatPesPbe),
        Release { name: "mace-matpes-r2scan-0", .. } => Some(Energies::MatPesR2scan),
        _ => Some(Energies::MaterialsProject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_say_what_was_trained_on() {
        let of = |file: &str| trained_on(Path::new(file));
        assert_eq!(of("medium-mpa-0"), Some(Energies::MaterialsProject));
        assert_eq!(of("/w/mace-omat-0-medium.model"), Some(Energies::Omat24));
        assert_eq!(of("MACE-matpes-r2scan-omat-ft.model"), Some(Energies::MatPesR2scan));
        assert_eq!((of("mh-1"), of("mine.model"), of("/w/large")), (None, None, None));
    }
}
