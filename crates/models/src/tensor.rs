//! Between candle's tensors and slices.

use candle_core::{CpuStorage, Device, Layout, Result, Shape, Storage, Tensor, bail};
use mlip_kernels::simd::Real;

/// Numbers into candle's storage.
pub(crate) fn storage<T: Real>(values: Vec<T>) -> CpuStorage {
    T::to_cpu_storage_owned(values)
}

/// The numbers of a contiguous argument of a custom operation.
pub(crate) fn contiguous<'a, T: Real>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let values = T::slice(storage)?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("expected a contiguous tensor, got {layout:?}"),
    }
}

/// Calls `visit` with the numbers of a CPU tensor, row-major.
pub(crate) fn with_values<T: Real, R>(tensor: &Tensor, visit: impl FnOnce(&[T]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(visit(contiguous::<T>(storage, layout)?)),
        _ => bail!("expected a tensor on the CPU"),
    }
}

/// A CPU tensor of these numbers.
pub(crate) fn output<T: Real>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}
