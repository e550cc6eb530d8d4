//! How many compute units a device has. WebGPU does not tell, Vulkan does on most GPUs.

/// Compute units (AMD), streaming multiprocessors (NVIDIA), shader cores (Arm), or the CPU's threads for a software
/// device; `None` where the driver does not say.
pub(super) fn count(adapter: &wgpu::Adapter, software: bool) -> Option<u32> {
    if software {
        return std::thread::available_parallelism().ok().map(|threads| threads.get() as u32);
    }
    vulkan(adapter)
}

#[cfg(any(target_vendor = "apple", target_arch = "wasm32"))]
fn vulkan(_: &wgpu::Adapter) -> Option<u32> {
    None
}

#[cfg(not(any(target_vendor = "apple", target_arch = "wasm32")))]
fn vulkan(adapter: &wgpu::Adapter) -> Option<u32> {
    use ash::vk;
    // SAFETY: the handle is only asked for properties, while `adapter` lives.
    let hal = unsafe { adapter.as_hal::<wgpu::hal::vulkan::Api>() }?;
    let offers = |name| hal.physical_device_capabilities().supports_extension(name);
    let mut nvidia = vk::PhysicalDeviceShaderSMBuiltinsPropertiesNV::default();
    let mut amd = vk::PhysicalDeviceShaderCorePropertiesAMD::default();
    let mut arm = vk::PhysicalDeviceShaderCoreBuiltinsPropertiesARM::default();
    let mut properties = vk::PhysicalDeviceProperties2::default();
    if offers(ash::nv::shader_sm_builtins::NAME) {
        properties = properties.push_next(&mut nvidia);
    }
    if offers(ash::amd::shader_core_properties::NAME) {
        properties = properties.push_next(&mut amd);
    }
    if offers(ash::arm::shader_core_builtins::NAME) {
        properties = properties.push_next(&mut arm);
    }
    let instance = hal.shared_instance().raw_instance();
    // SAFETY: each structure in the chain belongs to an extension that the device offers.
    unsafe { instance.get_physical_device_properties2(hal.raw_physical_device(), &mut properties) };
    let amd =
        amd.shader_engine_count * amd.shader_arrays_per_engine_count * amd.compute_units_per_shader_array;
    [nvidia.shader_sm_count, amd, arm.shader_core_count].into_iter().find(|&count| count > 0)
}
