//! Which driver and which device, exactly: what a driver's developers ask for first.

use serde::{Deserialize, Serialize};

/// What Vulkan tells of a device and its driver besides names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VulkanIdentity {
    /// The version of Vulkan that the device offers, such as `1.3.230`.
    pub api_version: String,
    /// Identifies the device across processes and drivers: hexadecimal digits, in groups as UUIDs have.
    pub device_uuid: String,
    /// Identifies the build of the driver.
    pub driver_uuid: String,
}

#[cfg(target_vendor = "apple")]
pub(super) fn of(_: &wgpu::Adapter) -> Option<VulkanIdentity> {
    None
}

/// Asks the driver; `None` for other backends than Vulkan.
#[cfg(not(any(target_vendor = "apple", target_arch = "wasm32")))]
pub(super) fn of(adapter: &wgpu::Adapter) -> Option<VulkanIdentity> {
    use ash::vk;
    // SAFETY: the handle is only asked for properties, while `adapter` lives.
    let hal = unsafe { adapter.as_hal::<wgpu::hal::vulkan::Api>() }?;
    let mut ids = vk::PhysicalDeviceIDProperties::default();
    let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut ids);
    let instance = hal.shared_instance().raw_instance();
    // SAFETY: the structure is part of Vulkan 1.1, which wgpu asks of a device.
    unsafe { instance.get_physical_device_properties2(hal.raw_physical_device(), &mut properties) };
    let version = properties.properties.api_version;
    Some(VulkanIdentity {
        api_version: format!(
            "{}.{}.{}",
            vk::api_version_major(version),
            vk::api_version_minor(version),
            vk::api_version_patch(version)
        ),
        device_uuid: uuid(&ids.device_uuid),
        driver_uuid: uuid(&ids.driver_uuid),
    })
}

#[cfg(not(any(target_vendor = "apple", target_arch = "wasm32")))]
fn uuid(bytes: &[u8; 16]) -> String {
    let hex = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].map(hex).join("-")
}
