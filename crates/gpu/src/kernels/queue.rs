//! A stream with the kernels that run on it.

#![expect(unsafe_code, reason = "kernels are started with addresses")]

use super::binaries::{CHGNET, MACE, PRODUCTS, ROWS, UMA};
use super::chgnet::ChgnetKernels;
use super::mace::MaceKernels;
use super::uma::UmaKernels;
use crate::driver::{Device, Kernel, Module, Stream};
use crate::error::GpuError;
use crate::products::Products;
use std::ffi::CString;

/// `STAGES * STAGE_BYTES` of kernels/products.cu.
const PRODUCT_SHARED_BYTES: u32 = 3 * 4 * 128 * 32 * 2;
/// Threads of every block.
pub(super) const BLOCK: u32 = 256;
/// Warps of every block.
pub(super) const WARPS: usize = 8;

/// Types that are a kernel's only parameter, with its layout.
///
/// # Safety
/// `repr(C)`, field by field as in the kernel's source.
pub(super) unsafe trait Arguments: Copy {}

/// The kernels of one way of computing products.
pub(super) struct Kernels {
    pub(super) hidden: Kernel,
    pub(super) edges: Kernel,
    pub(super) rows: Kernel,
    pub(super) slope: Kernel,
    pub(super) add: Kernel,
    pub(super) plain: Kernel,
    pub(super) grouped_rows: Kernel,
    pub(super) grouped_plain: Kernel,
    pub(super) embed: Kernel,
    pub(super) norm_add: Kernel,
    pub(super) norm_backward: Kernel,
    pub(super) deliver: Kernel,
    pub(super) deliver_backward: Kernel,
    pub(super) sum_messages: Kernel,
    pub(super) sum_rows: Kernel,
    pub(super) add_part: Kernel,
    pub(super) basis_forward: Kernel,
    pub(super) basis_backward: Kernel,
    pub(super) head: Kernel,
}

/// A stream, and kernels for it.
pub struct Queue {
    stream: Stream,
    products: Products,
    pub(super) kernels: Kernels,
    pub(super) mace: MaceKernels,
    pub(super) chgnet: ChgnetKernels,
    pub(super) uma: UmaKernels,
    n_multiprocessors: usize,
}

impl Queue {
    /// On a device; `head_bytes` of shared memory are what its head needs.
    ///
    /// # Errors
    /// When the driver cannot load the kernels.
    pub fn new(device: &Device, products: Products, head_bytes: u32) -> Result<Self, GpuError> {
        // The only card with instructions of its own so far, and with machine code for them.
        let hopper = device.capability()? == (9, 0);
        let own = hopper && products != Products::F32;
        Self::of_family(device, products, if own { "hopper_" } else { "" }, head_bytes)
    }

    /// The same with the kernels that run on every card, also on one that has others: for tests.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn portable(device: &Device, products: Products, head_bytes: u32) -> Result<Self, GpuError> {
        Self::of_family(device, products, "", head_bytes)
    }

    fn of_family(device: &Device, products: Products, family: &str, head_bytes: u32) -> Result<Self, GpuError> {
        let [of_products, of_rows] = [Module::load(device, PRODUCTS)?, Module::load(device, ROWS)?];
        let [of_mace, of_chgnet, of_uma] =
            [Module::load(device, MACE)?, Module::load(device, CHGNET)?, Module::load(device, UMA)?];
        let named = |module: &Module, name: &str, shared: u32| {
            let name = CString::new(name).map_err(|_| GpuError::shape("name of a kernel", "no zeros", name))?;
            module.kernel(&name, shared)
        };
        let shared = if products == Products::F32 { 0 } else { PRODUCT_SHARED_BYTES };
        let product = |name: &str| named(&of_products, &format!("product_{family}{}_{name}", products.name()), shared);
        let grouped = |name: &str| named(&of_products, &format!("grouped_{family}{}_{name}", products.name()), shared);
        let row = |name: &str| named(&of_rows, &format!("{name}_{}", products.name()), 0);
        let kernels = Kernels {
            hidden: product("hidden")?,
            edges: product("edges")?,
            rows: product("rows")?,
            slope: product("slope")?,
            add: product("add")?,
            plain: product("plain")?,
            grouped_rows: grouped("rows")?,
            grouped_plain: grouped("plain")?,
            embed: row("embed")?,
            norm_add: row("norm_add")?,
            norm_backward: row("norm_backward")?,
            deliver: row("deliver")?,
            deliver_backward: row("deliver_backward")?,
            sum_messages: row("sum_messages")?,
            sum_rows: row("sum_rows")?,
            add_part: named(&of_rows, "add_part", 0)?,
            basis_forward: row("basis_forward")?,
            basis_backward: named(&of_rows, "basis_backward", 0)?,
            head: named(&of_rows, "head", head_bytes)?,
        };
        let mace = MaceKernels::load(|name, shared| named(&of_mace, name, shared))?;
        let chgnet = ChgnetKernels::load(|name, shared| named(&of_chgnet, name, shared))?;
        let uma = UmaKernels::load(products, |name| named(&of_uma, name, 0))?;
        let n_multiprocessors = device.n_multiprocessors()?;
        Ok(Self { stream: Stream::new(device)?, products, kernels, mace, chgnet, uma, n_multiprocessors })
    }

    /// Its stream.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// How it computes products.
    pub fn products(&self) -> Products {
        self.products
    }

    /// Starts a kernel whose argument names memory that lives as long as the stream works on it.
    pub(super) fn start<A: Arguments>(&self, kernel: &Kernel, grid: [usize; 2], arguments: &A) -> Result<(), GpuError> {
        let [x, y] = grid.map(|n| u32::try_from(n).ok());
        let (Some(x), Some(y)) = (x, y.filter(|y| *y <= 65_535)) else {
            return Err(GpuError::shape("blocks of a kernel", "at most 65535 rows of blocks", format!("{grid:?}")));
        };
        // SAFETY: `Arguments` promises the layout. Addresses come from slices, whose buffers are freed only when the driver
        // has finished with them, and whose lengths the callers in this folder have compared with what the kernel touches.
        unsafe { self.stream.launch(kernel, [x, y], BLOCK, arguments) }
    }

    /// Blocks that work on one tile after the other, as many as there are at a time where `resident` of them share a
    /// multiprocessor.
    pub(super) fn tiles(&self, n_tiles: usize, resident: usize) -> [usize; 2] {
        [n_tiles.min(resident * self.n_multiprocessors), 1]
    }

    /// Blocks for this many threads.
    pub(super) fn threads(n: usize) -> [usize; 2] {
        [n.div_ceil(BLOCK as usize), 1]
    }

    /// Blocks for this many warps.
    pub(super) fn warps(n: usize) -> [usize; 2] {
        [n.div_ceil(WARPS), 1]
    }
}
