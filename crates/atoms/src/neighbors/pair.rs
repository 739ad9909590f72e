//! Two atoms.

/// Two atoms within the cutoff, counted once: (i, j, S) stands for (j, i, -S) too.
///
/// `i < j`, or `i == j` with a lexicographically positive shift.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pair {
    /// First atom.
    pub i: u32,
    /// Second atom.
    pub j: u32,
    /// Image of `j`, in cells, relative to the coordinates as given (not wrapped).
    pub shift: [i32; 3],
    /// `r_j + shift · lattice - r_i`, Å.
    pub vector: [f64; 3],
    /// Length of `vector`, Å.
    pub distance: f64,
}
