//! From derivatives by pair vectors to forces and stress, once for all potentials.

use crate::neighbors::Pair;

/// Forces and strain derivative of an energy that depends on positions and cell through pair vectors only.
///
/// For `r_ij = r_j + S·L - r_i` and `g = ∂E/∂r_ij` the chain rule gives `F_i = Σ g`, `F_j = -Σ g` and
/// `∂E/∂ε_ab = Σ r_a g_b`, symmetrised, since an energy that is invariant under rotation has no
/// antisymmetric part beyond rounding.
#[derive(Debug, Clone)]
pub struct PairGradient {
    /// `[n_atoms]`, eV/Å.
    pub forces: Vec<[f64; 3]>,
    /// Σ r_a g_b, eV.
    strain: [[f64; 3]; 3],
}

impl PairGradient {
    /// No pairs yet.
    pub fn new(n_atoms: usize) -> Self {
        Self { forces: vec![[0.0; 3]; n_atoms], strain: [[0.0; 3]; 3] }
    }

    /// Of pairs with their `∂E/∂vector`, eV/Å, in this order.
    pub fn of<'p>(n_atoms: usize, pairs: impl IntoIterator<Item = (&'p Pair, [f64; 3])>) -> Self {
        let mut gradient = Self::new(n_atoms);
        pairs.into_iter().for_each(|(pair, g)| gradient.add(pair, g));
        gradient
    }

    /// Adds one pair with `g = ∂E/∂vector`, eV/Å.
    #[inline]
    pub fn add(&mut self, pair: &Pair, g: [f64; 3]) {
        for a in 0..3 {
            self.forces[pair.i as usize][a] += g[a];
            self.forces[pair.j as usize][a] -= g[a];
            for (sum, g) in self.strain[a].iter_mut().zip(g) {
                *sum += pair.vector[a] * g;
            }
        }
    }

    /// Stress in Voigt order xx yy zz yz xz xy for this cell volume (Å^3), eV/Å^3, tension positive.
    pub fn stress(&self, volume: f64) -> [f64; 6] {
        let s = &self.strain;
        [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)].map(|(a, b)| 0.5 * (s[a][b] + s[b][a]) / volume)
    }
}
