//! Real spherical harmonics with the polar axis y, and points to integrate them over the sphere.

use candle_core::{Result, Tensor};

/// `(2 - δ) (2 l + 1) (l - m)! / (l + m)!` under a root: each degree's squares sum to `2 l + 1`.
fn norm(l: usize, m: usize) -> f64 {
    let falling = (l - m + 1..=l + m).map(|k| k as f64).product::<f64>();
    ((2 * l + 1) as f64 * if m == 0 { 1.0 } else { 2.0 } / falling).sqrt()
}

/// Harmonics of the degrees 0 to `lmax`, from -l to l each, of unit vectors whose components are tensors of one shape.
///
/// `Y_lm = n_lm Π_lm(y) · Re or Im (z + i x)^m`: polynomials, so they have slopes everywhere.
pub(crate) fn harmonics([x, y, z]: [&Tensor; 3], lmax: usize) -> Result<Vec<Vec<Tensor>>> {
    // (z + i x)^m
    let mut powers = vec![(y.ones_like()?, y.zeros_like()?)];
    for m in 0..lmax {
        let (re, im) = &powers[m];
        powers.push((((z * re)? - (x * im)?)?, ((x * re)? + (z * im)?)?));
    }
    // Legendre functions without their power of the sine: by degree, for each order.
    let mut legendre: Vec<Vec<Tensor>> = Vec::new();
    for l in 0..=lmax {
        let function = |m: usize| {
            if m == l {
                let double_factorial = (1..=m).map(|k| (2 * k - 1) as f64).product::<f64>();
                return y.ones_like()? * double_factorial;
            }
            let mut next = ((y * &legendre[l - 1][m])? * (2 * l - 1) as f64)?;
            if l >= m + 2 {
                next = (next - (&legendre[l - 2][m] * (l + m - 1) as f64)?)?;
            }
            next / (l - m) as f64
        };
        let row = (0..=l).map(function).collect::<Result<Vec<_>>>()?;
        legendre.push(row);
    }
    let degree = |l: usize| {
        let component = |m: isize| {
            let order = m.unsigned_abs();
            let (re, im) = &powers[order];
            ((&legendre[l][order] * if m < 0 { im } else { re })? * norm(l, order))?.contiguous()
        };
        (-(l as isize)..=l as isize).map(component).collect::<Result<Vec<_>>>()
    };
    (0..=lmax).map(degree).collect()
}

/// A point of a quadrature on the unit sphere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) place: [f64; 3],
    pub(crate) weight: f64,
}

/// Points whose weights sum to 1: exact for polynomials up to degree `2 lmax`.
pub(crate) fn quadrature(lmax: usize) -> Vec<Point> {
    let (n_polar, n_around) = (lmax + 1, 2 * lmax + 1);
    let mut points = Vec::new();
    for (y, weight) in gauss_legendre(n_polar) {
        let radius = (1.0 - y * y).sqrt();
        for k in 0..n_around {
            let angle = 2.0 * std::f64::consts::PI * k as f64 / n_around as f64;
            let place = [radius * angle.sin(), y, radius * angle.cos()];
            points.push(Point { place, weight: 0.5 * weight / n_around as f64 });
        }
    }
    points
}

/// Nodes and weights on [-1, 1], by Newton's method.
fn gauss_legendre(n: usize) -> Vec<(f64, f64)> {
    let node = |k: usize| {
        let mut x = (std::f64::consts::PI * (k as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..50 {
            let (mut before, mut value) = (1.0, x);
            for l in 2..=n {
                (before, value) = (value, ((2 * l - 1) as f64 * x * value - (l - 1) as f64 * before) / l as f64);
            }
            slope = n as f64 * (x * value - before) / (x * x - 1.0);
            x -= value / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n).map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn harmonics_are_orthonormal_on_the_points() {
        for lmax in 1..=6 {
            let points = quadrature(lmax);
            let column = |k: usize| {
                let values = points.iter().map(|point| point.place[k]).collect::<Vec<_>>();
                Tensor::from_vec(values, points.len(), &Device::Cpu).unwrap()
            };
            let all = harmonics([&column(0), &column(1), &column(2)], lmax).unwrap();
            let all = all.iter().flatten().map(|y| y.to_vec1::<f64>().unwrap()).collect::<Vec<_>>();
            for (a, first) in all.iter().enumerate() {
                for (b, second) in all.iter().enumerate() {
                    let products = first.iter().zip(second).zip(&points).map(|((a, b), point)| a * b * point.weight);
                    let expected = if a == b { 1.0 } else { 0.0 };
                    assert!((products.sum::<f64>() - expected).abs() < 1e-13, "{lmax}: {a} {b}");
                }
            }
        }
    }

    #[test]
    fn degrees_one_and_two_are_in_upstreams_order() {
        let point = [0.48, 0.6, 0.64];
        let [x, y, z] = point.map(|value| Tensor::new(&[value], &Device::Cpu).unwrap());
        let found = harmonics([&x, &y, &z], 2).unwrap();
        let value = |l: usize, k: usize| found[l][k].to_vec1::<f64>().unwrap()[0];
        let [x, y, z] = point;
        let (p, d) = (3f64.sqrt(), 15f64.sqrt());
        let expected = [p * x, p * y, p * z];
        (0..3).for_each(|k| assert!((value(1, k) - expected[k]).abs() < 1e-14));
        let polar = 1.25f64.sqrt() * (2.0 * y * y - x * x - z * z);
        let expected = [d * x * z, d * x * y, polar, d * y * z, 0.5 * d * (z * z - x * x)];
        (0..5).for_each(|k| assert!((value(2, k) - expected[k]).abs() < 1e-14, "{k}"));
    }
}
