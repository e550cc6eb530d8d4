//! `dapo-wgpu` with these kernels in `check` and `bench`.

fn main() -> std::process::ExitCode {
    dapo_wgpu::cli::main_with(&my_kernels::registry())
}
