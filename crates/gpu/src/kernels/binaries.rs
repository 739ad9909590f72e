//! What nvcc has made of `kernels/*.cu`.

/// Products of rows with constant matrices.
pub(crate) static PRODUCTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/products.fatbin"));
/// All else of ORB.
pub(crate) static ROWS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rows.fatbin"));
/// All else of MACE.
pub(crate) static MACE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mace.fatbin"));

/// All else of CHGNet.
pub(crate) static CHGNET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/chgnet.fatbin"));

/// All else of UMA.
pub(crate) static UMA: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/uma.fatbin"));

/// blake3 of binaries, hexadecimal.
pub(crate) fn digest(binaries: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for binary in binaries {
        hasher.update(binary);
    }
    hasher.finalize().to_hex().to_string()
}
