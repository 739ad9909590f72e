//! What is done with each structure, from flags and job files.

use super::list::What;
use crate::error::CommandError;
use crate::values::CalculationName;
use mlip_calculations::{CalculationConfig, CellMotion, EnergyVolume, Method, Relaxation};

/// What is left of a job file under these flags: another calculation takes its settings away, a preset their values.
pub(super) fn under(mut job: What, flags: &What) -> What {
    if flags.calculation.is_some() || flags.relax.is_some() {
        (job.calculation, job.relax) = (None, None);
    }
    let leaves =
        matches!(flags.calculation, Some(name) if name != CalculationName::Relaxation) || flags.relax == Some(false);
    if leaves {
        job.relax_preset = None;
    }
    if leaves || flags.relax_preset.is_some() {
        (job.optimizer, job.cell, job.pressure, job.fmax, job.max_steps) = (None, None, None, None, None);
        (job.fix_symmetry, job.symprec) = (None, None);
    }
    if leaves {
        job.trajectory = None;
    }
    if matches!(flags.calculation, Some(name) if name != CalculationName::EnergyVolume) || flags.relax == Some(true) {
        (job.volume_points, job.volume_range) = (None, None);
    }
    job
}

/// The calculation that is meant.
pub(super) fn of(what: &What) -> Result<CalculationConfig, CommandError> {
    let named = match (what.relax, what.calculation) {
        (Some(true), None | Some(CalculationName::Relaxation)) => CalculationName::Relaxation,
        (Some(true), Some(_)) => {
            return Err(CommandError::new("--relax and another --calculation").hint("leave out one of them").usage());
        }
        (Some(false), Some(CalculationName::Relaxation)) => CalculationName::SinglePoint,
        (_, named) => named.unwrap_or(CalculationName::SinglePoint),
    };
    if (what.volume_points.is_some() || what.volume_range.is_some()) && named != CalculationName::EnergyVolume {
        return Err(CommandError::new("volumes are settings of another calculation")
            .hint("add --calculation energy-volume, or leave out --volume-points and --volume-range")
            .usage());
    }
    let has_settings = what.relax_preset.is_some()
        || what.optimizer.is_some()
        || what.cell.is_some()
        || what.pressure.is_some()
        || what.fmax.is_some()
        || what.max_steps.is_some()
        || what.fix_symmetry == Some(true)
        || what.symprec.is_some()
        || what.trajectory == Some(true);
    if has_settings && named != CalculationName::Relaxation {
        return Err(CommandError::new(
            "optimizer, cell, pressure, fmax, max-steps, fix-symmetry, symprec and trajectory are settings of relaxations",
        )
        .hint("add --relax, or leave them out")
        .usage());
    }
    match named {
        CalculationName::SinglePoint => Ok(CalculationConfig::SinglePoint),
        CalculationName::EnergyVolume => {
            let volumes = volumes(what);
            volumes.validate().map_err(|error| CommandError::from_error(&error).usage())?;
            Ok(CalculationConfig::EnergyVolume(volumes))
        }
        CalculationName::Relaxation => {
            let relaxation = relaxation(what);
            relaxation.validate().map_err(|error| CommandError::from_error(&error).usage())?;
            Ok(CalculationConfig::Relaxation(relaxation))
        }
    }
}

fn volumes(what: &What) -> EnergyVolume {
    let defaults = EnergyVolume::default();
    EnergyVolume {
        points: what.volume_points.unwrap_or(defaults.points),
        range: what.volume_range.unwrap_or(defaults.range),
    }
}

fn relaxation(what: &What) -> Relaxation {
    let preset = what.relax_preset.map(Relaxation::from).unwrap_or_default();
    Relaxation {
        optimizer: what.optimizer.map_or(preset.optimizer, Method::from),
        cell: what.cell.map_or(preset.cell, CellMotion::from),
        pressure: what.pressure.unwrap_or(preset.pressure),
        fmax: what.fmax.unwrap_or(preset.fmax),
        max_steps: what.max_steps.unwrap_or(preset.max_steps),
        fix_symmetry: what.fix_symmetry.unwrap_or(preset.fix_symmetry),
        symprec: what.symprec.unwrap_or(preset.symprec),
        trajectory: what.trajectory.unwrap_or(preset.trajectory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{OptimizerName, RelaxPreset};

    fn relaxing() -> What {
        What { relax: Some(true), optimizer: Some(OptimizerName::Bfgs), fmax: Some(0.1), ..What::default() }
    }

    fn resolved(flags: What, job: What) -> Result<CalculationConfig, CommandError> {
        of(&flags.clone().over(under(job, &flags)))
    }

    #[test]
    fn flags_win_over_job_files_also_where_they_are_presets_or_other_calculations() {
        let preset = What { relax_preset: Some(RelaxPreset::Discovery), ..What::default() };
        let expected = CalculationConfig::Relaxation(Relaxation::preset("discovery").unwrap());
        assert_eq!(resolved(preset, relaxing()).unwrap(), expected);
        let single = What { calculation: Some(CalculationName::SinglePoint), ..What::default() };
        assert_eq!(resolved(single, relaxing()).unwrap(), CalculationConfig::SinglePoint);
        let without = What { relax: Some(false), ..What::default() };
        assert_eq!(resolved(without, relaxing()).unwrap(), CalculationConfig::SinglePoint);
        let finer = What { fmax: Some(0.01), ..What::default() };
        let expected = Relaxation { optimizer: Method::Bfgs, fmax: 0.01, ..Relaxation::default() };
        assert_eq!(resolved(finer, relaxing()).unwrap(), CalculationConfig::Relaxation(expected));
        let kept = || What { fix_symmetry: Some(true), symprec: Some(0.1), ..relaxing() };
        let CalculationConfig::Relaxation(found) = resolved(What::default(), kept()).unwrap() else { panic!() };
        assert_eq!((found.fix_symmetry, found.symprec), (true, 0.1));
        let preset = What { relax_preset: Some(RelaxPreset::Discovery), ..What::default() };
        let expected = CalculationConfig::Relaxation(Relaxation::preset("discovery").unwrap());
        assert_eq!(resolved(preset, kept()).unwrap(), expected);
        // Also a value that is the default.
        assert!(resolved(What { fmax: Some(0.02), ..What::default() }, What::default()).is_err());
    }

    #[test]
    fn volumes_belong_to_their_calculation() {
        let of = |calculation, volume_points| of(&What { calculation, volume_points, ..What::default() });
        let volumes = Some(CalculationName::EnergyVolume);
        assert_eq!(of(None, None).unwrap(), CalculationConfig::SinglePoint);
        let expected = CalculationConfig::EnergyVolume(EnergyVolume { points: 9, ..EnergyVolume::default() });
        assert_eq!(of(volumes, Some(9)).unwrap(), expected);
        assert!(format!("{:?}", of(volumes, Some(8)).unwrap_err()).contains("an odd number from 5 to 101"));
        assert!(format!("{:?}", of(None, Some(9)).unwrap_err()).contains("add --calculation energy-volume"));
    }
}
