//! Whether this process may use a matrix unit.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// What multiplies tiles. Whichever it is, products have the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileUnit {
    /// AMX with whole numbers of eight bits: Intel's Xeons from Sapphire Rapids on.
    Amx,
    /// Plain loops that do the same arithmetic, for tests.
    Emulated,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTiles {
    /// The processor has none, or a virtual machine hides it.
    Processor,
    /// The operating system keeps its registers to itself.
    System {
        /// Number of the error of the system call that asked for them.
        errno: i32,
    },
    /// Its products are not those of plain loops.
    Differs,
}

impl fmt::Display for NoTiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Processor => f.write_str("this processor has no AMX matrix unit"),
            Self::System { errno } => {
                let error = std::io::Error::from_raw_os_error(*errno);
                write!(
                    f,
                    "the operating system does not let this process use the AMX matrix unit of this processor: \
                     arch_prctl(ARCH_REQ_XCOMP_PERM) failed with {error}"
                )
            }
            Self::Differs => f.write_str(
                "the AMX matrix unit of this processor gives other products than plain loops do; please report this",
            ),
        }
    }
}

impl std::error::Error for NoTiles {}

static EMULATION: AtomicBool = AtomicBool::new(false);

/// Lets processors without a matrix unit emulate one from here on, many times slower than plain products: for tests.
pub fn allow_emulation() {
    EMULATION.store(true, Ordering::Relaxed);
}

/// Whether it may be emulated.
pub(super) fn may_be_emulated() -> bool {
    EMULATION.load(Ordering::Relaxed)
}

impl TileUnit {
    /// Whether this process can compute with it.
    pub(super) fn is_given(self) -> bool {
        self == Self::Emulated || given().is_ok()
    }
}

/// Asks the operating system once.
pub(super) fn given() -> Result<(), NoTiles> {
    static GIVEN: OnceLock<Result<(), NoTiles>> = OnceLock::new();
    *GIVEN.get_or_init(system::request)
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod system {
    use super::NoTiles;
    use std::arch::x86_64::{__cpuid_count, __get_cpuid_max, _xgetbv};

    /// To ask for a state of the processor that is not given without asking.
    const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
    /// Contents of tiles, as the register of enabled states numbers them; their configuration is the one before.
    const TILE_DATA: libc::c_ulong = 18;

    /// Asks for the tiles of this processor.
    pub(super) fn request() -> Result<(), NoTiles> {
        if !processor_has_tiles() {
            return Err(NoTiles::Processor);
        }
        #[expect(unsafe_code, reason = "a system call")]
        // SAFETY: it reads two numbers, and changes what this process may use, no memory.
        let refused = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) };
        if refused == 0 {
            return Ok(());
        }
        Err(NoTiles::System { errno: std::io::Error::last_os_error().raw_os_error().unwrap_or(0) })
    }

    fn processor_has_tiles() -> bool {
        const OSXSAVE: u32 = 1 << 27;
        const AMX_TILE: u32 = 1 << 24;
        const AMX_INT8: u32 = 1 << 25;
        const TILE_STATES: u64 = 0b11 << 17;
        // Whatever has tiles has these; the kernels around them need them.
        let vectors = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        if !vectors || __get_cpuid_max(0).0 < 7 || __cpuid_count(1, 0).ecx & OSXSAVE == 0 {
            return false;
        }
        let features = __cpuid_count(7, 0).edx;
        #[expect(unsafe_code, reason = "an instruction that not all processors have")]
        // SAFETY: a processor whose system has set OSXSAVE has the instruction.
        let enabled = unsafe { _xgetbv(0) };
        features & AMX_INT8 != 0 && features & AMX_TILE != 0 && enabled & TILE_STATES == TILE_STATES
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod system {
    use super::NoTiles;

    pub(super) fn request() -> Result<(), NoTiles> {
        Err(NoTiles::Processor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operating_system_said_is_passed_on() {
        let said = NoTiles::System { errno: libc::EINVAL }.to_string();
        assert!(said.contains("arch_prctl(ARCH_REQ_XCOMP_PERM) failed with Invalid argument (os error 22)"), "{said}");
    }
}
