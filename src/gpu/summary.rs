//! What an adapter reports about itself.

use serde::{Deserialize, Serialize};

use super::identity::VulkanIdentity;

/// Name, kind and driver of an adapter; part of every result that this program writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AdapterSummary {
    /// Position in the list of `dapo-wgpu devices`.
    pub index: usize,
    /// Name that the driver reports.
    pub name: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// `discrete gpu`, `integrated gpu`, `virtual gpu`, `cpu (software)` or `unknown`.
    pub kind: String,
    /// True when the CPU does the work: such a device is never called a GPU.
    pub software: bool,
    /// Driver name.
    pub driver: String,
    /// Driver version and build.
    pub driver_info: String,
    /// PCI vendor (or the backend's own number).
    pub vendor: u32,
    /// PCI device (or the backend's own number).
    pub device: u32,
    /// PCI bus address where the backend reports it, else empty.
    pub pci_bus: String,
    /// What only Vulkan tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulkan: Option<VulkanIdentity>,
}

impl AdapterSummary {
    pub(super) fn new(index: usize, info: &wgpu::AdapterInfo) -> Self {
        // OpenGL rasterisers on the CPU do not always report themselves as such.
        let software = info.device_type == wgpu::DeviceType::Cpu
            || ["llvmpipe", "softpipe", "swiftshader", "lavapipe"]
                .iter()
                .any(|n| info.name.to_lowercase().contains(n));
        let kind = match info.device_type {
            _ if software => "cpu (software)",
            wgpu::DeviceType::DiscreteGpu => "discrete gpu",
            wgpu::DeviceType::IntegratedGpu => "integrated gpu",
            wgpu::DeviceType::VirtualGpu => "virtual gpu",
            _ => "unknown",
        };
        Self {
            index,
            name: info.name.clone(),
            backend: info.backend.to_str().to_owned(),
            kind: kind.to_owned(),
            software,
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            vendor: info.vendor,
            device: info.device,
            pci_bus: info.device_pci_bus_id.clone(),
            vulkan: None,
        }
    }

    /// One line of text: `0: llvmpipe (LLVM 15.0.6, 256 bits) · vulkan · cpu (software) · …`.
    pub fn line(&self) -> String {
        let mut line = format!("{}: {} · {} · {}", self.index, self.name, self.backend, self.kind);
        // OpenGL reports no driver name, and other backends no version.
        let driver = format!("{} {}", self.driver, self.driver_info);
        if !driver.trim().is_empty() {
            line += &format!(" · {}", driver.trim());
        }
        line
    }

    pub(super) fn matches(&self, part: &str) -> bool {
        let part = part.to_lowercase();
        [&self.name, &self.driver, &self.pci_bus].iter().any(|s| s.to_lowercase().contains(&part))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::gpu) fn named(index: usize, name: &str) -> AdapterSummary {
        AdapterSummary {
            index,
            name: name.into(),
            backend: "vulkan".into(),
            kind: "discrete gpu".into(),
            software: false,
            driver: "radv".into(),
            driver_info: String::new(),
            vendor: 0,
            device: 0,
            pci_bus: String::new(),
            vulkan: None,
        }
    }

    #[test]
    fn a_rasteriser_on_the_cpu_is_software_whatever_it_reports() {
        use wgpu::{AdapterInfo, Backend, DeviceType};
        let report = |name: &str, kind, backend| {
            let name = name.to_owned();
            AdapterSummary::new(0, &AdapterInfo { name, ..AdapterInfo::new(kind, backend) })
        };
        for (name, kind, backend) in [
            ("llvmpipe (LLVM 15.0.6, 256 bits)", DeviceType::Other, Backend::Gl),
            ("zink (llvmpipe (LLVM 15.0.6, 256 bits))", DeviceType::IntegratedGpu, Backend::Gl),
            ("softpipe", DeviceType::Other, Backend::Gl),
            ("ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero)))", DeviceType::Other, Backend::Gl),
            ("SwiftShader Device (Subzero)", DeviceType::Cpu, Backend::Vulkan),
            ("Microsoft Basic Render Driver", DeviceType::Cpu, Backend::Dx12),
        ] {
            let summary = report(name, kind, backend);
            assert!(summary.software && !summary.line().to_lowercase().contains("gpu"), "{summary:?}");
        }
        let gpu = report("AMD Radeon", DeviceType::DiscreteGpu, Backend::Vulkan);
        assert_eq!((gpu.software, gpu.line().as_str()), (false, "0: AMD Radeon · vulkan · discrete gpu"));
    }

    #[test]
    fn a_line_leaves_out_what_is_not_reported() {
        let mut summary = named(0, "llvmpipe");
        assert_eq!(summary.line(), "0: llvmpipe · vulkan · discrete gpu · radv");
        (summary.driver, summary.driver_info) = (String::new(), "4.5 (Core Profile)".into());
        assert_eq!(summary.line(), "0: llvmpipe · vulkan · discrete gpu · 4.5 (Core Profile)");
    }
}
