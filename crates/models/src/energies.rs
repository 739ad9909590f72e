//! What the energies of potentials are energies of.

use std::fmt;

/// The calculations whose total energies a potential was fitted to. Energies of different ones are on different scales:
/// neither their mean nor their spread says anything. Formation energies and energies above a hull, each measured by
/// energies of the same potential, can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Energies {
    /// PBE and PBE+U with the settings of the Materials Project, as computed: MPtrj, Alexandria.
    MaterialsProject,
    /// The same with the corrections MP2020 of the Materials Project, of anions and of metals that have a U.
    MaterialsProjectCorrected,
    /// r2SCAN of the Materials Project.
    MaterialsProjectR2scan,
    /// PBE and PBE+U of OMat24, with later pseudopotentials than those of the Materials Project.
    Omat24,
    /// PBE of MatPES, without U.
    MatPesPbe,
    /// r2SCAN of MatPES.
    MatPesR2scan,
    /// ωB97M-V of OMol25: molecules.
    Omol25,
    /// RPBE of OC20: adsorbates on surfaces.
    Oc20,
    /// PBE with D3 of ODAC23: metal-organic frameworks.
    Odac23,
    /// PBE with D3 of OMC25: molecular crystals.
    Omc25,
}

impl fmt::Display for Energies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaterialsProject => "the Materials Project, uncorrected",
            Self::MaterialsProjectCorrected => "the Materials Project, with its corrections (MP2020)",
            Self::MaterialsProjectR2scan => "the Materials Project in r2SCAN",
            Self::Omat24 => "OMat24",
            Self::MatPesPbe => "MatPES in PBE",
            Self::MatPesR2scan => "MatPES in r2SCAN",
            Self::Omol25 => "OMol25",
            Self::Oc20 => "OC20",
            Self::Odac23 => "ODAC23",
            Self::Omc25 => "OMC25",
        })
    }
}
