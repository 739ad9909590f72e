//! Kernels are compiled for their instruction set as a whole. What a closure does, handed to a function of the standard
//! library, is not: there each operation on a vector is a call, and a potential takes twice as long.

use std::process::Command;

/// Operations of vectors that the compiler made functions of, in the symbols of the program. Kernels are there for vectors
/// of 256 and of 512 bits; sums of 256 bits are left out, for candle has such functions of its own.
fn called(symbols: &str) -> Vec<&str> {
    let is_operation = |symbol: &&str| {
        let of = |width, operations: &[&str]| {
            let rest = symbol.split_once(width).map_or("", |(_, rest)| rest);
            operations.iter().any(|operation| {
                let kind = rest.strip_prefix(operation).unwrap_or("");
                kind.starts_with("_ps") || kind.starts_with("_pd")
            })
        };
        let others = ["sub", "mul", "div", "fmadd", "max", "min", "sqrt"];
        of("_mm512_", &["add"]) || of("_mm512_", &others) || of("_mm256_", &others)
    };
    symbols.lines().filter_map(|line| line.split_whitespace().last()).filter(is_operation).collect()
}

#[test]
fn operations_of_vectors_are_instructions_not_calls() {
    let example =
        "01a2 t _ZN4core9core_arch3x863fma15_mm256_fmadd_ps17h9dE\n02 t _mm512_add_pd\n03 t _mm256_add_ps\n00b1 T main";
    assert_eq!(called(example).len(), 2);
    // A part of binutils, without which nothing is linked.
    let output = Command::new("nm").arg("--defined-only").arg(env!("CARGO_BIN_EXE_mlip-batch")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let symbols = String::from_utf8_lossy(&output.stdout);
    assert!(symbols.lines().count() > 1000, "the program has no symbols: {symbols}");
    let called = called(&symbols);
    assert!(called.is_empty(), "closures hold operations of vectors: write them as loops\n{}", called.join("\n"));
}
