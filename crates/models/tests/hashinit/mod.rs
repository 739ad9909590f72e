//! Weights as a function of a tensor's name and a seed: models of real size without weight files.
//!
//! FNV-1a of the name, mixed with the seed; splitmix64 of it and the index; 24 bits of that as a number in [-1, 1).

#![allow(dead_code, reason = "compiled into several tests, each of which uses a part")]

/// `offset + scale · t` in `f32` for each of `len` numbers t of this tensor, row-major.
pub(crate) fn values(name: &str, seed: u64, len: usize, offset: f32, scale: f32) -> Vec<f32> {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv) ^ seed;
    let number = |index: u64| {
        let mut z = hash.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let t = (z >> 40) as f32 * 2f32.powi(-23) - 1.0;
        scale * t + offset
    };
    (0..len as u64).map(number).collect()
}

#[test]
fn the_numbers_are_those_of_the_generating_script() {
    let expected = [0.439_893_84, 0.519_409_9, 0.977_873_9, 0.704_304_34];
    assert_eq!(values("model.atom_emb.embeddings.weight", 7, 4, 0.0, 1.0), expected);
}
