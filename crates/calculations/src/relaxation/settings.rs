//! What users choose of a relaxation.

use crate::symmetry::SYMPREC;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How lower energies are looked for: step for step as ASE 3.29 does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// FIRE: molecular dynamics with friction. Needs no consistent energies, takes most steps.
    #[default]
    Fire,
    /// BFGS with steps of limited length.
    Bfgs,
    /// BFGS that remembers the last 100 steps instead of a matrix.
    Lbfgs,
    /// BFGS with a line search at each step: energies must belong to the forces.
    BfgsLineSearch,
}

impl Method {
    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fire => "fire",
            Self::Bfgs => "bfgs",
            Self::Lbfgs => "lbfgs",
            Self::BfgsLineSearch => "bfgs-line-search",
        }
    }
}

/// What moves beside the atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellMotion {
    /// All of the cell, by the logarithm of its deformation gradient: ASE's `FrechetCellFilter`.
    #[default]
    Frechet,
    /// Nothing: the atoms move in the cell as it was read.
    Fixed,
    /// The shape of the cell but not its volume: the filter with `constant_volume`.
    ConstantVolume,
    /// The volume of the cell but not its shape: the filter with `hydrostatic_strain`. `isotropic` means the same.
    #[serde(alias = "isotropic")]
    Hydrostatic,
}

impl CellMotion {
    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frechet => "frechet",
            Self::Fixed => "fixed",
            Self::ConstantVolume => "constant-volume",
            Self::Hydrostatic => "hydrostatic",
        }
    }

    /// Whether the volume can change, so that pressure counts.
    pub fn changes_volume(self) -> bool {
        matches!(self, Self::Frechet | Self::Hydrostatic)
    }
}

/// Each structure is moved to a minimum of the energy, or of the enthalpy where there is pressure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Relaxation {
    /// How.
    pub optimizer: Method,
    /// What moves beside the atoms.
    pub cell: CellMotion,
    /// Outer pressure, GPa; compression is positive.
    pub pressure: f64,
    /// Converged once the force on every atom, and on every row of the cell's degrees of freedom, is shorter, eV/Å.
    pub fmax: f64,
    /// Given up after this many steps; 0 evaluates the structure as it is.
    pub max_steps: u32,
    /// Whether the symmetry of the structure as it was read is kept: ASE's `FixSymmetry`.
    pub fix_symmetry: bool,
    /// How far sites may be from where symmetry wants them, Å, for the symmetry that is kept and for space groups.
    pub symprec: f64,
    /// Whether the structure, energy, forces and stress at the end of each step are kept.
    pub trajectory: bool,
}

impl Default for Relaxation {
    fn default() -> Self {
        Self {
            optimizer: Method::default(),
            cell: CellMotion::default(),
            pressure: 0.0,
            fmax: 0.02,
            max_steps: 500,
            fix_symmetry: false,
            symprec: SYMPREC,
            trajectory: false,
        }
    }
}

/// Settings with which nothing can be relaxed.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RelaxationError {
    /// A limit of forces that is none.
    #[error("the limit of forces, fmax, is {0} eV/Å; it must be a positive number, for example 0.02")]
    Fmax(f64),
    /// More steps than evaluations can be counted.
    #[error("max_steps is {0}; at most {most} are possible", most = Relaxation::MOST_STEPS)]
    Steps(u32),
    /// A pressure that is no number.
    #[error("the pressure is {0} GPa; it must be a finite number")]
    Pressure(f64),
    /// Pressure on a cell that cannot give way.
    #[error(
        "a pressure of {pressure} GPa changes nothing with cell = \"{cell}\"; choose \"frechet\" or \"hydrostatic\""
    )]
    PressureWithoutVolume {
        /// GPa.
        pressure: f64,
        /// What the cell may do.
        cell: &'static str,
    },
    /// A distance within which no symmetry can be looked for.
    #[error("symprec is {0} Å; it must be more than 0 and at most {most} Å, for example 0.01", most = Relaxation::MOST_SYMPREC)]
    Symprec(f64),
    /// A distance for symmetry that is not kept.
    #[error(
        "symprec = {0} changes nothing without fix_symmetry = true; space groups in tables are found within {SYMPREC} Å"
    )]
    SymprecWithoutSymmetry(f64),
}

impl Relaxation {
    /// Most steps that may be asked for: evaluations are counted in 32 bits, and each step may take some.
    pub const MOST_STEPS: u32 = 1_000_000;

    /// Largest distance for symmetry that may be asked for, Å: atoms are not much further from each other.
    pub const MOST_SYMPREC: f64 = 0.5;

    /// Names of [`preset`](Self::preset).
    pub const PRESETS: [&str; 2] = ["genbench", "discovery"];

    /// Settings that others agreed on, by name: `genbench`, those of LeMat-GenBench (its limit of 300 s for a structure is
    /// the run's to keep), and `discovery`, those of Matbench Discovery.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "genbench" => {
                Some(Self { optimizer: Method::BfgsLineSearch, fmax: 0.02, max_steps: 50, ..Self::default() })
            }
            "discovery" => Some(Self { optimizer: Method::Fire, fmax: 0.05, max_steps: 500, ..Self::default() }),
            _ => None,
        }
    }

    /// # Errors
    /// When nothing can be relaxed with the settings, or one of them would have no effect.
    pub fn validate(&self) -> Result<(), RelaxationError> {
        let &Self { optimizer: _, cell, pressure, fmax, max_steps, fix_symmetry, symprec, trajectory: _ } = self;
        if !(fmax > 0.0 && fmax.is_finite()) {
            return Err(RelaxationError::Fmax(fmax));
        }
        if max_steps > Self::MOST_STEPS {
            return Err(RelaxationError::Steps(max_steps));
        }
        if !pressure.is_finite() {
            return Err(RelaxationError::Pressure(pressure));
        }
        if pressure != 0.0 && !cell.changes_volume() {
            return Err(RelaxationError::PressureWithoutVolume { pressure, cell: cell.name() });
        }
        if !(symprec > 0.0 && symprec <= Self::MOST_SYMPREC) {
            return Err(RelaxationError::Symprec(symprec));
        }
        if !fix_symmetry && symprec != SYMPREC {
            return Err(RelaxationError::SymprecWithoutSymmetry(symprec));
        }
        Ok(())
    }

    /// The canonical text of all settings that decide the numbers. What came later than others is in it only where it is on,
    /// so that older keys hold.
    pub(super) fn key(&self) -> String {
        let &Self { optimizer, cell, pressure, fmax, max_steps, fix_symmetry, symprec, trajectory } = self;
        // -0 GPa is 0 GPa.
        let pressure = pressure + 0.0;
        let (optimizer, cell) = (optimizer.name(), cell.name());
        let symmetry = if fix_symmetry { format!(" fix_symmetry=true symprec={symprec:?}") } else { String::new() };
        // It decides no number, but a result without one cannot stand for a result with one.
        let trajectory = if trajectory { " trajectory=true" } else { "" };
        format!(
            "optimizer={optimizer} cell={cell} pressure={pressure:?} fmax={fmax:?} max_steps={max_steps}{symmetry}{trajectory}"
        )
    }

    /// Memory of the optimizer and of symmetry operations at most, bytes: the matrices of `bfgs` and `bfgs-line-search`, one number for each two degrees
    /// of freedom, with the copies that a step makes of them. What else there is grows with the atoms only.
    pub(super) fn working_bytes(&self, n_atoms: usize) -> u64 {
        let matrices = match self.optimizer {
            // The matrix, its decomposition, and eigenvectors where it is not positive.
            Method::Bfgs => 4,
            Method::BfgsLineSearch => 2,
            Method::Fire | Method::Lbfgs => 0,
        };
        let n_atoms = n_atoms as u64;
        let n_degrees = 3 * n_atoms + 9;
        // Where each of the operations takes each site: there are 48, and a translation for each atom, at most.
        let symmetry = if self.fix_symmetry { (n_atoms + 48).saturating_mul(140 + 4 * n_atoms) } else { 0 };
        (matrices * 8 * n_degrees.saturating_mul(n_degrees)).saturating_add(symmetry)
    }

    /// Evaluations that a structure takes, expected: what CHGNet takes for crystals of databases (docs/relaxation.md); a
    /// structure that was generated takes more.
    pub(super) fn expected_evaluations(&self) -> f64 {
        let steps: f64 = match self.optimizer {
            Method::Fire => 75.0,
            Method::Bfgs => 38.0,
            Method::Lbfgs => 45.0,
            Method::BfgsLineSearch => 20.6,
        };
        1.0 + self.evaluations_per_step() * f64::from(self.max_steps).min(steps)
    }

    /// Evaluations of a structure that takes all steps.
    pub(super) fn most_evaluations(&self) -> f64 {
        1.0 + self.evaluations_per_step() * f64::from(self.max_steps)
    }

    fn evaluations_per_step(&self) -> f64 {
        match self.optimizer {
            Method::Fire | Method::Bfgs | Method::Lbfgs => 1.0,
            Method::BfgsLineSearch => 1.6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_an_effect_are_refused() {
        let base = Relaxation::default();
        assert_eq!(base.validate(), Ok(()));
        for fmax in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Relaxation { fmax, ..base }.validate(), Err(RelaxationError::Fmax(_))));
        }
        assert!(Relaxation { max_steps: 1_000_001, ..base }.validate().is_err());
        assert!(Relaxation { pressure: f64::NAN, ..base }.validate().is_err());
        for cell in [CellMotion::Fixed, CellMotion::ConstantVolume] {
            let refused = Relaxation { pressure: 1.0, cell, ..base }.validate().unwrap_err();
            assert!(refused.to_string().contains(cell.name()), "{refused}");
        }
        assert_eq!(Relaxation { pressure: -2.0, cell: CellMotion::Hydrostatic, ..base }.validate(), Ok(()));
        let kept = Relaxation { fix_symmetry: true, ..base };
        assert_eq!(Relaxation { symprec: 0.1, ..kept }.validate(), Ok(()));
        for symprec in [0.0, -0.01, f64::NAN, 0.6] {
            assert!(matches!(Relaxation { symprec, ..kept }.validate(), Err(RelaxationError::Symprec(_))));
        }
        let refused = Relaxation { symprec: 0.1, ..base }.validate().unwrap_err().to_string();
        assert!(refused.contains("fix_symmetry = true") && refused.contains("0.01 Å"), "{refused}");
    }

    #[test]
    fn every_setting_is_in_the_key() {
        let base = Relaxation::default();
        let text = "optimizer=fire cell=frechet pressure=0.0 fmax=0.02 max_steps=500";
        assert_eq!(base.key(), text);
        assert_eq!(Relaxation { pressure: -0.0, ..base }.key(), text);
        let others = [
            Relaxation { optimizer: Method::Lbfgs, ..base },
            Relaxation { cell: CellMotion::Fixed, ..base },
            Relaxation { pressure: 1e-3, ..base },
            Relaxation { fmax: 0.05, ..base },
            Relaxation { max_steps: 50, ..base },
            Relaxation { fix_symmetry: true, ..base },
            Relaxation { fix_symmetry: true, symprec: 0.1, ..base },
            Relaxation { trajectory: true, ..base },
        ];
        let keys = others.iter().map(Relaxation::key).collect::<std::collections::BTreeSet<_>>();
        assert!(keys.len() == others.len() && !keys.contains(text));
        assert_eq!(others[5].key(), format!("{text} fix_symmetry=true symprec=0.01"));
    }

    #[test]
    fn presets_are_named_and_valid() {
        for name in Relaxation::PRESETS {
            assert_eq!(Relaxation::preset(name).unwrap().validate(), Ok(()));
        }
        assert_eq!(Relaxation::preset("other"), None);
    }
}
