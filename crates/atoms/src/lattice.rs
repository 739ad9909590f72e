//! Unit cells.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How lengths and angles become Cartesian axes.
///
/// Forces and stress are reported in this frame; a potential that is not rotation
/// invariant (ORB) also depends on it in the last digits of its energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Frame {
    /// c along z, a in the xz plane (`pymatgen.core.Lattice.from_parameters`).
    #[default]
    Pymatgen,
    /// a along x, b in the xy plane (`ase.geometry.cellpar_to_cell`).
    Ase,
}

/// Three lattice vectors that span a volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Lattice {
    /// Rows are the lattice vectors, Å.
    vectors: [[f64; 3]; 3],
    /// `fractional = cartesian · inverse`.
    inverse: [[f64; 3]; 3],
    volume: f64,
}

/// Why three vectors, or lengths and angles, are not a unit cell.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LatticeError {
    /// A length is zero, negative or not finite.
    #[error("cell length {name} is {value}, expected a positive number of Å")]
    Length {
        /// `a`, `b` or `c`.
        name: char,
        /// The value found, Å.
        value: f64,
    },
    /// An angle is outside (0°, 180°).
    #[error("cell angle {name} is {value}°, expected more than 0° and less than 180°")]
    Angle {
        /// `alpha`, `beta` or `gamma`.
        name: &'static str,
        /// The value found, degrees.
        value: f64,
    },
    /// The three angles cannot meet in a corner, or the vectors lie in a plane.
    #[error("the cell has no volume: its vectors lie in a plane or its angles cannot be closed")]
    Flat,
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn norm(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

impl Lattice {
    /// From lattice vectors as rows, Å.
    ///
    /// # Errors
    /// When a vector vanishes or is not finite, or the three lie in a plane.
    pub fn from_vectors(vectors: [[f64; 3]; 3]) -> Result<Self, LatticeError> {
        let [a, b, c] = vectors;
        for (name, vector) in ['a', 'b', 'c'].into_iter().zip(vectors) {
            let value = norm(vector);
            if !(value.is_finite() && value > 0.0) {
                return Err(LatticeError::Length { name, value });
            }
        }
        let (bc, ca, ab) = (cross(b, c), cross(c, a), cross(a, b));
        let determinant = dot(a, bc);
        // A volume below 1e-6 of the box with the same lengths is rounding, not a cell.
        if determinant.is_nan() || determinant.abs() <= 1e-6 * norm(a) * norm(b) * norm(c) {
            return Err(LatticeError::Flat);
        }
        let mut inverse = [[0.0; 3]; 3];
        for k in 0..3 {
            inverse[k] = [bc[k] / determinant, ca[k] / determinant, ab[k] / determinant];
        }
        Ok(Self { vectors, inverse, volume: determinant.abs() })
    }

    /// From lengths in Å and angles in degrees (alpha between b and c, and so on).
    ///
    /// # Errors
    /// When a length or an angle is out of range or the angles cannot be closed.
    pub fn from_parameters(lengths: [f64; 3], angles: [f64; 3], frame: Frame) -> Result<Self, LatticeError> {
        for (name, value) in ['a', 'b', 'c'].into_iter().zip(lengths) {
            if !(value.is_finite() && value > 0.0) {
                return Err(LatticeError::Length { name, value });
            }
        }
        for (name, value) in ["alpha", "beta", "gamma"].into_iter().zip(angles) {
            if !(value > 0.0 && value < 180.0) {
                return Err(LatticeError::Angle { name, value });
            }
        }
        let [a, b, c] = lengths;
        let (ca, cb, cg) = (cosine(angles[0]), cosine(angles[1]), cosine(angles[2]));
        let (sa, sb, sg) = (sine(angles[0]), sine(angles[1]), sine(angles[2]));
        // Squared volume of the unit-length cell.
        let squared = 1.0 - ca * ca - cb * cb - cg * cg + 2.0 * ca * cb * cg;
        if squared.is_nan() || squared <= 1e-12 {
            return Err(LatticeError::Flat);
        }
        let height = squared.sqrt();
        let vectors = match frame {
            Frame::Pymatgen => {
                // Reciprocal gamma fixes where b points.
                let cos_star = ((ca * cb - cg) / (sa * sb)).clamp(-1.0, 1.0);
                let sin_star = height / (sa * sb);
                [[a * sb, 0.0, a * cb], [-b * sa * cos_star, b * sa * sin_star, b * ca], [0.0, 0.0, c]]
            }
            Frame::Ase => {
                let y = (ca - cb * cg) / sg;
                [[a, 0.0, 0.0], [b * cg, b * sg, 0.0], [c * cb, c * y, c * height / sg]]
            }
        };
        Self::from_vectors(vectors)
    }

    /// Rows are the lattice vectors, Å.
    pub fn vectors(&self) -> &[[f64; 3]; 3] {
        &self.vectors
    }

    /// The matrix M with `fractional = cartesian · M`, 1/Å.
    pub fn inverse(&self) -> &[[f64; 3]; 3] {
        &self.inverse
    }

    /// Å^3, positive also for a left-handed cell.
    pub fn volume(&self) -> f64 {
        self.volume
    }

    /// Distances between opposite faces, Å: along a, b, c.
    pub fn heights(&self) -> [f64; 3] {
        std::array::from_fn(|k| 1.0 / norm(std::array::from_fn(|row| self.inverse[row][k])))
    }

    /// Lengths in Å and angles in degrees.
    pub fn parameters(&self) -> ([f64; 3], [f64; 3]) {
        let [a, b, c] = self.vectors;
        let angle = |u, v| (dot(u, v) / (norm(u) * norm(v))).clamp(-1.0, 1.0).acos().to_degrees();
        ([norm(a), norm(b), norm(c)], [angle(b, c), angle(a, c), angle(a, b)])
    }

    /// Cartesian position of a fractional one, Å.
    pub fn cartesian(&self, fractional: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| (0..3).map(|k| fractional[k] * self.vectors[k][axis]).sum())
    }

    /// Fractional position of a Cartesian one (Å).
    pub fn fractional(&self, cartesian: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|k| (0..3).map(|axis| cartesian[axis] * self.inverse[axis][k]).sum())
    }
}

/// Cosine of an angle in degrees, exact where it is 0 or ±1/2.
fn cosine(degrees: f64) -> f64 {
    if degrees == 90.0 {
        0.0
    } else if degrees == 60.0 {
        0.5
    } else if degrees == 120.0 {
        -0.5
    } else {
        degrees.to_radians().cos()
    }
}

/// Sine of an angle in degrees.
fn sine(degrees: f64) -> f64 {
    if degrees == 90.0 { 1.0 } else { degrees.to_radians().sin() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_frames_give_back_their_parameters() {
        let (lengths, angles) = ([3.1, 4.2, 5.3], [81.0, 97.0, 112.0]);
        for frame in [Frame::Pymatgen, Frame::Ase] {
            let lattice = Lattice::from_parameters(lengths, angles, frame).unwrap();
            let (l, t) = lattice.parameters();
            for k in 0..3 {
                assert!((l[k] - lengths[k]).abs() < 1e-12, "{frame:?}");
                assert!((t[k] - angles[k]).abs() < 1e-10, "{frame:?}");
            }
        }
    }

    #[test]
    fn frames_put_their_axes_where_they_say() {
        let pymatgen = Lattice::from_parameters([3.0, 4.0, 5.0], [80.0, 70.0, 100.0], Frame::Pymatgen).unwrap();
        assert_eq!(pymatgen.vectors()[2], [0.0, 0.0, 5.0]);
        assert_eq!(pymatgen.vectors()[0][1], 0.0);
        let ase = Lattice::from_parameters([3.0, 4.0, 5.0], [80.0, 70.0, 100.0], Frame::Ase).unwrap();
        assert_eq!(ase.vectors()[0], [3.0, 0.0, 0.0]);
        assert_eq!(ase.vectors()[1][2], 0.0);
        assert!((pymatgen.volume() - ase.volume()).abs() < 1e-12);
    }

    #[test]
    fn impossible_cells_are_refused() {
        let refused = |lengths, angles| Lattice::from_parameters(lengths, angles, Frame::Pymatgen).is_err();
        assert!(refused([0.0, 1.0, 1.0], [90.0; 3]));
        assert!(refused([1.0, f64::NAN, 1.0], [90.0; 3]));
        assert!(refused([1.0; 3], [90.0, 180.0, 90.0]));
        assert!(refused([1.0; 3], [30.0, 30.0, 100.0]));
        assert!(refused([1.0; 3], [60.0, 60.0, 120.0]));
    }

    #[test]
    fn fractional_and_cartesian_are_inverse() {
        let lattice = Lattice::from_parameters([3.0, 4.0, 9.0], [50.0, 70.0, 65.0], Frame::Ase).unwrap();
        let back = lattice.fractional(lattice.cartesian([0.1, -2.3, 7.7]));
        for (got, expected) in back.into_iter().zip([0.1, -2.3, 7.7]) {
            assert!((got - expected).abs() < 1e-12);
        }
    }
}
