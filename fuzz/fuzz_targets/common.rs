//! What every target of cargo-fuzz is: a reader of `tests/fuzz`, and changes of inputs that know their form.

#[path = "../../tests/fuzz/mutate.rs"]
pub mod mutate;
#[path = "../../tests/fuzz/targets/mod.rs"]
pub mod targets;

/// The target of this name.
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::common::targets::run($name, input));

        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
            // Half of the changes are libFuzzer's own, the other half those of `make fuzz-stable`.
            if seed % 2 == 0 {
                return libfuzzer_sys::fuzzer_mutate(data, size, most);
            }
            let input = $crate::common::mutate::changed($name, &data[..size], seed.into());
            let size = input.len().min(most);
            data[..size].copy_from_slice(&input[..size]);
            size
        });
    };
}
