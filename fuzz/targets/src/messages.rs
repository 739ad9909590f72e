//! What ranks say to each other.

pub(crate) fn message(bytes: &[u8]) {
    let _ = mlip_driver::is_message(bytes);
}
