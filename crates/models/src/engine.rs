//! What the choice of an engine does to the identity of results.

use mlip_atoms::{EngineKind, PotentialId};

/// Says in the settings of an id which engine computes. The native one adds nothing, so that keys of older results
/// hold.
pub(crate) fn note(id: &mut PotentialId, engine: EngineKind) {
    if engine == EngineKind::Native {
        return;
    }
    if !id.settings.is_empty() {
        id.settings.push(' ');
    }
    id.settings.push_str(&format!("engine={engine}"));
}
