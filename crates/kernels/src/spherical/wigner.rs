//! Rotation matrices of real spherical harmonics.
//!
//! Source: J. Ivanic, K. Ruedenberg, "Rotation matrices for real spherical harmonics. Direct determination by
//! recursion", J. Phys. Chem. 100, 6342 (1996), with the corrections in J. Phys. Chem. A 102, 9099 (1998): the matrix of
//! degree l from those of degrees 1 and l - 1. Degree 1 in the order of its m is (x, y, z) here.

use super::layout::Layout;

/// Rows of a rotation matrix; the second one is the direction of the edge.
pub type Frame = [[f64; 3]; 3];

/// A frame whose polar axis y lies along the unit vector `n`: `frame · n = (0, 1, 0)`.
///
/// The shortest turn of n, or of its mirror where n points down, so nothing is divided by zero. What is computed in
/// such frames must not depend on the turn about the edge, and gradients take only the tilt of the edge into account.
pub fn frame(n: [f64; 3]) -> Frame {
    let down = if n[1] < 0.0 { -1.0 } else { 1.0 };
    // A half turn about x takes n to (x, -y, -z).
    let [x, y, z] = [n[0], n[1] * down, n[2] * down];
    let shrink = 1.0 / (1.0 + y);
    let turn = [[1.0 - x * x * shrink, -x, -x * z * shrink], [x, y, z], [-x * z * shrink, -z, 1.0 - z * z * shrink]];
    turn.map(|row| [row[0], row[1] * down, row[2] * down])
}

/// Coefficients of the recursion.
#[derive(Debug, Clone)]
pub struct Wigner {
    lmax: usize,
    /// By degree from 2, row-major: u, v, w.
    coefficients: Vec<Vec<[f64; 3]>>,
}

impl Wigner {
    /// For these degrees.
    pub fn new(layout: &Layout) -> Self {
        let lmax = layout.lmax();
        Self { lmax, coefficients: (2..=lmax).map(coefficients).collect() }
    }

    /// Blocks of degrees 1 to lmax, row-major, one behind the other, into `out`.
    pub fn fill(&self, frame: &Frame, out: &mut Vec<f64>) {
        out.clear();
        out.extend(frame.iter().flatten());
        let mut below = 0;
        for l in 2..=self.lmax {
            let first = out.len();
            let mut coefficients = self.coefficients[l - 2].iter();
            let l = l as isize;
            for m in -l..=l {
                for n in -l..=l {
                    let block = Below { one: frame, values: &out[below..first], l };
                    let [u, v, w] = coefficients.next().copied().unwrap_or_default();
                    let mut sum = 0.0;
                    if u != 0.0 {
                        sum += u * block.term(0, m, n);
                    }
                    if v != 0.0 {
                        sum += v * block.v_term(m, n);
                    }
                    if w != 0.0 {
                        sum += w * block.w_term(m, n);
                    }
                    out.push(sum);
                }
            }
            below = first;
        }
    }
}

fn coefficients(l: usize) -> Vec<[f64; 3]> {
    let l = l as isize;
    let mut all = Vec::new();
    for m in -l..=l {
        for n in -l..=l {
            let a = m.abs();
            let zero = if m == 0 { 1.0 } else { 0.0 };
            let below = if n.abs() == l { (2 * l) * (2 * l - 1) } else { (l + n) * (l - n) } as f64;
            let u = (((l + m) * (l - m)) as f64 / below).sqrt();
            let v = 0.5 * ((1.0 + zero) * ((l + a - 1) * (l + a)) as f64 / below).sqrt() * (1.0 - 2.0 * zero);
            let w = -0.5 * (((l - a - 1) * (l - a)) as f64 / below).sqrt() * (1.0 - zero);
            all.push([u, v, if m == 0 { 0.0 } else { w }]);
        }
    }
    all
}

/// The matrices of degrees 1 and l - 1.
struct Below<'a> {
    one: &'a Frame,
    values: &'a [f64],
    l: isize,
}

impl Below<'_> {
    fn one(&self, m: isize, n: isize) -> f64 {
        self.one[(m + 1) as usize][(n + 1) as usize]
    }

    fn at(&self, m: isize, n: isize) -> f64 {
        let k = self.l - 1;
        self.values[((m + k) * (2 * k + 1) + n + k) as usize]
    }

    fn term(&self, i: isize, m: isize, n: isize) -> f64 {
        let k = self.l - 1;
        if n == self.l {
            self.one(i, 1) * self.at(m, k) - self.one(i, -1) * self.at(m, -k)
        } else if n == -self.l {
            self.one(i, 1) * self.at(m, -k) + self.one(i, -1) * self.at(m, k)
        } else {
            self.one(i, 0) * self.at(m, n)
        }
    }

    fn v_term(&self, m: isize, n: isize) -> f64 {
        let root = std::f64::consts::SQRT_2;
        match m {
            0 => self.term(1, 1, n) + self.term(-1, -1, n),
            1 => root * self.term(1, 0, n),
            -1 => root * self.term(-1, 0, n),
            _ if m > 0 => self.term(1, m - 1, n) - self.term(-1, 1 - m, n),
            _ => self.term(1, m + 1, n) + self.term(-1, -m - 1, n),
        }
    }

    fn w_term(&self, m: isize, n: isize) -> f64 {
        if m > 0 {
            self.term(1, m + 1, n) + self.term(-1, -m - 1, n)
        } else {
            self.term(1, m - 1, n) - self.term(-1, 1 - m, n)
        }
    }
}
