//! WGSL in the languages of the drivers, as wgpu hands it to them in trusted mode.

use naga::back::{hlsl, msl, spv};
use naga::front::wgsl;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities as Granted, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ResourceBinding, ShaderStage};

use super::capabilities::Capabilities;

/// A validated shader.
#[derive(Debug)]
pub struct Translation {
    module: Module,
    info: ModuleInfo,
    /// All bindings in order; their place is also their slot or register.
    bindings: Vec<ResourceBinding>,
    subgroups: bool,
    f16: bool,
    cooperative_matrix: bool,
}

/// No check at run time.
const UNCHECKED: BoundsCheckPolicies = BoundsCheckPolicies {
    index: BoundsCheckPolicy::Unchecked,
    buffer: BoundsCheckPolicy::Unchecked,
    image_load: BoundsCheckPolicy::Unchecked,
    binding_array: BoundsCheckPolicy::Unchecked,
};

impl Translation {
    /// Reads expanded WGSL for a device with these capabilities.
    ///
    /// # Errors
    /// The message of the WGSL compiler.
    pub fn new(code: &str, capabilities: &Capabilities) -> Result<Self, String> {
        let module = wgsl::parse_str(code).map_err(|error| error.emit_to_string(code))?;
        let info = Validator::new(ValidationFlags::all(), Granted::all())
            .validate(&module)
            .map_err(|error| error.emit_to_string(code))?;
        let bindings = module.global_variables.iter().filter_map(|(_, global)| global.binding).collect();
        Ok(Self {
            module,
            info,
            bindings,
            subgroups: capabilities.subgroups.is_some(),
            f16: capabilities.f16,
            cooperative_matrix: code.contains("enable wgpu_cooperative_matrix"),
        })
    }

    /// SPIR-V for Vulkan 1.3.
    ///
    /// # Errors
    /// What SPIR-V cannot express.
    pub fn spirv(&self) -> Result<Vec<u32>, String> {
        use spv::Capability as Spirv;
        let mut capabilities = vec![Spirv::Shader, Spirv::Matrix, Spirv::ImageQuery];
        if self.subgroups {
            capabilities.extend([
                Spirv::GroupNonUniform,
                Spirv::GroupNonUniformVote,
                Spirv::GroupNonUniformArithmetic,
                Spirv::GroupNonUniformBallot,
                Spirv::GroupNonUniformShuffle,
                Spirv::GroupNonUniformShuffleRelative,
                Spirv::GroupNonUniformQuad,
            ]);
        }
        if self.f16 {
            capabilities.push(Spirv::Float16);
        }
        if self.cooperative_matrix {
            capabilities.extend([Spirv::CooperativeMatrixKHR, Spirv::VulkanMemoryModel]);
        }
        let place = |binding: &ResourceBinding| spv::BindingInfo {
            descriptor_set: binding.group,
            binding: binding.binding,
            binding_array_size: None,
        };
        let options = spv::Options {
            lang_version: (1, 6),
            flags: spv::WriterFlags::LABEL_VARYINGS,
            binding_map: self.bindings.iter().map(|binding| (*binding, place(binding))).collect(),
            capabilities: Some(capabilities.into_iter().collect()),
            bounds_check_policies: UNCHECKED,
            zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
            force_loop_bounding: false,
            emit_int_div_checks: false,
            ..Default::default()
        };
        let pipeline =
            spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".to_owned() };
        spv::write_vec(&self.module, &self.info, &options, Some(&pipeline)).map_err(|error| error.to_string())
    }

    /// Metal's language.
    ///
    /// # Errors
    /// What Metal cannot express.
    pub fn msl(&self) -> Result<String, String> {
        let slots = self.bindings.iter().zip(0..).map(|(binding, slot)| {
            // A slot of each kind: a variable uses the one that it needs.
            let target = msl::BindTarget {
                buffer: Some(slot),
                texture: Some(slot),
                mutable: true,
                ..Default::default()
            };
            (*binding, target)
        });
        let next = self.bindings.len() as u8;
        let resources = msl::EntryPointResources {
            resources: slots.collect(),
            immediates_buffer: Some(next),
            sizes_buffer: Some(next + 1),
        };
        let options = msl::Options {
            lang_version: (2, 3),
            per_entry_point_map: [("main".to_owned(), resources)].into(),
            fake_missing_bindings: false,
            bounds_check_policies: UNCHECKED,
            zero_initialize_workgroup_memory: false,
            force_loop_bounding: false,
            emit_int_div_checks: false,
            ..Default::default()
        };
        let entry_point = Some((ShaderStage::Compute, "main".to_owned()));
        let pipeline = msl::PipelineOptions { entry_point, ..Default::default() };
        let written = msl::write_string(&self.module, &self.info, &options, &pipeline);
        written.map(|(text, _)| text).map_err(|error| error.to_string())
    }

    /// DX12's language.
    ///
    /// # Errors
    /// What DX12 cannot express.
    pub fn hlsl(&self) -> Result<String, String> {
        if self.cooperative_matrix {
            return Err("HLSL has no cooperative matrices in naga".into());
        }
        let target = |register| hlsl::BindTarget { register, ..Default::default() };
        let options = hlsl::Options {
            shader_model: hlsl::ShaderModel::V6_2,
            binding_map: self.bindings.iter().zip(0..).map(|(binding, at)| (*binding, target(at))).collect(),
            fake_missing_bindings: false,
            special_constants_binding: Some(target(self.bindings.len() as u32)),
            immediates_target: Some(target(self.bindings.len() as u32 + 1)),
            zero_initialize_workgroup_memory: false,
            restrict_indexing: false,
            force_loop_bounding: false,
            ..Default::default()
        };
        let pipeline = hlsl::PipelineOptions { entry_point: Some((ShaderStage::Compute, "main".to_owned())) };
        let mut text = String::new();
        hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(&self.module, &self.info, None)
            .map_err(|error| error.to_string())?;
        Ok(text)
    }
}
