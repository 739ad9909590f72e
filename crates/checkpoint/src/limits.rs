//! How much of a file is read.

/// What a file may cost before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest pickle, bytes. Tensors are not part of it: real ones have under 10 MB.
    pub pickle_bytes: u64,
    /// Objects in it. At worst they take about 100 bytes each.
    pub objects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pickle_bytes: 64 << 20, objects: 4 << 20 }
    }
}
