//! Small systems of linear equations.

/// A square matrix as the product of a lower and an upper triangle, rows exchanged for the largest pivots.
pub(super) struct Factors {
    n: usize,
    /// `[n, n]`, both triangles in one.
    matrix: Vec<f64>,
    /// Which row of the matrix stands in each row.
    rows: Vec<usize>,
}

impl Factors {
    /// `None` if the matrix is singular.
    pub(super) fn of(n: usize, element: impl Fn(usize, usize) -> Option<f64>) -> Option<Self> {
        let mut matrix = Vec::with_capacity(n * n);
        for row in 0..n {
            for column in 0..n {
                matrix.push(element(row, column)?);
            }
        }
        let mut rows: Vec<usize> = (0..n).collect();
        for step in 0..n {
            let size = |row: &usize| matrix[*row * n + step].abs();
            let pivot = (step..n).rev().max_by(|a, b| size(a).total_cmp(&size(b)))?;
            if size(&pivot) < f64::EPSILON {
                return None;
            }
            rows.swap(step, pivot);
            (0..n).for_each(|column| matrix.swap(step * n + column, pivot * n + column));
            for row in step + 1..n {
                let factor = matrix[row * n + step] / matrix[step * n + step];
                matrix[row * n + step] = factor;
                if factor != 0.0 {
                    (step + 1..n).for_each(|column| matrix[row * n + column] -= factor * matrix[step * n + column]);
                }
            }
        }
        Some(Self { n, matrix, rows })
    }

    /// x of A x = b.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut x: Vec<f64> = self.rows.iter().map(|row| right[*row]).collect();
        for row in 0..n {
            (0..row).for_each(|column| x[row] -= self.matrix[row * n + column] * x[column]);
        }
        for row in (0..n).rev() {
            (row + 1..n).for_each(|column| x[row] -= self.matrix[row * n + column] * x[column]);
            x[row] /= self.matrix[row * n + row];
        }
        x
    }

    /// y of Aᵀ y = b.
    pub(super) fn solve_transposed(&self, right: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut z = right.to_vec();
        for row in 0..n {
            (0..row).for_each(|column| z[row] -= self.matrix[column * n + row] * z[column]);
            z[row] /= self.matrix[row * n + row];
        }
        for row in (0..n).rev() {
            (row + 1..n).for_each(|column| z[row] -= self.matrix[column * n + row] * z[column]);
        }
        let mut y = vec![0.0; n];
        self.rows.iter().zip(&z).for_each(|(row, value)| y[*row] = *value);
        y
    }
}
