//! Sums over degrees of freedom, in their order, so that results do not depend on the machine.

/// Scalar product.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Euclidean norm.
pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// `a - b`.
pub(super) fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// `a + factor b`.
pub(super) fn moved(a: &[f64], factor: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + factor * b).collect()
}

/// Largest norm of three numbers that belong together: an atom, or a row of the cell's degrees of freedom.
///
/// NaN if one is NaN, which the largest of several numbers would hide.
pub(super) fn longest_row(a: &[f64]) -> f64 {
    let squares = a.chunks(3).map(|row| dot(row, row));
    squares.fold(0.0, |most: f64, square| if square.is_nan() || square > most { square } else { most }).sqrt()
}

/// A step, made shorter as a whole where an atom would move further than `most` Å.
pub(super) fn shortened(mut step: Vec<f64>, most: f64) -> Vec<f64> {
    let longest = longest_row(&step);
    if longest >= most {
        let factor = most / longest;
        step.iter_mut().for_each(|component| *component *= factor);
    }
    step
}
