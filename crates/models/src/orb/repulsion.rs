//! The screened nuclear repulsion that is added to the network's energy.
//!
//! J. F. Ziegler, J. P. Biersack, U. Littmark, "The Stopping and Range of Ions in Solids" (1985), ended smoothly at
//! the sum of two covalent radii. Upstream numbers elements from the wrong end of its tables: both the nuclear charge
//! and the radius are those of the next element (Z + 1), and the weights were trained with it.

use super::graph::{Cell, Graph};

/// e²/(4πε₀) as upstream has it, eV Å.
pub(super) const COULOMB: f64 = 14.3996;
/// Length of screening, Å, of `0.4543 · 0.529 / (Z₁^0.3 + Z₂^0.3)`.
pub(super) const SCREENING: f64 = 0.4543 * 0.529;
pub(super) const SCREENING_POWER: f64 = 0.3;
/// `Σ coefficient · exp(-decay · r / a)`
pub(super) const TERMS: [(f64, f64); 4] = [(0.1818, 3.2), (0.5099, 0.9423), (0.2802, 0.4028), (0.02817, 0.2016)];

/// Covalent radii by atomic number from hydrogen, Å: B. Cordero et al., Dalton Trans. 2832 (2008), and 0.2 Å for
/// elements without one, as `ase.data.covalent_radii` has them.
pub(super) const RADII: [f64; 118] = [
    0.31, 0.28, 1.28, 0.96, 0.84, 0.76, 0.71, 0.66, 0.57, 0.58, 1.66, 1.41, 1.21, 1.11, 1.07, 1.05, 1.02, 1.06, 2.03,
    1.76, 1.70, 1.60, 1.53, 1.39, 1.39, 1.32, 1.26, 1.24, 1.32, 1.22, 1.22, 1.20, 1.19, 1.20, 1.20, 1.16, 2.20, 1.95,
    1.90, 1.75, 1.64, 1.54, 1.47, 1.46, 1.42, 1.39, 1.45, 1.44, 1.42, 1.39, 1.39, 1.38, 1.39, 1.40, 2.44, 2.15, 2.07,
    2.04, 2.03, 2.01, 1.99, 1.98, 1.98, 1.96, 1.94, 1.92, 1.92, 1.89, 1.90, 1.87, 1.87, 1.75, 1.70, 1.62, 1.51, 1.44,
    1.41, 1.36, 1.36, 1.32, 1.45, 1.46, 1.48, 1.40, 1.50, 1.50, 2.60, 2.21, 2.15, 2.06, 2.00, 1.96, 1.90, 1.87, 1.80,
    1.69, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20,
    0.20, 0.20, 0.20, 0.20,
];

/// `1 - 28 u⁶ + 48 u⁷ - 21 u⁸` and its slope by u; zero beyond 1.
fn envelope(u: f64) -> (f64, f64) {
    if u >= 1.0 {
        return (0.0, 0.0);
    }
    let fifth = u.powi(5);
    (1.0 + fifth * u * (-28.0 + u * (48.0 - 21.0 * u)), fifth * (-168.0 + u * (336.0 - 168.0 * u)))
}

/// Energy of a directed edge between these elements at this distance (Å), eV, and its slope, eV/Å.
fn edge(sender: u8, receiver: u8, r: f64) -> (f64, f64) {
    // The next element's radius stands where its own would be looked up.
    let radius = |element: u8| RADII.get(usize::from(element)).copied().unwrap_or(0.0);
    let reach = radius(sender) + radius(receiver);
    let (value, slope) = envelope(r / reach);
    if value == 0.0 {
        return (0.0, 0.0);
    }
    let (z1, z2) = (f64::from(sender) + 1.0, f64::from(receiver) + 1.0);
    let length = SCREENING / (z1.powf(SCREENING_POWER) + z2.powf(SCREENING_POWER));
    let (mut screening, mut screening_slope) = (0.0, 0.0);
    for (coefficient, decay) in TERMS {
        let term = coefficient * (-decay * r / length).exp();
        screening += term;
        screening_slope -= term * decay / length;
    }
    let coulomb = 0.5 * COULOMB * z1 * z2 / r;
    let bare = screening_slope - screening / r;
    (coulomb * screening * value, coulomb * (bare * value + screening * slope / reach))
}

/// Sum over the edges of a structure, eV; `visit` gets each edge's index and slope (eV/Å) where it is not zero.
pub(crate) fn repulsion(graph: &Graph, cell: &Cell, mut visit: impl FnMut(usize, f64)) -> f64 {
    let mut sum = 0.0;
    for index in cell.edges.clone() {
        let (sender, receiver) = (graph.sender[index] as usize, graph.receiver[index] as usize);
        let (energy, slope) = edge(graph.elements[sender], graph.elements[receiver], graph.pairs[index].distance);
        if energy != 0.0 || slope != 0.0 {
            sum += energy;
            visit(index, slope);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_energy() {
        for (sender, receiver, r) in [(1, 8, 0.7), (14, 8, 1.2), (29, 29, 0.5), (92, 6, 1.9)] {
            let step = 1e-5;
            let at = |by: f64| edge(sender, receiver, r + by).0;
            let slope = (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step);
            let (energy, found) = edge(sender, receiver, r);
            assert!(energy > 0.0 && (found - slope).abs() < 1e-8 * found.abs(), "{found} {slope}");
        }
    }

    #[test]
    fn it_ends_at_the_radii_of_the_next_elements() {
        // Hydrogen counts as helium: 0.28 Å.
        assert!(edge(1, 1, 0.559).0 > 0.0);
        assert_eq!(edge(1, 1, 0.561), (0.0, 0.0));
    }
}
