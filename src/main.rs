//! The command line program: everything it does is in the library's `cli` module.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Mesa's device-select layer talks to a display server to order the adapters, and prints errors
    // where there is none. We order them ourselves. Nothing else runs yet, so setting it is safe.
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: no other thread exists at this point.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
    dapo_wgpu::cli::main()
}
