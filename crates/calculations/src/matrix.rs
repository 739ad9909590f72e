//! Matrices of three rows, and their exponential.

/// Row by row.
pub(crate) type Matrix = [[f64; 3]; 3];

/// The unit matrix.
pub(crate) const ONE: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

const ZERO: Matrix = [[0.0; 3]; 3];

/// Terms of the Taylor series after the first. With a norm of at most 1/4 the next one is below 1e-20.
const TERMS: i32 = 14;

/// Of all pairs of components.
fn combined(a: &Matrix, b: &Matrix, of: impl Fn(f64, f64) -> f64) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| of(a[i][j], b[i][j])))
}

fn sum(a: &Matrix, b: &Matrix) -> Matrix {
    combined(a, b, |a, b| a + b)
}

/// `factor a`.
pub(crate) fn scaled(a: &Matrix, factor: f64) -> Matrix {
    a.map(|row| row.map(|component| factor * component))
}

/// `a b`.
pub(crate) fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j]))
}

/// The transpose.
pub(crate) fn transposed(a: &Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| a[j][i]))
}

/// Sum of the diagonal.
pub(crate) fn trace(a: &Matrix) -> f64 {
    a[0][0] + a[1][1] + a[2][2]
}

/// Largest sum of the absolute values of a row; NaN if a component is.
pub(crate) fn norm(a: &Matrix) -> f64 {
    let sums = a.map(|row| row.iter().map(|component| component.abs()).sum::<f64>());
    sums.into_iter().fold(0.0, |most: f64, sum| if sum.is_nan() || sum > most { sum } else { most })
}

/// `exp(a)`, of a finite matrix.
pub(crate) fn exponential(a: &Matrix) -> Matrix {
    exponential_and_derivative(a, &ZERO).0
}

/// `exp(a)` and its Fréchet derivative in a direction, `L(a, e) = d/dt exp(a + t e)` at t = 0, of finite matrices.
///
/// Scaling and squaring (N. J. Higham, *Functions of Matrices*, SIAM 2008, chapter 10), each operation differentiated as
/// A. H. Al-Mohy and N. J. Higham do (*SIAM J. Matrix Anal. Appl.* **30**, 1639 (2009)). Three rows need no Padé
/// approximant: a Taylor series of the scaled matrix has the same digits.
pub(crate) fn exponential_and_derivative(a: &Matrix, e: &Matrix) -> (Matrix, Matrix) {
    let mut squarings = 0;
    let mut scale = 1.0;
    while norm(a) * scale > 0.25 && squarings < 64 {
        squarings += 1;
        scale *= 0.5;
    }
    let (a, e) = (scaled(a, scale), scaled(e, scale));
    let (mut value, mut derivative) = (ONE, ZERO);
    let (mut term, mut term_derivative) = (ONE, ZERO);
    for k in 1..=TERMS {
        let inverse = 1.0 / f64::from(k);
        term_derivative = scaled(&sum(&product(&term_derivative, &a), &product(&term, &e)), inverse);
        term = scaled(&product(&term, &a), inverse);
        derivative = sum(&derivative, &term_derivative);
        value = sum(&value, &term);
    }
    for _ in 0..squarings {
        derivative = sum(&product(&value, &derivative), &product(&derivative, &value));
        value = product(&value, &value);
    }
    (value, derivative)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Matrix = [[0.31, -0.72, 0.14], [0.55, 1.21, -0.4], [-0.23, 0.08, -0.65]];
    const E: Matrix = [[0.2, 0.5, -0.3], [-0.1, 0.7, 0.9], [0.4, -0.6, 0.15]];

    fn distance(a: &Matrix, b: &Matrix) -> f64 {
        norm(&combined(a, b, |a, b| a - b))
    }

    #[test]
    fn the_exponential_of_a_rotation_and_of_a_diagonal_are_known() {
        let angle: f64 = 1.1;
        let rotation = exponential(&[[0.0, -angle, 0.0], [angle, 0.0, 0.0], [0.0, 0.0, 0.5]]);
        let (sine, cosine) = angle.sin_cos();
        let expected = [[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 0.5f64.exp()]];
        assert!(distance(&rotation, &expected) < 1e-14, "{rotation:?}");
    }

    #[test]
    fn opposite_exponents_give_inverse_matrices() {
        let unit = product(&exponential(&A), &exponential(&scaled(&A, -1.0)));
        assert!(distance(&unit, &ONE) < 1e-14, "{unit:?}");
    }

    #[test]
    fn the_derivative_is_that_of_finite_differences() {
        let at = |t: f64| exponential(&sum(&A, &scaled(&E, t)));
        let h = 1e-5;
        let expected = scaled(&combined(&at(h), &at(-h), |a, b| a - b), 0.5 / h);
        let (value, derivative) = exponential_and_derivative(&A, &E);
        let error = distance(&derivative, &expected);
        assert!(error < 1e-8, "{error:e} {derivative:?}");
        assert!(distance(&value, &exponential(&A)) == 0.0);
    }

    #[test]
    fn the_derivative_at_the_transpose_is_the_adjoint() {
        let inner = |a: &Matrix, b: &Matrix| combined(a, b, |a, b| a * b).iter().flatten().sum::<f64>();
        let g = [[1.0, 0.3, -0.2], [0.6, -0.8, 0.1], [0.0, 0.45, 0.7]];
        let forward = inner(&g, &exponential_and_derivative(&A, &E).1);
        let backward = inner(&exponential_and_derivative(&transposed(&A), &g).1, &E);
        assert!((forward - backward).abs() < 1e-14, "{forward} {backward}");
    }
}
