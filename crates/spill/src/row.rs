//! What a table holds.

/// A digest: its bits are as good as random.
pub type Key = [u8; 16];

/// What a table finds: of fixed size on disk. Of several values of a key the least counts.
pub trait Value: Copy + Ord {
    /// Size on disk.
    const BYTES: usize;

    /// Writes the value into [`Value::BYTES`] bytes.
    fn write(&self, bytes: &mut [u8]);

    /// Reads what [`Value::write`] wrote.
    fn read(bytes: &[u8]) -> Self;
}

/// For sets.
impl Value for () {
    const BYTES: usize = 0;

    fn write(&self, _: &mut [u8]) {}

    fn read(_: &[u8]) -> Self {}
}
