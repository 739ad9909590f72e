//! What can go wrong with a device, in sentences.

use thiserror::Error;

/// Why a device cannot be used, or not for this.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GpuError {
    /// The program has no kernels in it.
    #[error("this program was built without CUDA; build it with `make build CUDA=1`")]
    NotBuilt,
    /// `libcuda.so.1` is not there.
    #[error(
        "no NVIDIA driver on this host: libcuda.so.1 cannot be opened; run on a host with a GPU, or with device=cpu"
    )]
    NoDriver,
    /// The driver cannot run what was compiled.
    #[error(
        "the NVIDIA driver of this host is for CUDA {found} and earlier, and this program was built with CUDA {needed}; a newer driver, or a build with an older toolkit, runs here"
    )]
    DriverTooOld {
        /// Of the driver.
        found: String,
        /// Of the program.
        needed: String,
    },
    /// There are fewer devices.
    #[error("there is no CUDA device {ordinal}: this process sees {count} (CUDA_VISIBLE_DEVICES chooses them)")]
    NoDevice {
        /// Which was asked for.
        ordinal: usize,
        /// How many there are.
        count: usize,
    },
    /// No kernel in the program is for this card. They are compiled for 8.0 and later: earlier cards have neither the
    /// asynchronous copies into shared memory (`cp.async`) nor the f16 matrix product (`mma.m16n8k16`) of their products.
    #[error(
        "{name} has compute capability {major}.{minor}; the kernels copy and multiply with instructions that cards have from 8.0 (A100) on: run on such a card, or say device=cpu"
    )]
    CardTooOld {
        /// The card.
        name: String,
        /// Its capability.
        major: i32,
        /// Its capability.
        minor: i32,
    },
    /// An allocation failed.
    #[error("{bytes} bytes were asked for, and the device has {free} bytes free")]
    OutOfMemory {
        /// Asked for.
        bytes: u64,
        /// Left.
        free: u64,
    },
    /// The host gives no memory that the device can read directly.
    #[error("the host has no {bytes} bytes of memory for transfers")]
    NoTransferMemory {
        /// Asked for.
        bytes: u64,
    },
    /// What a network is made of cannot be read any more.
    #[error("{0}")]
    Weights(String),
    /// Any other error of the driver.
    #[error("{call} failed: {message} ({name})")]
    Driver {
        /// The function.
        call: &'static str,
        /// CUDA's name of the error.
        name: String,
        /// CUDA's sentence about it.
        message: String,
    },
    /// Sizes that the kernels do not compute.
    #[error("{what}: expected {expected}, got {found}")]
    Shape {
        /// Of what.
        what: &'static str,
        /// What the kernels need.
        expected: String,
        /// What there is.
        found: String,
    },
}

impl GpuError {
    /// Of the kernels' sizes.
    #[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "only what runs on a device checks shapes"))]
    pub(crate) fn shape(what: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self::Shape { what, expected: expected.to_string(), found: found.to_string() }
    }
}
