//! What can be wrong with a file: classes, errors, warnings.

use std::fmt;
use thiserror::Error;

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// What is wrong (error) or remarkable (warning) about a file; `docs/cif.md` lists them with remedies.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum CifClass { $($(#[$doc])* $variant,)* }

        impl CifClass {
            /// All classes, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that stands in `failures.csv` and `warnings.csv`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

classes! {
    /// A value that must be a number is not one.
    BadNumber => "bad_number",
    /// Only Cartesian coordinates are given.
    CartesianOnly => "cartesian_only",
    /// Lengths and angles are not a unit cell.
    CellInvalid => "cell_invalid",
    /// A length or angle is not there.
    CellMissing => "cell_missing",
    /// The declared volume contradicts the lengths and angles.
    CellVolumeConflict => "cell_volume_conflict",
    /// CIF 2.0.
    Cif2 => "cif2",
    /// Two atoms are much closer than a bond.
    CloseContact => "close_contact",
    /// An atom has no coordinates.
    CoordsMissing => "coords_missing",
    /// Some position is not filled by exactly one atom.
    Disordered => "disordered",
    /// A tag that matters is there twice.
    DuplicateTag => "duplicate_tag",
    /// A label can be read as two elements.
    ElementAmbiguous => "element_ambiguous",
    /// Nothing but blanks and comments.
    Empty => "empty",
    /// Neither ASCII, UTF-8 nor ISO-8859-1.
    Encoding => "encoding",
    /// The atoms do not add up to the declared formula.
    FormulaMismatch => "formula_mismatch",
    /// Hydrogen atoms are there that are not listed.
    ImplicitHydrogens => "implicit_hydrogens",
    /// Deuterium or tritium.
    Isotope => "isotope",
    /// A loop that does not matter has an incomplete last row.
    LoopIncomplete => "loop_incomplete",
    /// A loop that matters has an incomplete last row.
    LoopTruncated => "loop_truncated",
    /// A magnetic structure: its moments are dropped.
    Magnetic => "magnetic",
    /// A macromolecular file.
    Mmcif => "mmcif",
    /// More than one block has a structure.
    MultipleStructures => "multiple_structures",
    /// No atoms.
    NoAtoms => "no_atoms",
    /// An occupancy that cannot be.
    OccupancyInvalid => "occupancy_invalid",
    /// An occupancy was rounded to 1.
    OccupancyRounded => "occupancy_rounded",
    /// Two sites at one place.
    Overlap => "overlap",
    /// A special position is given with few digits.
    PositionRounded => "position_rounded",
    /// A site was left out.
    SiteDropped => "site_dropped",
    /// The name does not say which of several settings, and nothing else does.
    SymmetryAmbiguous => "symmetry_ambiguous",
    /// The standard setting was assumed.
    SymmetryAssumed => "symmetry_assumed",
    /// The operations do not leave the cell as it is.
    SymmetryCellMismatch => "symmetry_cell_mismatch",
    /// Operations, names and number contradict each other.
    SymmetryConflict => "symmetry_conflict",
    /// No symmetry is given: P 1 was assumed.
    SymmetryMissing => "symmetry_missing",
    /// A name or number that does not exist.
    SymmetryUnknown => "symmetry_unknown",
    /// A symmetry operation cannot be read.
    SymopInvalid => "symop_invalid",
    /// Not a CIF, or a broken one.
    Syntax => "syntax",
    /// More than this reader is prepared to hold in memory.
    TooLarge => "too_large",
    /// Not a chemical element.
    UnknownElement => "unknown_element",
}

impl fmt::Display for CifClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct CifError {
    /// What kind of problem.
    pub class: CifClass,
    /// Line of the file, from 1.
    pub line: Option<u32>,
    /// The cause.
    pub message: String,
    /// The remedy.
    pub hint: String,
}

impl CifError {
    pub(crate) fn new(
        class: CifClass,
        line: impl Into<Option<u32>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { class, line: line.into(), message: message.into(), hint: hint.into() }
    }
}

/// Something remarkable about a file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CifWarning {
    /// What kind of remark.
    pub class: CifClass,
    /// Line of the file, from 1.
    pub line: Option<u32>,
    /// What was found and what was done about it.
    pub message: String,
}

/// The warnings of one file, one a class: a file with a thousand deuterium atoms says so once.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Vec<CifWarning>);

impl Warnings {
    /// Adds a remark unless one of the same class is there already.
    pub(crate) fn once(&mut self, class: CifClass, line: impl Into<Option<u32>>, message: impl FnOnce() -> String) {
        if !self.0.iter().any(|known| known.class == class) {
            self.0.push(CifWarning { class, line: line.into(), message: message() });
        }
    }

    #[cfg(test)]
    pub(crate) fn contains(&self, class: CifClass) -> bool {
        self.0.iter().any(|known| known.class == class)
    }

    pub(crate) fn into_vec(self) -> Vec<CifWarning> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_are_unique_and_sorted() {
        let names: Vec<_> = CifClass::ALL.iter().map(|class| class.name()).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    }

    #[test]
    fn a_class_is_remarked_upon_once() {
        let mut warnings = Warnings::default();
        warnings.once(CifClass::Isotope, 3, || "first".into());
        warnings.once(CifClass::Isotope, 4, || "second".into());
        let list = warnings.into_vec();
        assert_eq!(list.len(), 1);
        assert_eq!(list[0].line, Some(3));
    }
}
