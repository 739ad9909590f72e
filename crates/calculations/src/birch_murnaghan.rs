//! The third-order equation of state of Birch and Murnaghan.
//!
//! F. Birch, *Phys. Rev.* **71**, 809 (1947). In `x = V^(-2/3)` its energy is a polynomial of third degree, so a least
//! squares fit is linear and needs no first guess; equilibrium and bulk modulus follow from the polynomial in closed form.

/// `E(V)` through points: where it is least, and how it rises from there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EquationOfState {
    /// Volume of the cell at the minimum, Å^3.
    pub volume: f64,
    /// Energy of the cell at the minimum, eV.
    pub energy: f64,
    /// `V d²E/dV²` at the minimum, eV/Å^3.
    pub bulk_modulus: f64,
    /// Derivative of the bulk modulus by pressure at the minimum.
    pub bulk_modulus_derivative: f64,
    /// Root of the mean square of the points' distances from the curve, eV.
    pub residual: f64,
}

impl EquationOfState {
    /// Through cells of these volumes (Å^3) and energies (eV).
    ///
    /// `None` with fewer than four points, and where the points have no minimum between the least and the largest of
    /// the volumes: an extrapolated equilibrium would be a guess.
    pub fn fit(volumes: &[f64], energies: &[f64]) -> Option<Self> {
        let (least, most) = (volumes.iter().copied().reduce(f64::min)?, volumes.iter().copied().reduce(f64::max)?);
        if volumes.len() < 4 || volumes.len() != energies.len() || least <= 0.0 {
            return None;
        }
        // Scaled to the middle of the volumes and of the energies, so that the normal equations are well conditioned.
        let center = 0.5 * (least + most);
        let mean = energies.iter().sum::<f64>() / energies.len() as f64;
        let u = |volume: f64| (volume / center).powf(-2.0 / 3.0) - 1.0;
        let points: Vec<(f64, f64)> = volumes.iter().zip(energies).map(|(v, e)| (u(*v), e - mean)).collect();
        let [a0, a1, a2, a3] = cubic(&points)?;
        // dE/du = 0 with a positive second derivative.
        let discriminant = a2 * a2 - 3.0 * a1 * a3;
        if discriminant < 0.0 {
            return None;
        }
        // The root that stays finite as the cubic term vanishes is the one with 2 a2 + 6 a3 u > 0.
        let u0 = -a1 / (a2 + discriminant.sqrt());
        let volume = center * (1.0 + u0).powf(-1.5);
        if !(least..=most).contains(&volume) {
            return None;
        }
        let energy = ((a3 * u0 + a2) * u0 + a1) * u0 + a0;
        let (second, third) = (2.0 * a2 + 6.0 * a3 * u0, 6.0 * a3);
        // With x = 1 + u = (V/c)^(-2/3): dx/dV = -2/3 x/V. At the minimum only E_xx counts for B = V E_VV.
        let x = 1.0 + u0;
        let bulk_modulus = 4.0 / 9.0 * x * x * second / volume;
        // B' = -1 - V E_VVV / E_VV, and V^3 E_VVV = -(8/27) x^3 E_xxx - (20/9) x^2 E_xx there.
        let bulk_modulus_derivative = 4.0 + 2.0 / 3.0 * x * third / second;
        let distance = |(u, e): &(f64, f64)| ((a3 * u + a2) * u + a1) * u + a0 - e;
        let residual = (points.iter().map(|point| distance(point).powi(2)).sum::<f64>() / points.len() as f64).sqrt();
        let found = Self { volume, energy: energy + mean, bulk_modulus, bulk_modulus_derivative, residual };
        (second > 0.0 && found.energy.is_finite() && bulk_modulus.is_finite()).then_some(found)
    }
}

/// Coefficients of the polynomial of third degree nearest to points, lowest first.
fn cubic(points: &[(f64, f64)]) -> Option<[f64; 4]> {
    // Columns scaled by the largest |u|.
    let scale = points.iter().map(|(u, _)| u.abs()).fold(0.0, f64::max);
    if scale == 0.0 {
        return None;
    }
    // Orthogonal columns by modified Gram-Schmidt, which keeps the digits that normal equations lose.
    let mut columns: Vec<Vec<f64>> =
        (0..4).map(|power| points.iter().map(|(u, _)| (u / scale).powi(power)).collect()).collect();
    let mut rest: Vec<f64> = points.iter().map(|(_, e)| *e).collect();
    let (mut upper, mut right) = ([[0.0; 4]; 4], [0.0; 4]);
    for j in 0..4 {
        let norm = dot(&columns[j], &columns[j]).sqrt();
        if norm < 1e-10 {
            return None;
        }
        upper[j][j] = norm;
        columns[j].iter_mut().for_each(|value| *value /= norm);
        let (done, later) = columns.split_at_mut(j + 1);
        let direction = &done[j];
        for (k, column) in later.iter_mut().enumerate() {
            upper[j][j + 1 + k] = dot(direction, column);
            let along = upper[j][j + 1 + k];
            column.iter_mut().zip(direction).for_each(|(value, d)| *value -= along * d);
        }
        right[j] = dot(direction, &rest);
        rest.iter_mut().zip(direction).for_each(|(value, d)| *value -= right[j] * d);
    }
    let mut coefficients = [0.0; 4];
    for j in (0..4).rev() {
        let above: f64 = (j + 1..4).map(|k| upper[j][k] * coefficients[k]).sum();
        coefficients[j] = (right[j] - above) / upper[j][j];
    }
    for (power, coefficient) in (0..).zip(&mut coefficients) {
        *coefficient /= scale.powi(power);
    }
    Some(coefficients)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook form.
    fn energy(v: f64, v0: f64, e0: f64, b0: f64, b1: f64) -> f64 {
        let eta = (v0 / v).powf(2.0 / 3.0);
        e0 + 9.0 * v0 * b0 / 16.0 * ((eta - 1.0).powi(3) * b1 + (eta - 1.0).powi(2) * (6.0 - 4.0 * eta))
    }

    #[test]
    fn the_parameters_of_a_curve_are_found_again() {
        let (v0, e0, b0, b1) = (41.3, -123.456, 0.62, 4.7);
        let volumes: Vec<f64> = (0..7).map(|i| 40.0 * (0.94 + 0.02 * f64::from(i))).collect();
        let energies: Vec<f64> = volumes.iter().map(|v| energy(*v, v0, e0, b0, b1)).collect();
        let found = EquationOfState::fit(&volumes, &energies).unwrap();
        assert!((found.volume - v0).abs() < 1e-8, "{found:?}");
        assert!((found.energy - e0).abs() < 1e-10, "{found:?}");
        assert!((found.bulk_modulus - b0).abs() < 1e-8, "{found:?}");
        assert!((found.bulk_modulus_derivative - b1).abs() < 1e-5, "{found:?}");
        assert!(found.residual < 1e-10);
    }

    #[test]
    fn the_bulk_modulus_is_the_curvature_of_the_points() {
        let curve = |v: f64| energy(v, 40.0, -10.0, 0.8, 5.5);
        let volumes: Vec<f64> = (0..9).map(|i| 38.0 + 0.5 * f64::from(i)).collect();
        let energies: Vec<f64> = volumes.iter().map(|v| curve(*v)).collect();
        let found = EquationOfState::fit(&volumes, &energies).unwrap();
        let h = 1e-2;
        let second = (curve(40.0 + h) - 2.0 * curve(40.0) + curve(40.0 - h)) / (h * h);
        assert!((found.bulk_modulus - 40.0 * second).abs() < 1e-5);
    }

    #[test]
    fn an_equilibrium_beyond_the_points_is_not_guessed() {
        let volumes: Vec<f64> = (0..7).map(|i| 50.0 + f64::from(i)).collect();
        let energies: Vec<f64> = volumes.iter().map(|v| energy(*v, 41.0, -1.0, 0.6, 4.0)).collect();
        assert_eq!(EquationOfState::fit(&volumes, &energies), None);
        assert_eq!(EquationOfState::fit(&volumes[..3], &energies[..3]), None);
        assert_eq!(EquationOfState::fit(&[10.0; 5], &[1.0; 5]), None);
    }
}
