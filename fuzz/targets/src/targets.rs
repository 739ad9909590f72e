//! All targets by name.

use crate::{checkpoints, evaluations, files, messages, settings, stored, texts};

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Name and function of each.
pub const TARGETS: [(&str, Target); 23] = [
    ("cif", texts::cif),
    ("xyz", texts::xyz),
    ("poscar", texts::poscar),
    ("json", texts::json),
    ("zip", files::zip),
    ("tar", files::tar),
    ("packed", files::packed),
    ("table", files::table),
    ("list", files::list),
    ("entries", files::entries),
    ("manifest", stored::manifest),
    ("journal", stored::journal),
    ("frames", stored::frames),
    ("cache", stored::cache),
    ("run_file", stored::run_file),
    ("checkpoint", checkpoints::checkpoint),
    ("pickle", checkpoints::pickle),
    ("safetensors", checkpoints::safetensors),
    ("job", settings::job),
    ("evaluate", evaluations::evaluate),
    ("hull_table", files::hull_table),
    ("parquet", files::parquet),
    ("message", messages::message),
];

/// The function of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}
