//! What kernels for rows take.

use super::products::narrow;
use crate::error::GpuError;

/// Numbers of a row at most: a lane holds two groups of four.
pub(crate) const MAX_ROW: usize = 256;

/// A type that is a kernel's only parameter, field by field as in kernels/*.cu and *.cuh.
macro_rules! arguments {
    ($name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        #[repr(C)]
        #[derive(Clone, Copy, Default)]
        struct $name { $($field: $kind),* }
        // SAFETY: the same fields in the same order as in the kernel's source.
        unsafe impl $crate::kernels::queue::Arguments for $name {}
    };
}

pub(super) use arguments;

/// A width that a warp can hold.
pub(super) fn row_width(width: usize) -> Result<u32, GpuError> {
    if width == 0 || !width.is_multiple_of(8) || width > MAX_ROW {
        return Err(GpuError::shape("width of a row", format!("a multiple of 8 up to {MAX_ROW}"), width));
    }
    narrow("width of a row", width)
}
