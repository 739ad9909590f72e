//! Checkpoints of PyTorch, and safetensors.

use crate::folder::with_file;
use mlip_checkpoint::{Checkpoint, Limits, Value, View, pickle as reader};
use mlip_models::registry::{Selection, load};

const ALLOWED: [&str; 2] = ["mace.modules.models.ScaleShiftMACE", "chgnet.model.model.CHGNet"];

/// Goes through what a pickle holds, to some depth: it may hold itself.
fn walk(value: Value<'_>, depth: usize, look: &mut impl FnMut(Value<'_>)) {
    if depth == 0 {
        return;
    }
    look(value);
    let _ = value.describe();
    for item in value.items().take(20) {
        walk(item, depth - 1, look);
    }
    for (key, one) in value.entries().take(20) {
        walk(key, depth - 1, look);
        walk(one, depth - 1, look);
    }
    for one in [value.arguments(), value.keywords(), value.state()].into_iter().flatten() {
        walk(one, depth - 1, look);
    }
}

pub(crate) fn pickle(bytes: &[u8]) {
    if let Ok(tree) = reader::parse(bytes, &ALLOWED, 10_000) {
        assert!(tree.n_objects() <= 10_000);
        walk(tree.root(), 5, &mut |value| assert!(!value.is_none() || matches!(value.view(), View::None)));
    }
}

pub(crate) fn checkpoint(bytes: &[u8]) {
    let limits = Limits { ..Limits::default() };
    with_file("x.pt", bytes, |path| match Checkpoint::open_within(path, &ALLOWED, limits) {
        Ok(checkpoint) => {
            let mut n_read = 0;
            walk(checkpoint.root(), 5, &mut |value| {
                if let Ok(tensor) = value.tensor()
                    && n_read < 10
                    && tensor.n_elements() < 1 << 20
                {
                    n_read += 1;
                    let _ = (checkpoint.read_f32(&tensor), checkpoint.read_i64(&tensor), checkpoint.checksum(&tensor));
                }
            });
            let _ = checkpoint.verify();
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    });
}

/// The first byte chooses whose file it is; it is loaded as far as its potential.
pub(crate) fn safetensors(bytes: &[u8]) {
    const NAMES: [&str; 2] = ["chgnet", "sevennet"];
    let Some((first, rest)) = bytes.split_first() else { return };
    let name = NAMES[usize::from(*first) % NAMES.len()];
    with_file("x.safetensors", rest, |path| {
        if let Err(error) = load(&Selection::named(name).with_file(path)) {
            assert!(!error.to_string().is_empty());
        }
    });
}
