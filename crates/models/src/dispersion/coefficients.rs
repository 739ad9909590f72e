//! C6 of pairs of atoms from their coordination numbers: a mean over reference systems.

use super::reference::{C6, COORDINATION, N_ELEMENTS};

/// Width of the Gaussians by which reference systems weigh.
const WEIGHTING: f64 = 4.0;

/// What reference systems weigh for an atom, and the slopes of that by its coordination number.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    /// Atomic number less one.
    element: usize,
    values: Vec<f64>,
    slopes: Vec<f64>,
}

/// A coefficient, and its slopes by the coordination numbers of both atoms.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Coefficient {
    pub(super) value: f64,
    pub(super) by_first: f64,
    pub(super) by_second: f64,
}

impl Weights {
    /// Of an atom of this element (atomic number less one).
    pub(super) fn new(element: usize, coordination: f64) -> Self {
        let references = COORDINATION[element];
        let gaussians: Vec<f64> =
            references.iter().map(|own| (-WEIGHTING * (coordination - own).powi(2)).exp()).collect();
        let norm = gaussians.iter().sum::<f64>();
        if norm < f64::MIN_POSITIVE {
            // Far from all of them the one with most neighbors counts.
            let most = references.iter().copied().fold(f64::MIN, f64::max);
            let values = references.iter().map(|own| if *own == most { 1.0 } else { 0.0 }).collect();
            return Self { element, values, slopes: vec![0.0; references.len()] };
        }
        let values: Vec<f64> = gaussians.iter().map(|gaussian| gaussian / norm).collect();
        let relative: Vec<f64> = references.iter().map(|own| -2.0 * WEIGHTING * (coordination - own)).collect();
        let mean = values.iter().zip(&relative).map(|(value, slope)| value * slope).sum::<f64>();
        let slopes = values.iter().zip(&relative).map(|(value, slope)| value * (slope - mean)).collect();
        Self { element, values, slopes }
    }
}

/// Where in [`C6`] the references of each pair of elements begin.
#[derive(Debug)]
pub(super) struct Table {
    begins: Vec<usize>,
}

impl Table {
    pub(super) fn new() -> Self {
        let mut begins = Vec::with_capacity(N_ELEMENTS * (N_ELEMENTS + 1) / 2);
        let mut at = 0;
        for (a, of_a) in COORDINATION.iter().enumerate() {
            for of_b in COORDINATION.iter().take(a + 1) {
                begins.push(at);
                at += of_a.len() * of_b.len();
            }
        }
        Self { begins }
    }

    /// Hartree Bohr^6.
    fn reference(&self, a: usize, b: usize, of_a: usize, of_b: usize) -> f64 {
        if b > a {
            return self.reference(b, a, of_b, of_a);
        }
        let place = self.begins[a * (a + 1) / 2 + b] + of_a * COORDINATION[b].len() + of_b;
        let bytes = C6.get(4 * place..4 * place + 4).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; 4]);
        f64::from(u32::from_le_bytes(bytes)) * 1e-4
    }

    /// C6 of two atoms, Hartree Bohr^6.
    pub(super) fn coefficient(&self, first: &Weights, second: &Weights) -> Coefficient {
        let mut sum = Coefficient::default();
        for (i, (value, slope)) in first.values.iter().zip(&first.slopes).enumerate() {
            for (j, (other, other_slope)) in second.values.iter().zip(&second.slopes).enumerate() {
                let reference = self.reference(first.element, second.element, i, j);
                sum.value += value * other * reference;
                sum.by_first += slope * other * reference;
                sum.by_second += value * other_slope * reference;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_all_pairs_and_slopes_are_slopes() {
        let table = Table::new();
        let plutonium = COORDINATION[N_ELEMENTS - 1].len();
        let last = table.begins[table.begins.len() - 1];
        assert_eq!(4 * (last + plutonium * plutonium), C6.len());
        // Two free atoms of helium; carbon between its references.
        let helium = Weights::new(1, 0.0);
        assert!((table.coefficient(&helium, &helium).value - 1.5583).abs() < 1e-12);
        let of = |coordination: f64| table.coefficient(&Weights::new(5, coordination), &Weights::new(7, 1.4));
        let (at, h) = (of(2.37), 1e-5);
        let slope = (of(2.37 + h).value - of(2.37 - h).value) / (2.0 * h);
        assert!((at.by_first - slope).abs() < 1e-6 * slope.abs(), "{} {slope}", at.by_first);
        let turned = table.coefficient(&Weights::new(7, 1.4), &Weights::new(5, 2.37));
        assert!((turned.value - at.value).abs() < 1e-12 && (turned.by_second - at.by_first).abs() < 1e-12);
        // A coordination that nothing is near to.
        assert_eq!(Weights::new(5, 40.0).values.iter().sum::<f64>(), 1.0);
    }
}
