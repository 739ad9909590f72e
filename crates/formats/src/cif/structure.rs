//! What is asked for, and what was read.

use super::error::CifWarning;
use mlip_atoms::{Frame, Structure};
use serde::{Deserialize, Serialize};

/// How a CIF becomes a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CifOptions {
    /// Cartesian axes of the cell.
    pub frame: Frame,
    /// What becomes of rounded fractional coordinates.
    pub coordinates: Coordinates,
}

/// What becomes of fractional coordinates that are rounded thirds, such as 0.3333.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coordinates {
    /// They are what is written. An atom on a special position is found all the same: its images fall together within
    /// the rounding.
    #[default]
    File,
    /// Those whose ratio to 1/3 or 2/3 is 1 within 1e-4 are that third, as pymatgen's reader has them before it applies
    /// symmetry; others, such as -1/3, 4/3 and 1/6, stay.
    Pymatgen,
}

impl Coordinates {
    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Pymatgen => "pymatgen",
        }
    }

    /// What a fractional coordinate of a file becomes.
    pub(crate) fn read(self, written: f64) -> f64 {
        // `CifParser`'s `frac_tolerance`, which its documentation calls the tolerance of coordinates.
        const RATIO_TOLERANCE: f64 = 1e-4;
        let third = [1.0 / 3.0, 2.0 / 3.0].into_iter().find(|third| (written / third - 1.0).abs() <= RATIO_TOLERANCE);
        match self {
            Self::File => written,
            Self::Pymatgen => third.unwrap_or(written),
        }
    }
}

/// What was read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct CifStructure {
    /// The whole cell of the file (not reduced to a primitive one). Positions are those of the file, and for
    /// generated images what the symmetry operation gives: neither is wrapped into the cell.
    pub structure: Structure,
    /// Lengths in Å and angles in degrees, as in the file.
    pub parameters: ([f64; 3], [f64; 3]),
    /// What is remarkable: one a class.
    pub warnings: Vec<CifWarning>,
}

#[cfg(test)]
mod tests {
    use super::Coordinates;

    #[test]
    fn rounded_thirds_become_thirds_only_as_pymatgen_has_them() {
        let (third, two) = (1.0 / 3.0, 2.0 / 3.0);
        for (written, read) in [
            (0.3333, third),
            (0.33330656, third),
            (0.333366, third),
            (0.33337, 0.33337),
            (0.333, 0.333),
            (0.6667, two),
            (0.66673, two),
            (0.66674, 0.66674),
            (-0.3333, -0.3333),
            (1.3333, 1.3333),
            (0.1667, 0.1667),
            (0.0, 0.0),
        ] {
            assert_eq!(Coordinates::Pymatgen.read(written), read, "{written}");
            assert_eq!(Coordinates::File.read(written), written);
        }
    }
}
