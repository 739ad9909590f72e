#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mlip_fuzz_targets::target("safetensors").expect("a target")(bytes));
