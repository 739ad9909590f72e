//! The extension module `mlip_batch._native`: the crates below as Python sees them. What can be written in Python is: the
//! package lies in `crates/python/python`.
//!
//! Module order: `errors` ← `structure` ← `evaluator`; `errors` ← `runs`; `program`.
//!
//! Loading it changes nothing of the process: no environment, signal handler or current folder. Its allocator and its
//! pool of threads serve this library alone.

mod errors;
mod evaluator;
mod program;
mod runs;
mod structure;

use pyo3::prelude::*;

/// Kernels and runs of mlip-batch; use the package `mlip_batch`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    mlip_batch::keep_freed_memory();
    one_thread_for_the_tensor_library();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<evaluator::Evaluator>()?;
    module.add_function(wrap_pyfunction!(runs::execute, module)?)?;
    module.add_function(wrap_pyfunction!(runs::report, module)?)?;
    module.add_function(wrap_pyfunction!(runs::models, module)?)?;
    module.add_function(wrap_pyfunction!(program::main, module)?)?;
    Ok(())
}

/// Threads inside an evaluation are those of the pool that it runs in. By itself the tensor library would size the global
/// pool by the whole machine; this pool is the library's own, not that of other extensions.
fn one_thread_for_the_tensor_library() {
    #[expect(clippy::disallowed_methods, reason = "the program says the same by an environment variable")]
    let built = rayon::ThreadPoolBuilder::new().num_threads(1).build_global();
    // It can fail only where the pool is there already: the module is loaded once more.
    drop(built);
}
