//! naga as wgpu drives it for Metal, DX12 and Vulkan.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dapo_wgpu::gpu::Capabilities;
use naga::back::{hlsl, msl, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities as Granted, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, CooperativeSize, Expression, Module, ResourceBinding, ShaderStage, TypeInner};

/// What all devices that may meet a shader have in common.
#[derive(Debug, Clone)]
pub struct Floor {
    granted: Granted,
    invocations: u32,
    workgroup_memory: u32,
    storage_buffers: u32,
}

impl Floor {
    /// What wgpu grants on this device, immediates aside.
    pub fn of(device: &Capabilities) -> Self {
        let mut granted = Granted::SHADER_FLOAT16_IN_FLOAT32; // unpack2x16float, offered everywhere
        granted.set(Granted::SHADER_FLOAT16, device.f16);
        granted.set(Granted::SUBGROUP, device.subgroups.is_some());
        granted.set(Granted::COOPERATIVE_MATRIX, !device.cooperative_matrix.is_empty());
        Self {
            granted,
            invocations: device.limits.invocations,
            workgroup_memory: device.limits.workgroup_memory,
            storage_buffers: device.limits.storage_buffers,
        }
    }

    /// A device that has everything, of the usual size.
    pub fn everything() -> Self {
        Self { granted: Granted::all(), invocations: 256, workgroup_memory: 16 << 10, storage_buffers: 8 }
    }

    /// Leaves only what this device has too.
    pub fn lower_to(&mut self, device: &Capabilities) {
        let other = Self::of(device);
        self.granted &= other.granted;
        self.invocations = self.invocations.min(other.invocations);
        self.workgroup_memory = self.workgroup_memory.min(other.workgroup_memory);
        self.storage_buffers = self.storage_buffers.min(other.storage_buffers);
    }

    fn has(&self, capability: Granted) -> bool {
        self.granted.contains(capability)
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |capability| if self.has(capability) { "with" } else { "without" };
        write!(
            f,
            "{} subgroups, {} f16, {} cooperative matrix, {} invocations, {} bytes of workgroup memory, \
             {} storage buffers",
            word(Granted::SUBGROUP),
            word(Granted::SHADER_FLOAT16),
            word(Granted::COOPERATIVE_MATRIX),
            self.invocations,
            self.workgroup_memory,
            self.storage_buffers
        )
    }
}

/// A SPIR-V module and the environment that it is for.
#[derive(Debug, Clone)]
pub struct SpirvModule {
    pub words: Vec<u32>,
    pub environment: &'static str,
}

/// A shader in the three languages, or why not.
#[derive(Debug, Default)]
pub struct Translated {
    /// Whether DX12 can have it.
    pub hlsl: bool,
    /// Whether it uses a cooperative matrix.
    pub cooperative: bool,
    pub spirv: Vec<SpirvModule>,
    pub faults: Vec<String>,
}

/// A shader as the backends want it.
struct Parsed {
    module: Module,
    info: ModuleInfo,
    /// All bindings in order; their place is also their slot or register.
    bindings: Vec<ResourceBinding>,
    floor: Floor,
}

/// Validates WGSL against a floor and translates it, with run-time checks and without.
pub fn translate(code: &str, floor: &Floor, immediates: bool) -> Translated {
    let mut result = Translated::default();
    let mut granted = floor.granted;
    granted.set(Granted::IMMEDIATES, immediates);
    let module = match naga::front::wgsl::parse_str(code) {
        Ok(module) => module,
        Err(error) => {
            result.faults.push(format!("WGSL: {}", error.emit_to_string(code)));
            return result;
        }
    };
    let info = match Validator::new(ValidationFlags::all(), granted).validate(&module) {
        Ok(info) => info,
        Err(error) => {
            result.faults.push(format!("validation: {}", error.emit_to_string(code)));
            return result;
        }
    };
    result.faults.extend(beyond(&module, floor));
    let edges = edges(&module);
    result.cooperative = !edges.is_empty();
    if result.cooperative && !floor.has(Granted::COOPERATIVE_MATRIX) {
        result.faults.push("a cooperative matrix, but some device that chooses it has none".to_owned());
    }
    // wgpu offers DX12 nothing that naga's HLSL lacks: such a variant is never chosen there.
    result.hlsl = !result.cooperative || hlsl::supported_capabilities().contains(Granted::COOPERATIVE_MATRIX);
    // Metal has tiles of 8 only, and lists no other.
    let metal = edges.iter().all(|&edge| edge == CooperativeSize::Eight);

    let bindings = module.global_variables.iter().filter_map(|(_, global)| global.binding).collect();
    let parsed = Parsed { module, info, bindings, floor: floor.clone() };
    for checked in [true, false] {
        if metal {
            result.faults.extend(guard("MSL", || to_msl(&parsed, checked)).err());
        }
        if result.hlsl {
            result.faults.extend(guard("HLSL", || to_hlsl(&parsed, checked)).err());
        }
        match guard("SPIR-V", || to_spirv(&parsed, checked)) {
            Ok(module) => result.spirv.push(module),
            Err(fault) => result.faults.push(fault),
        }
    }
    result.faults.sort();
    result.faults.dedup(); // most have nothing to do with the checks
    result
}

/// Edges of all cooperative matrices. One that is only loaded has no type in the module's list.
fn edges(module: &Module) -> Vec<CooperativeSize> {
    let functions = module.functions.iter().map(|(_, function)| function);
    let functions = functions.chain(module.entry_points.iter().map(|entry| &entry.function));
    let loaded = functions.flat_map(|function| function.expressions.iter()).filter_map(|(_, e)| match *e {
        Expression::CooperativeLoad { rows, .. } => Some(rows),
        _ => None,
    });
    let listed = module.types.iter().filter_map(|(_, ty)| match ty.inner {
        TypeInner::CooperativeMatrix { rows, .. } => Some(rows),
        _ => None,
    });
    loaded.chain(listed).collect()
}

/// What creating the pipeline would refuse on the weakest of the devices.
fn beyond(module: &Module, floor: &Floor) -> Vec<String> {
    let [entry] = module.entry_points.as_slice() else {
        return vec![format!(
            "{} entry points; wgpu is asked for the one called main",
            module.entry_points.len()
        )];
    };
    let count = |wanted: fn(AddressSpace) -> bool| {
        module.global_variables.iter().map(|(_, global)| global).filter(move |global| wanted(global.space))
    };
    let memory: u32 = count(|space| space == AddressSpace::WorkGroup)
        .map(|global| module.types[global.ty].inner.size(module.to_ctx()).next_multiple_of(16))
        .sum();
    let buffers = count(|space| matches!(space, AddressSpace::Storage { .. })).count() as u32;
    let invocations = entry.workgroup_size.iter().product();
    let mut faults = Vec::new();
    for (found, limit, what) in [
        (invocations, floor.invocations, "invocations"),
        (memory, floor.workgroup_memory, "bytes of workgroup memory"),
        (buffers, floor.storage_buffers, "storage buffers"),
    ] {
        if found > limit {
            faults.push(format!("limits: {found} {what}, but some device that chooses it has {limit}"));
        }
    }
    faults
}

/// Names the language in an error, and makes one of a panic: naga panics on what it does not know.
fn guard<T>(language: &str, translate: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let said = |panic: Box<dyn std::any::Any + Send>| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other.downcast_ref::<&str>().unwrap_or(&"no message").to_string(),
    };
    catch_unwind(AssertUnwindSafe(translate))
        .unwrap_or_else(|panic| Err(format!("naga panicked: {}", said(panic))))
        .map_err(|message| format!("{language}: {message}"))
}

fn policies(checked: bool) -> BoundsCheckPolicies {
    let policy = if checked { BoundsCheckPolicy::Restrict } else { BoundsCheckPolicy::Unchecked };
    BoundsCheckPolicies { index: policy, buffer: policy, image_load: policy, ..Default::default() }
}

fn main_of_compute() -> Option<(ShaderStage, String)> {
    Some((ShaderStage::Compute, "main".to_owned()))
}

/// The oldest Metal that wgpu offers the shader's needs on.
fn to_msl(parsed: &Parsed, checked: bool) -> Result<(), String> {
    let slots = parsed.bindings.iter().zip(0..).map(|(binding, slot)| {
        (
            *binding,
            msl::BindTarget { buffer: Some(slot), texture: Some(slot), mutable: true, ..Default::default() },
        )
    });
    let next = parsed.bindings.len() as u8;
    let resources = msl::EntryPointResources {
        resources: slots.collect(),
        immediates_buffer: Some(next),
        sizes_buffer: Some(next + 1),
    };
    let modern = parsed.floor.granted.intersects(Granted::SUBGROUP | Granted::COOPERATIVE_MATRIX);
    let options = msl::Options {
        lang_version: if modern { (2, 3) } else { (2, 0) },
        per_entry_point_map: [("main".to_owned(), resources)].into(),
        fake_missing_bindings: false,
        bounds_check_policies: policies(checked),
        zero_initialize_workgroup_memory: checked,
        force_loop_bounding: checked,
        emit_int_div_checks: checked,
        ..Default::default()
    };
    let pipeline = msl::PipelineOptions { entry_point: main_of_compute(), ..Default::default() };
    let (_, info) = msl::write_string(&parsed.module, &parsed.info, &options, &pipeline)
        .map_err(|error| error.to_string())?;
    info.entry_point_names.into_iter().try_for_each(|name| name.map(drop)).map_err(|error| error.to_string())
}

/// Shader model 5.1 (FXC, which every Windows has) unless the shader needs more.
fn to_hlsl(parsed: &Parsed, checked: bool) -> Result<(), String> {
    let target = |register| hlsl::BindTarget { register, restrict_indexing: true, ..Default::default() };
    let options = hlsl::Options {
        shader_model: if parsed.floor.has(Granted::SHADER_FLOAT16) {
            hlsl::ShaderModel::V6_2
        } else if parsed.floor.has(Granted::SUBGROUP) {
            hlsl::ShaderModel::V6_0
        } else {
            hlsl::ShaderModel::V5_1
        },
        binding_map: parsed.bindings.iter().zip(0..).map(|(binding, at)| (*binding, target(at))).collect(),
        fake_missing_bindings: false,
        special_constants_binding: Some(target(parsed.bindings.len() as u32)),
        immediates_target: Some(target(parsed.bindings.len() as u32 + 1)),
        zero_initialize_workgroup_memory: checked,
        restrict_indexing: checked,
        force_loop_bounding: checked,
        ..Default::default()
    };
    let pipeline = hlsl::PipelineOptions { entry_point: main_of_compute() };
    let mut text = String::new();
    let reflection = hlsl::Writer::new(&mut text, &options, &pipeline)
        .write(&parsed.module, &parsed.info, None)
        .map_err(|error| error.to_string())?;
    let mut names = reflection.entry_point_names.into_iter();
    names.try_for_each(|name| name.map(drop)).map_err(|error| error.to_string())
}

/// With checks for the oldest Vulkan that has the shader's needs, without them for the newest.
fn to_spirv(parsed: &Parsed, checked: bool) -> Result<SpirvModule, String> {
    use spv::Capability as Spirv;
    let mut capabilities = vec![Spirv::Shader, Spirv::Matrix, Spirv::ImageQuery];
    if parsed.floor.has(Granted::SUBGROUP) {
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
    if parsed.floor.has(Granted::SHADER_FLOAT16) {
        capabilities.push(Spirv::Float16);
    }
    if parsed.floor.has(Granted::COOPERATIVE_MATRIX) {
        capabilities.extend([Spirv::CooperativeMatrixKHR, Spirv::VulkanMemoryModel]);
    }
    let modern = parsed.floor.granted.intersects(Granted::SUBGROUP | Granted::COOPERATIVE_MATRIX);
    let (lang_version, environment) = match (checked, modern) {
        (false, _) => ((1, 6), "vulkan1.3"),
        (true, true) => ((1, 3), "vulkan1.1"),
        (true, false) => ((1, 0), "vulkan1.0"),
    };
    let place = |binding: &ResourceBinding| spv::BindingInfo {
        descriptor_set: binding.group,
        binding: binding.binding,
        binding_array_size: None,
    };
    let options = spv::Options {
        lang_version,
        flags: spv::WriterFlags::LABEL_VARYINGS,
        fake_missing_bindings: false,
        binding_map: parsed.bindings.iter().map(|binding| (*binding, place(binding))).collect(),
        capabilities: Some(capabilities.into_iter().collect()),
        bounds_check_policies: policies(checked),
        zero_initialize_workgroup_memory: match checked {
            true => spv::ZeroInitializeWorkgroupMemoryMode::Polyfill,
            false => spv::ZeroInitializeWorkgroupMemoryMode::None,
        },
        force_loop_bounding: checked,
        emit_int_div_checks: checked,
        ..Default::default()
    };
    let pipeline =
        spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".to_owned() };
    spv::write_vec(&parsed.module, &parsed.info, &options, Some(&pipeline))
        .map(|words| SpirvModule { words, environment })
        .map_err(|error| error.to_string())
}
