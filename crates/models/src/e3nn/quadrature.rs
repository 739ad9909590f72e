//! Integrals over the sphere.

/// Directions and weights; exact for polynomials up to degree 11.
pub(super) fn quadrature() -> Vec<([f64; 3], f64)> {
    const N_POLAR: usize = 6;
    const N_AROUND: usize = 12;
    let mut points = Vec::new();
    for k in 0..N_POLAR {
        // Roots of the Legendre polynomial by Newton's method.
        let mut t = (std::f64::consts::PI * (k as f64 + 0.75) / (N_POLAR as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..20 {
            let (mut value, mut before) = (t, 1.0);
            for n in 2..=N_POLAR {
                let n = n as f64;
                (value, before) = (((2.0 * n - 1.0) * t * value - (n - 1.0) * before) / n, value);
            }
            slope = N_POLAR as f64 * (t * value - before) / (t * t - 1.0);
            t -= value / slope;
        }
        let weight = 2.0 / ((1.0 - t * t) * slope * slope) / N_AROUND as f64;
        for step in 0..N_AROUND {
            let angle = std::f64::consts::TAU * (step as f64 + 0.5) / N_AROUND as f64;
            let radius = (1.0 - t * t).sqrt();
            points.push(([radius * angle.cos(), t, radius * angle.sin()], weight));
        }
    }
    points
}
