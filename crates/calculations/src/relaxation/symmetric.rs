//! Linear equations with a symmetric matrix, made positive.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Sweeps of the eigenvalue iteration for each row; it takes two or three.
const SWEEPS: usize = 100;

/// `|h|⁻¹ b` for a symmetric matrix `[n, n]`, row-major: its eigenvectors, with the absolute values of its eigenvalues.
///
/// A positive definite matrix is its own absolute value, and Cholesky's decomposition, which finds out whether it is one,
/// takes a tenth of the time or less; only others are diagonalized. `None` where that does not converge, as with NaN.
pub(super) fn solve_absolute(h: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    if let Some(solution) = solve_positive(h, b) {
        return Some(solution);
    }
    if h.iter().any(|component| !component.is_finite()) {
        return None;
    }
    solve_diagonalized(h, b)
}

/// By Cholesky's decomposition; `None` where the matrix is not positive definite.
fn solve_positive(h: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    let n = b.len();
    let mut lower = h.to_vec();
    let mut column = vec![0.0; n];
    for j in 0..n {
        let pivot = lower[j * n + j];
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        let root = pivot.sqrt();
        lower[j * n + j] = root;
        for i in j + 1..n {
            column[i] = lower[i * n + j] / root;
            lower[i * n + j] = column[i];
            // Row by row, without a sum: the compiler may take several numbers at once.
            let rest = &mut lower[i * n + j + 1..=i * n + i];
            rest.iter_mut().zip(&column[j + 1..=i]).for_each(|(rest, other)| *rest -= column[i] * other);
        }
    }
    let mut solution = b.to_vec();
    for i in 0..n {
        let known: f64 = (0..i).map(|j| lower[i * n + j] * solution[j]).sum();
        solution[i] = (solution[i] - known) / lower[i * n + i];
    }
    for i in (0..n).rev() {
        solution[i] /= lower[i * n + i];
        let value = solution[i];
        let row = &lower[i * n..i * n + i];
        solution.iter_mut().zip(row).for_each(|(rest, component)| *rest -= component * value);
    }
    Some(solution)
}

fn solve_diagonalized(h: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    let n = b.len();
    let eigen = SymmetricEigen::try_new(DMatrix::from_row_slice(n, n, h), f64::EPSILON, SWEEPS * n)?;
    let mut along = eigen.eigenvectors.tr_mul(&DVector::from_column_slice(b));
    along.iter_mut().zip(eigen.eigenvalues.iter()).for_each(|(component, value)| *component /= value.abs());
    Some((eigen.eigenvectors * along).iter().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symmetric, with eigenvalues around `shift`.
    fn matrix(n: usize, shift: f64) -> Vec<f64> {
        let entry =
            |i: usize, j: usize| ((i.min(j) * 7 + i.max(j) * 3) as f64).sin() + if i == j { shift } else { 0.0 };
        (0..n * n).map(|k| entry(k / n, k % n)).collect()
    }

    fn vector(n: usize) -> Vec<f64> {
        (0..n).map(|i| (i as f64 * 1.7).cos()).collect()
    }

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn both_ways_agree_on_a_positive_matrix() {
        let (h, b) = (matrix(15, 20.0), vector(15));
        let solution = solve_positive(&h, &b).unwrap();
        assert!(distance(&solution, &solve_diagonalized(&h, &b).unwrap()) < 1e-14);
        let back: Vec<f64> = h.chunks(15).map(|row| row.iter().zip(&solution).map(|(a, b)| a * b).sum()).collect();
        assert!(distance(&back, &b) < 1e-13);
    }

    #[test]
    fn negative_eigenvalues_count_by_their_absolute_value() {
        let (h, b) = ([0.0, 2.0, 2.0, 0.0], [1.0, 3.0]);
        // Eigenvalues 2 and -2: |h| is twice the unit matrix.
        assert!(distance(&solve_absolute(&h, &b).unwrap(), &[0.5, 1.5]) < 1e-15);
        assert_eq!(solve_positive(&matrix(12, 0.5), &vector(12)), None);
        assert!(solve_absolute(&matrix(12, 0.5), &vector(12)).is_some());
    }

    #[test]
    fn a_matrix_with_nan_has_no_solution() {
        assert_eq!(solve_absolute(&[f64::NAN, 0.0, 0.0, 1.0], &[1.0, 1.0]), None);
    }
}
