//! Where a report comes from: what somebody who is to repeat it has to know.

use serde::{Deserialize, Serialize};

use crate::gpu::{BuildInfo, Gpu, VulkanIdentity};

/// The program, the system and the driver behind a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Origin {
    /// What the program is made of.
    pub build: BuildInfo,
    /// The operating system, such as `Debian GNU/Linux 12 (bookworm)`.
    pub system: String,
    /// The version of its kernel; empty where it does not tell.
    pub kernel: String,
    /// The processor's architecture.
    pub architecture: String,
    /// What Vulkan tells of device and driver; absent for other backends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulkan: Option<VulkanIdentity>,
    /// The day, as `2026-11-29`.
    pub date: String,
    /// The command that repeats it, for a POSIX shell.
    pub command: String,
}

impl Origin {
    /// Of a device that is open now.
    pub fn of(gpu: &Gpu, date: String, command: String) -> Self {
        Self { vulkan: gpu.adapter().vulkan.clone(), ..Self::without_device(date, command) }
    }

    /// Of this process alone.
    pub fn without_device(date: String, command: String) -> Self {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            build: BuildInfo::own(),
            system: pretty
                .map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned()),
            kernel: kernel.trim().to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            vulkan: None,
            date,
            command,
        }
    }

    /// Lines to copy into a bug report.
    pub fn lines(&self) -> Vec<String> {
        let BuildInfo { version, commit, wgpu, naga, .. } = &self.build;
        let commit = if commit.is_empty() { String::new() } else { format!(" ({commit})") };
        let kernel = if self.kernel.is_empty() { String::new() } else { format!(", kernel {}", self.kernel) };
        let mut lines = vec![
            format!("program  dapo-wgpu {version}{commit}, wgpu {wgpu}, naga {naga}"),
            format!("system   {}{kernel}, {}", self.system, self.architecture),
        ];
        if let Some(VulkanIdentity { api_version, device_uuid, driver_uuid }) = &self.vulkan {
            lines.push(format!("vulkan   {api_version}, device {device_uuid}, driver {driver_uuid}"));
        }
        lines.push(format!("command  {} ({})", self.command, self.date));
        lines
    }
}
