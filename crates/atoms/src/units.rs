//! Conversion factors. Everything inside the program is in eV, Å and μ_B.

/// One eV/Å^3 in GPa (CODATA 2018: e = 1.602176634e-19 C; the rounding is the one
/// that ASE and CHGNet use, 160.21766208).
pub const GPA_PER_EV_PER_A3: f64 = 160.217_662_08;
