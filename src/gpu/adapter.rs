//! Finding adapters, describing them honestly, and choosing one.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::capabilities::Capabilities;
use super::error::GpuError;

/// Which adapter to use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The fastest kind first: discrete, integrated, virtual, software; native APIs before OpenGL.
    #[default]
    Auto,
    /// The index that `dapo-wgpu devices` prints.
    Index(usize),
    /// A case-insensitive part of the adapter's name or driver.
    Name(String),
}

impl From<&str> for AdapterChoice {
    /// A number is an index, `auto` is automatic, anything else is a part of a name.
    fn from(text: &str) -> Self {
        match text.trim() {
            "" | "auto" => AdapterChoice::Auto,
            t => t.parse().map_or_else(|_| AdapterChoice::Name(t.to_owned()), AdapterChoice::Index),
        }
    }
}

/// What an adapter calls itself; part of every result this program writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// PCI bus address where the backend tells it, else empty.
    pub pci_bus: String,
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
        }
    }

    /// One line for people: `0: llvmpipe (LLVM 15.0.6, 256 bits) · vulkan · cpu (software) · …`.
    pub fn line(&self) -> String {
        let mut line = format!("{}: {} · {} · {}", self.index, self.name, self.backend, self.kind);
        // OpenGL tells no driver name, and others no version.
        let driver = format!("{} {}", self.driver, self.driver_info);
        if !driver.trim().is_empty() {
            line += &format!(" · {}", driver.trim());
        }
        line
    }

    fn matches(&self, wanted: &str) -> bool {
        let wanted = wanted.to_lowercase();
        [&self.name, &self.driver, &self.pci_bus].iter().any(|s| s.to_lowercase().contains(&wanted))
    }
}

/// One adapter as `dapo-wgpu devices` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct AdapterReport {
    /// Who it is.
    pub adapter: AdapterSummary,
    /// What it can do and which of it will be used.
    pub capabilities: Capabilities,
}

/// All adapters, best first, with the wgpu handle of each.
pub(super) fn enumerate(flags: wgpu::InstanceFlags) -> Vec<(AdapterSummary, wgpu::Adapter)> {
    let find = |among: wgpu::Backends| {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.flags = flags;
        let mut descriptor = descriptor.with_env();
        descriptor.backends &= among;
        let backends = descriptor.backends;
        pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(backends))
    };
    // OpenGL comes last: merely opening it prints warnings and takes time on machines without a
    // display, and it drives the same hardware. WGPU_BACKEND=gl asks for it outright.
    let mut adapters = find(wgpu::Backends::PRIMARY);
    if adapters.is_empty() {
        adapters = find(wgpu::Backends::SECONDARY);
    }
    adapters.retain(|a| {
        a.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
            && a.get_info().backend != wgpu::Backend::Noop
    });
    adapters.sort_by_key(|a| Reverse(preference(&a.get_info())));
    adapters
        .into_iter()
        .enumerate()
        .map(|(index, adapter)| (AdapterSummary::new(index, &adapter.get_info()), adapter))
        .collect()
}

/// Larger is preferred: the kind of device decides, then the API.
fn preference(info: &wgpu::AdapterInfo) -> (u32, u32) {
    let kind = match info.device_type {
        _ if AdapterSummary::new(0, info).software => 0,
        wgpu::DeviceType::DiscreteGpu => 4,
        wgpu::DeviceType::IntegratedGpu => 3,
        wgpu::DeviceType::VirtualGpu => 2,
        _ => 1,
    };
    (kind, u32::from(info.backend != wgpu::Backend::Gl))
}

/// Every adapter with its capabilities, best first. Empty when there is none.
pub fn list() -> Vec<AdapterReport> {
    enumerate(wgpu::InstanceFlags::empty())
        .into_iter()
        .map(|(summary, adapter)| AdapterReport {
            capabilities: Capabilities::detect(&adapter, &summary),
            adapter: summary,
        })
        .collect()
}

/// Picks one adapter of `found`.
///
/// # Errors
/// [`GpuError::NoAdapter`] when there is none, [`GpuError::AdapterNotFound`] when none matches.
pub(super) fn choose<T>(
    found: Vec<(AdapterSummary, T)>,
    choice: &AdapterChoice,
) -> Result<(AdapterSummary, T), GpuError> {
    if found.is_empty() {
        return Err(GpuError::NoAdapter);
    }
    let available: Vec<String> = found.iter().map(|(s, _)| s.line()).collect();
    let (wanted, hit) = match choice {
        AdapterChoice::Auto => (String::new(), found.into_iter().next()),
        AdapterChoice::Index(i) => (i.to_string(), found.into_iter().nth(*i)),
        AdapterChoice::Name(n) => (n.clone(), found.into_iter().find(|(s, _)| s.matches(n))),
    };
    hit.ok_or(GpuError::AdapterNotFound { wanted, available })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(index: usize, name: &str) -> (AdapterSummary, ()) {
        let summary = AdapterSummary {
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
        };
        (summary, ())
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
    fn a_line_leaves_out_what_is_not_told() {
        let (mut summary, ()) = named(0, "llvmpipe");
        assert_eq!(summary.line(), "0: llvmpipe · vulkan · discrete gpu · radv");
        (summary.driver, summary.driver_info) = (String::new(), "4.5 (Core Profile)".into());
        assert_eq!(summary.line(), "0: llvmpipe · vulkan · discrete gpu · 4.5 (Core Profile)");
    }

    #[test]
    fn choice_is_parsed_from_an_index_or_a_name() {
        assert_eq!(AdapterChoice::from("1"), AdapterChoice::Index(1));
        assert_eq!(AdapterChoice::from("RTX"), AdapterChoice::Name("RTX".into()));
        assert_eq!(AdapterChoice::from("auto"), AdapterChoice::Auto);
    }

    #[test]
    fn a_missing_adapter_is_an_error_that_lists_the_others() {
        let found = || vec![named(0, "AMD Radeon"), named(1, "llvmpipe")];
        assert_eq!(choose(found(), &AdapterChoice::from("radeon")).map(|f| f.0.index).ok(), Some(0));
        assert_eq!(choose(found(), &AdapterChoice::from("1")).map(|f| f.0.index).ok(), Some(1));
        for bad in ["2", "geforce"] {
            let error = choose(found(), &AdapterChoice::from(bad)).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains(bad) && error.to_string().contains("llvmpipe"));
        }
        assert!(matches!(
            choose(Vec::<(AdapterSummary, ())>::new(), &AdapterChoice::Auto),
            Err(GpuError::NoAdapter)
        ));
    }
}
