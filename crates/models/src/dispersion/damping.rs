//! How the interaction is damped at short distances, functional by functional.

/// Damping of Becke and Johnson, atomic units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Damping {
    /// As users write it: `d3bj-pbe`.
    pub name: &'static str,
    /// Scale of the eighth order; that of the sixth is one.
    pub(super) s8: f64,
    /// Scale of the radius.
    pub(super) a1: f64,
    /// Added to the radius, Bohr.
    pub(super) a2: f64,
}

/// For PBE: S. Grimme, S. Ehrlich, L. Goerigk, J. Comput. Chem. 32, 1456 (2011).
pub(super) static PBE: Damping = Damping { name: "d3bj-pbe", s8: 0.7875, a1: 0.4289, a2: 4.4407 };

/// For r2SCAN: S. Ehlert, U. Huniar, J. Ning, J. W. Furness, J. Sun, A. D. Kaplan, J. P. Perdew, J. G. Brandenburg, J. Chem.
/// Phys. 154, 061101 (2021).
pub(super) static R2SCAN: Damping =
    Damping { name: "d3bj-r2scan", s8: 0.789_813_45, a1: 0.494_840_01, a2: 5.730_836_94 };

impl Damping {
    /// By the name that users write.
    pub fn named(name: &str) -> Option<&'static Self> {
        [&PBE, &R2SCAN].into_iter().find(|damping| damping.name == name)
    }
}
