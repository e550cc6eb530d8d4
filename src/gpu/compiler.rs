//! A Vulkan driver's compiler: takes shaders, and says what it made of them. Nothing runs.
//!
//! It asks by VK_KHR_pipeline_executable_properties. A driver that can compile for GPUs that are not there, such as
//! Mesa's RADV before version 26, is enough; see [`Target`].

use std::ffi::{CStr, OsString, c_char};
use std::path::PathBuf;

use ash::{khr, vk};
use wgpu::hal::vulkan;

use super::adapter;
use super::capabilities::{Capabilities, MAX_PARAMS};
use super::detect::requested_limits;
use super::error::GpuError;
use super::executable::{Executable, Representation, Statistic};
use super::options::AdapterChoice;
use super::pipeline::{Access, ShaderSpec, bindings};
use super::summary::AdapterSummary;
use super::translate::Translation;

/// A GPU to compile for that need not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(String);

/// AMD's names of an instruction set, and the chip that Mesa knows it by.
const CHIPS: [(&str, &str); 8] = [
    ("gfx1030", "navi21"),
    ("gfx1100", "navi31"),
    ("gfx1101", "navi32"),
    ("gfx1102", "navi33"),
    ("gfx1150", "gfx1150"),
    ("gfx1151", "gfx1151"),
    ("gfx1200", "gfx1200"),
    ("gfx1201", "gfx1201"),
];

impl From<&str> for Target {
    fn from(text: &str) -> Self {
        let text = text.to_lowercase();
        Self(CHIPS.iter().find(|(isa, _)| *isa == text).map_or(text, |(_, chip)| (*chip).to_owned()))
    }
}

impl Target {
    /// The name that Mesa knows it by.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Environment variables that make RADV the only Vulkan driver of a process, and this GPU the only one that RADV
    /// finds. A driver that `VK_DRIVER_FILES` names already is kept.
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`] where RADV is not installed.
    pub fn environment(&self) -> Result<Vec<(&'static str, OsString)>, GpuError> {
        let radv = match std::env::var_os("VK_DRIVER_FILES") {
            Some(files) => files,
            None => {
                let entries =
                    std::fs::read_dir("/usr/share/vulkan/icd.d").map_err(|_| GpuError::NoAdapter)?;
                let is_radv = |path: &PathBuf| {
                    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("radeon_icd"))
                };
                let found = entries.filter_map(Result::ok).map(|entry| entry.path()).find(is_radv);
                found.ok_or(GpuError::NoAdapter)?.into()
            }
        };
        Ok(vec![
            ("VK_DRIVER_FILES", radv),
            ("RADV_FORCE_FAMILY", self.0.clone().into()),
            ("WGPU_BACKEND", "vulkan".into()),
        ])
    }
}

/// An open driver.
pub struct Compiler {
    device: wgpu::hal::OpenDevice<vulkan::Api>,
    executables: khr::pipeline_executable_properties::Device,
    summary: AdapterSummary,
    capabilities: Capabilities,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Compiler({})", self.summary.line())
    }
}

impl Compiler {
    /// Opens the driver of an adapter.
    ///
    /// # Errors
    /// No such adapter; one that is not of Vulkan, or whose driver does not describe what it compiles.
    pub fn open(choice: &AdapterChoice) -> Result<Self, GpuError> {
        let (summary, adapter) =
            adapter::choose(adapter::enumerate(wgpu::InstanceFlags::empty()), choice, None)?;
        let refused = |reason: &str| GpuError::DeviceRefused {
            adapter: summary.name.clone(),
            reason: reason.to_owned(),
        };
        let capabilities = Capabilities::detect(&adapter, &summary);
        let limits = requested_limits(&adapter);
        // SAFETY: the handle is used while `adapter` lives; the device holds the instance by itself.
        let hal = unsafe { adapter.as_hal::<vulkan::Api>() }
            .ok_or_else(|| refused("only Vulkan drivers say what they compile a shader to"))?;
        let name = khr::pipeline_executable_properties::NAME;
        if !hal.physical_device_capabilities().supports_extension(name) {
            return Err(refused("its driver does not offer VK_KHR_pipeline_executable_properties"));
        }
        let mut feature = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
            .pipeline_executable_info(true);
        // SAFETY: the extension is offered, the feature comes with it, and nothing is switched off.
        let device = unsafe {
            hal.open_with_callback(
                capabilities.features(),
                &limits,
                &wgpu::MemoryHints::MemoryUsage,
                Some(Box::new(|args| {
                    args.extensions.push(name);
                    *args.create_info = args.create_info.push_next(&mut feature);
                })),
            )
        }
        .map_err(|error| refused(&error.to_string()))?;
        let instance = device.device.shared_instance().raw_instance();
        let executables =
            khr::pipeline_executable_properties::Device::new(instance, device.device.raw_device());
        Ok(Self { device, executables, summary, capabilities })
    }

    /// The adapter that shaders are compiled for.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.summary
    }

    /// What the adapter can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Compiles a shader as a trusted one.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when it does not compile.
    pub fn compile(&self, spec: &ShaderSpec) -> Result<Vec<Executable>, GpuError> {
        let rejected = |message: String| GpuError::Shader { name: spec.file.to_owned(), message };
        let code = spec.expand(true)?.code();
        let accesses = bindings(&code).map_err(rejected)?;
        let words = Translation::new(&code, &self.capabilities).and_then(|t| t.spirv()).map_err(rejected)?;
        // SAFETY: naga validated the shader; the layout is made of its own bindings.
        unsafe {
            let mut objects = Objects::new(self.device.device.raw_device());
            objects
                .build(&words, &accesses, self.capabilities.subgroups.is_some())
                .and_then(|()| self.describe(objects.pipeline))
        }
        .map_err(|error| rejected(format!("the driver refused it: {error}")))
    }

    /// # Safety
    /// The pipeline was compiled with statistics and representations kept.
    unsafe fn describe(&self, pipeline: vk::Pipeline) -> Result<Vec<Executable>, vk::Result> {
        let info = vk::PipelineInfoKHR::default().pipeline(pipeline);
        // SAFETY: by the caller's promise.
        let found = unsafe { self.executables.get_pipeline_executable_properties(&info)? };
        let describe = |(index, properties): (usize, vk::PipelineExecutablePropertiesKHR<'_>)| {
            let which =
                vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(index as u32);
            // SAFETY: by the caller's promise, and the index is one of those listed.
            let statistics = unsafe { self.executables.get_pipeline_executable_statistics(&which)? };
            Ok(Executable {
                name: text(&properties.name),
                subgroup_size: properties.subgroup_size,
                statistics: statistics.iter().map(statistic).collect(),
                // SAFETY: the same.
                representations: unsafe { self.representations(&which)? },
            })
        };
        found.into_iter().enumerate().map(describe).collect()
    }

    /// # Safety
    /// As for [`Compiler::describe`].
    unsafe fn representations(
        &self,
        which: &vk::PipelineExecutableInfoKHR<'_>,
    ) -> Result<Vec<Representation>, vk::Result> {
        // SAFETY: by the caller's promise. The first call asks for sizes, the second for the texts.
        let mut found = unsafe { self.executables.get_pipeline_executable_internal_representations(which)? };
        let mut texts: Vec<Vec<u8>> = found.iter().map(|r| vec![0; r.data_size]).collect();
        for (representation, text) in found.iter_mut().zip(&mut texts) {
            representation.p_data = text.as_mut_ptr().cast();
        }
        let mut count = found.len() as u32;
        // SAFETY: each buffer is as long as its `data_size` says.
        unsafe {
            (self.executables.fp().get_pipeline_executable_internal_representations_khr)(
                self.executables.device(),
                which,
                &mut count,
                found.as_mut_ptr(),
            )
            .result()?;
        }
        let known = found.iter().zip(texts).take(count as usize).filter(|(r, _)| r.is_text == vk::TRUE);
        Ok(known
            .map(|(representation, mut bytes)| {
                let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
                bytes.truncate(end);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                Representation { name: self::text(&representation.name), text }
            })
            .collect())
    }
}

/// A text of fixed length, up to its first zero.
fn text(characters: &[c_char]) -> String {
    let bytes: Vec<u8> = characters.iter().map(|&c| c as u8).collect();
    CStr::from_bytes_until_nul(&bytes)
        .map_or_else(|_| String::new(), |text| text.to_string_lossy().into_owned())
}

fn statistic(found: &vk::PipelineExecutableStatisticKHR<'_>) -> Statistic {
    use vk::PipelineExecutableStatisticFormatKHR as Format;
    // SAFETY: the format says which field was written.
    let value = unsafe {
        match found.format {
            Format::BOOL32 => f64::from(found.value.b32),
            Format::INT64 => found.value.i64 as f64,
            Format::UINT64 => found.value.u64 as f64,
            _ => found.value.f64,
        }
    };
    Statistic { name: text(&found.name), description: text(&found.description), value }
}

/// Vulkan objects of one compilation, destroyed together; a null handle is ignored.
struct Objects<'a> {
    device: &'a ash::Device,
    module: vk::ShaderModule,
    sets: Vec<vk::DescriptorSetLayout>,
    layout: vk::PipelineLayout,
    pipeline: vk::Pipeline,
}

impl<'a> Objects<'a> {
    fn new(device: &'a ash::Device) -> Self {
        Self {
            device,
            module: vk::ShaderModule::null(),
            sets: Vec::new(),
            layout: vk::PipelineLayout::null(),
            pipeline: vk::Pipeline::null(),
        }
    }

    /// # Safety
    /// `words` is valid SPIR-V whose bindings are `accesses`.
    unsafe fn build(
        &mut self,
        words: &[u32],
        accesses: &[Access],
        subgroups: bool,
    ) -> Result<(), vk::Result> {
        let module = vk::ShaderModuleCreateInfo::default().code(words);
        let entries: Vec<_> = accesses
            .iter()
            .zip(0..)
            .map(|(access, binding)| {
                let kind = match access {
                    Access::Read | Access::ReadWrite => vk::DescriptorType::STORAGE_BUFFER,
                    Access::StorageTexture => vk::DescriptorType::STORAGE_IMAGE,
                };
                vk::DescriptorSetLayoutBinding::default()
                    .binding(binding)
                    .descriptor_type(kind)
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        let set = vk::DescriptorSetLayoutCreateInfo::default().bindings(&entries);
        let params = [vk::PushConstantRange::default()
            .stage_flags(vk::ShaderStageFlags::COMPUTE)
            .size(MAX_PARAMS as u32)];
        // As wgpu does it: a subgroup may have any size that the device offers.
        let flags = match subgroups {
            true => vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE,
            false => vk::PipelineShaderStageCreateFlags::empty(),
        };
        // SAFETY: every handle comes from this device, and `Drop` destroys what was made.
        unsafe {
            self.module = self.device.create_shader_module(&module, None)?;
            self.sets.push(self.device.create_descriptor_set_layout(&set, None)?);
            let layout =
                vk::PipelineLayoutCreateInfo::default().set_layouts(&self.sets).push_constant_ranges(&params);
            self.layout = self.device.create_pipeline_layout(&layout, None)?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .flags(flags)
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(self.module)
                .name(c"main");
            let pipeline = vk::ComputePipelineCreateInfo::default()
                .flags(
                    vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                        | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR,
                )
                .stage(stage)
                .layout(self.layout);
            let made = self.device.create_compute_pipelines(vk::PipelineCache::null(), &[pipeline], None);
            self.pipeline = made.map_err(|(_, error)| error)?[0];
        }
        Ok(())
    }
}

impl Drop for Objects<'_> {
    fn drop(&mut self) {
        // SAFETY: nothing runs on the device, so nothing uses them.
        unsafe {
            self.device.destroy_pipeline(self.pipeline, None);
            self.device.destroy_pipeline_layout(self.layout, None);
            self.sets.iter().for_each(|&set| self.device.destroy_descriptor_set_layout(set, None));
            self.device.destroy_shader_module(self.module, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_may_be_named_by_its_instruction_set() {
        assert_eq!(Target::from("GFX1100").name(), "navi31");
        assert_eq!(Target::from("navi21").name(), "navi21");
        assert_eq!(Target::from("gfx1201").name(), "gfx1201");
    }
}
