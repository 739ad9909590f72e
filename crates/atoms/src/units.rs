//! Conversion factors. Everything inside the program is in eV, Å and μ_B.

/// One eV/Å^3 in GPa, with the charge of the electron of CODATA 2014, as ASE and CHGNet have it. By the exact charge it is
/// 160.2176634, a part of 8e-9 more.
pub const GPA_PER_EV_PER_A3: f64 = 160.217_662_08;
