//! Functions of distances, with their derivatives.

/// `u(r) = 1 - (p+1)(p+2)/2 t^p + p(p+2) t^(p+1) - p(p+1)/2 t^(p+2)`, t = r / cutoff, and its derivative by r; zero
/// from the cutoff on. Source: J. Gasteiger et al., ICLR 2020 (DimeNet), eq. 8.
pub(crate) fn polynomial_envelope(r: f64, cutoff: f64, p: f64) -> (f64, f64) {
    if r >= cutoff { (0.0, 0.0) } else { smooth_polynomial_envelope(r, cutoff, p) }
}

/// The same, continued smoothly beyond the cutoff and below zero.
pub(crate) fn smooth_polynomial_envelope(r: f64, cutoff: f64, p: f64) -> (f64, f64) {
    let t = r / cutoff;
    let (a, b, c) = ((p + 1.0) * (p + 2.0) / 2.0, p * (p + 2.0), p * (p + 1.0) / 2.0);
    let power = t.powi(p as i32);
    let value = 1.0 - power * (a - t * (b - t * c));
    let slope = -t.powi(p as i32 - 1) * (a * p - t * (b * (p + 1.0) - t * c * (p + 2.0)));
    (value, slope / cutoff)
}

/// `sin(f x) / x` and its derivative by x, also near zero.
pub(crate) fn wave(frequency: f64, x: f64) -> (f64, f64) {
    let angle = frequency * x;
    if angle.abs() < 1e-3 {
        let square = angle * angle;
        (frequency * (1.0 - square / 6.0), frequency * frequency * angle * (-1.0 / 3.0 + square / 30.0))
    } else {
        let (sin, cos) = angle.sin_cos();
        (sin / x, (frequency * cos - sin / x) / x)
    }
}
