//! Errors of a device, and what the user can do about each.

use thiserror::Error;

/// A failure of the device layer. [`GpuError::hint`] suggests what to do.
#[derive(Debug, Clone, Error)]
pub enum GpuError {
    /// No adapter at all: no driver, or none that the loader can see.
    #[error("no Vulkan, Metal or DX12 adapter was found")]
    NoAdapter,
    /// No adapter matches the requested one.
    #[error("no adapter matches '{requested}'; found: {}", list(.available))]
    AdapterNotFound {
        /// What was requested.
        requested: String,
        /// The adapters that exist, one line each.
        available: Vec<String>,
    },
    /// The adapter exists but opened no device.
    #[error("adapter '{adapter}' refused to open a device: {reason}")]
    DeviceRefused {
        /// Name of the adapter.
        adapter: String,
        /// The driver's message.
        reason: String,
    },
    /// An allocation failed.
    #[error("the device is out of memory: {bytes} bytes for {what} (our buffers hold {held} bytes)")]
    OutOfMemory {
        /// What the memory was for.
        what: String,
        /// Size of the failed allocation in bytes.
        bytes: u64,
        /// Bytes held by live and pooled buffers at that moment.
        held: u64,
    },
    /// A buffer or binding larger than the device allows.
    #[error("{what} needs {bytes} bytes, but this device allows {limit} ({limit_name})")]
    TooLarge {
        /// What the buffer was for.
        what: String,
        /// Bytes needed.
        bytes: u64,
        /// The device's limit in bytes.
        limit: u64,
        /// Name of the limit, as WebGPU spells it.
        limit_name: &'static str,
    },
    /// The device went away (driver reset, time-out of a long dispatch, unplugged).
    #[error("the device was lost: {reason}")]
    Lost {
        /// The driver's message.
        reason: String,
    },
    /// A shader did not compile or a pipeline could not be built.
    #[error("shader '{name}' was rejected: {message}")]
    Shader {
        /// Shader and variant.
        name: String,
        /// The compiler's message.
        message: String,
    },
    /// An API call that the validation layer refused: a bug of ours.
    #[error("the device rejected a command: {message}")]
    Validation {
        /// The validator's message.
        message: String,
    },
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join("; ") }
}

impl GpuError {
    /// What the user can do, in one sentence.
    pub fn hint(&self) -> String {
        match self {
            GpuError::NoAdapter => "install a driver: on Debian and Ubuntu `apt-get install mesa-vulkan-drivers` \
                 (GPU drivers of Mesa and a software device), on Fedora `dnf install mesa-vulkan-drivers`, \
                 on Alpine `apk add mesa-vulkan-swrast vulkan-loader`; in a container pass the device through; \
                 `vulkaninfo --summary` shows what the loader sees"
                .into(),
            GpuError::AdapterNotFound { .. } => {
                "run `dapo-wgpu devices` and pass the index or a part of the name of one of them".into()
            }
            GpuError::DeviceRefused { .. } => {
                "try another adapter (`dapo-wgpu devices`), update its driver, or set DAPO_DEFAULT_LIMITS=1 to ask for less".into()
            }
            GpuError::OutOfMemory { .. } => {
                "use a smaller --batch or --image-size, store the weights as f16 (--weights f16), or close other programs on this device".into()
            }
            GpuError::TooLarge { .. } => "use a smaller --batch or --image-size, fewer --defects, or another adapter".into(),
            GpuError::Lost { .. } => {
                "run the command again; if it recurs use a smaller --batch (long dispatches can trip the driver's watchdog) or another adapter".into()
            }
            GpuError::Shader { .. } => {
                "this is a bug of dapo-wgpu or of the driver: please report it with the output of `dapo-wgpu devices --json`; \
                 DAPO_NO_SUBGROUPS=1 and DAPO_NO_F16=1 switch the special paths off"
                    .into()
            }
            GpuError::Validation { .. } => {
                "this is a bug of dapo-wgpu: please report it with the output of `dapo-wgpu devices --json`".into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_names_its_subject_and_has_a_hint() {
        let missing =
            GpuError::AdapterNotFound { requested: "rtx".into(), available: vec!["0: llvmpipe".into()] };
        assert!(missing.to_string().contains("rtx") && missing.to_string().contains("llvmpipe"));
        assert!(missing.hint().contains("dapo-wgpu devices"));
        let large = GpuError::TooLarge {
            what: "token table".into(),
            bytes: 151_781_376,
            limit: 134_217_728,
            limit_name: "maxStorageBufferBindingSize",
        };
        assert!(large.to_string().contains("151781376") && large.to_string().contains("134217728"));
        assert!(GpuError::NoAdapter.hint().contains("mesa-vulkan-drivers"));
    }
}
