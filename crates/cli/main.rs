//! The program `mlip-batch`.

fn main() -> std::process::ExitCode {
    // Threads inside an evaluation are those of the pool that it runs in. By itself the tensor library would size pools
    // of its own, one for each rank, by the whole machine; it asks this variable.
    // SAFETY: this is the first thing that the process does: no other thread exists that could read the environment.
    #[expect(unsafe_code, reason = "the tensor library asks the environment only")]
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", "1");
    }
    mlip_batch::return_freed_memory();
    mlip_batch::run_command_line(std::env::args_os()).into()
}
