//! Finding adapters and choosing one.

#[cfg(not(target_arch = "wasm32"))]
use std::cmp::Reverse;
use std::collections::HashSet;

use serde::Serialize;

use super::capabilities::Capabilities;
use super::error::GpuError;
#[cfg(not(target_arch = "wasm32"))]
use super::identity;
use super::options::{AdapterChoice, Arbiter};
use super::summary::AdapterSummary;
use super::wait;

/// One adapter as `dapo-wgpu devices` shows it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AdapterReport {
    /// Its name, driver and kind.
    pub adapter: AdapterSummary,
    /// What it can do, and which optional features are used.
    pub capabilities: Capabilities,
}

/// The one adapter that a browser gives, by the vendor's and the architecture's name.
#[cfg(target_arch = "wasm32")]
pub(super) fn enumerate(_: wgpu::InstanceFlags) -> Vec<(AdapterSummary, wgpu::Adapter)> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..wgpu::RequestAdapterOptions::default()
    };
    let adapter = wait::block_on(instance.request_adapter(&options)).ok();
    let named = |adapter: wgpu::Adapter| {
        let name = super::browser::BrowserAdapter::ask().name();
        (AdapterSummary::new(0, &wgpu::AdapterInfo { name, ..adapter.get_info() }), adapter)
    };
    adapter.map(named).into_iter().collect()
}

/// All adapters, best first, with the wgpu handle of each.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn enumerate(flags: wgpu::InstanceFlags) -> Vec<(AdapterSummary, wgpu::Adapter)> {
    let find = |among: wgpu::Backends| {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.flags = flags;
        let mut descriptor = descriptor.with_env();
        descriptor.backends &= among;
        let backends = descriptor.backends;
        wait::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(backends))
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
        .map(|(index, adapter)| {
            let summary = AdapterSummary::new(index, &adapter.get_info());
            (AdapterSummary { vulkan: identity::of(&adapter), ..summary }, adapter)
        })
        .collect()
}

#[cfg(not(target_arch = "wasm32"))]
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

/// The adapters that compete: all GPUs, or all software devices where there is no GPU; each device once, by the API that is
/// preferred.
pub fn rivals(adapters: &[AdapterSummary]) -> Vec<&AdapterSummary> {
    let software = adapters.iter().all(|adapter| adapter.software);
    let mut known = HashSet::new();
    let kind = adapters.iter().filter(|adapter| adapter.software == software);
    // Cards that tell no address and are of one kind are equally fast.
    kind.filter(|adapter| known.insert((adapter.vendor, adapter.device, &adapter.pci_bus))).collect()
}

/// Picks one adapter of `found`.
///
/// # Errors
/// [`GpuError::NoAdapter`] when there is none, [`GpuError::AdapterNotFound`] when none matches.
pub(super) fn choose<T>(
    found: Vec<(AdapterSummary, T)>,
    choice: &AdapterChoice,
    arbiter: Option<Arbiter>,
) -> Result<(AdapterSummary, T), GpuError> {
    if found.is_empty() {
        return Err(GpuError::NoAdapter);
    }
    let available: Vec<String> = found.iter().map(|(s, _)| s.line()).collect();
    let (requested, hit) = match choice {
        AdapterChoice::Auto => {
            let summaries: Vec<AdapterSummary> = found.iter().map(|(summary, _)| summary.clone()).collect();
            let index = arbiter.and_then(|ask| ask(&summaries)).filter(|&index| index < found.len());
            (String::new(), found.into_iter().nth(index.unwrap_or(0)))
        }
        AdapterChoice::Index(i) => (i.to_string(), found.into_iter().nth(*i)),
        AdapterChoice::Name(n) => (n.clone(), found.into_iter().find(|(s, _)| s.matches(n))),
    };
    hit.ok_or(GpuError::AdapterNotFound { requested, available })
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::named;
    use super::*;

    #[test]
    fn each_gpu_competes_once_and_software_only_with_its_like() {
        let gpu = |index, device| AdapterSummary { device, ..named(index, "gpu") };
        let software = |index, device| AdapterSummary { software: true, ..gpu(index, device) };
        let indices = |found: &[AdapterSummary]| rivals(found).iter().map(|a| a.index).collect::<Vec<_>>();
        assert_eq!(indices(&[gpu(0, 7), gpu(1, 7), gpu(2, 8), software(3, 9)]), [0, 2], "7 has two APIs");
        assert_eq!(indices(&[software(0, 1), software(1, 2)]), [0, 1]);
        assert!(indices(&[]).is_empty());
    }

    #[test]
    fn an_arbiter_is_asked_only_where_nothing_was_chosen() {
        let found = || vec![(named(0, "AMD Radeon"), ()), (named(1, "llvmpipe"), ())];
        let index = |choice: &str, arbiter: Arbiter| {
            choose(found(), &AdapterChoice::from(choice), Some(arbiter)).map(|(found, ())| found.index).ok()
        };
        assert_eq!(index("auto", |_| Some(1)), Some(1));
        assert_eq!([index("auto", |_| None), index("auto", |_| Some(2))], [Some(0); 2]);
        assert_eq!(index("radeon", |_| Some(1)), Some(0));
    }

    #[test]
    fn a_missing_adapter_is_an_error_that_lists_the_others() {
        let found = || vec![(named(0, "AMD Radeon"), ()), (named(1, "llvmpipe"), ())];
        assert_eq!(choose(found(), &AdapterChoice::from("radeon"), None).map(|f| f.0.index).ok(), Some(0));
        assert_eq!(choose(found(), &AdapterChoice::from("1"), None).map(|f| f.0.index).ok(), Some(1));
        for bad in ["2", "geforce"] {
            let error = choose(found(), &AdapterChoice::from(bad), None).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains(bad) && error.to_string().contains("llvmpipe"));
        }
        assert!(matches!(
            choose(Vec::<(AdapterSummary, ())>::new(), &AdapterChoice::Auto, None),
            Err(GpuError::NoAdapter)
        ));
    }
}
