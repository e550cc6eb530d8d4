//! The kernel library: one file and its WGSL per family.
//!
//! A kernel is described by a [`Problem`]: shapes, element types and options. A problem knows
//! everything that testing and measuring need: how to make inputs, which
//! variants exist and why one is chosen ([`choose`]), what it costs, the answer in float64
//! and how far float32 may stray from it. A [`Launch`] carries the shader's constants and the grid
//! together, both made by the same decision, so that they cannot drift apart.
//!
//! Rules that every kernel follows:
//! * row-major, densest dimension last; sizes come from parameters, never from `arrayLength`;
//! * every element of the output is written, none outside of it, whatever was in it before;
//! * arithmetic in f32, whatever the storage;
//! * no assumed subgroup size, at most 16 KiB of workgroup memory and 256 invocations unless the
//!   device says more; every family has one variant that runs on the weakest device.

pub mod activation;
pub mod activation_backward;
pub mod adam;
pub mod attention;
pub mod attention_backward;
pub mod bounds;
pub mod case;
pub mod check;
pub mod combine;
pub mod concat;
pub mod cross_entropy;
pub mod extended;
pub mod gather;
pub mod gradient;
pub mod l2norm;
pub mod l2norm_backward;
pub mod layernorm;
pub mod layernorm_backward;
pub mod matmul;
pub mod panels;
pub mod patches;
pub mod pixel_loss;
pub mod probe;
pub mod registry;
pub mod resample;
pub mod resample_backward;
pub mod scatter;
pub mod similarity;
pub mod softmax;
pub mod softmax_backward;
pub mod splice;
pub mod stress;
pub mod sums;
pub mod tokens;
pub mod transpose;
pub mod trial;

use self::gradient::Derivative;
use self::panels::Panels;
use self::trial::Trial;
use crate::gpu::{Buffer, Capabilities, Define, Dispatch, Gpu, GpuError, LaunchLabel, ShaderSpec, Work};

/// How many bytes and operations a launch needs; see [`Work`].
pub type Cost = Work;

/// Element type of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// IEEE binary32.
    F32,
    /// IEEE binary16, two in a u32, little end first. Read with `unpack2x16float`: any device can.
    F16,
    /// Unsigned indices.
    U32,
}

impl Element {
    /// Bytes of one element.
    pub fn bytes(self) -> u64 {
        if self == Element::F16 { 2 } else { 4 }
    }

    /// `f32`, `f16` or `u32`.
    pub fn name(self) -> &'static str {
        match self {
            Element::F32 => "f32",
            Element::F16 => "f16",
            Element::U32 => "u32",
        }
    }
}

/// What fills an input of a test case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    /// Normally distributed with mean 0 and this deviation.
    Normal(f32),
    /// Normally distributed with this mean and deviation.
    Around {
        /// Mean.
        mean: f32,
        /// Deviation.
        deviation: f32,
    },
    /// Whole numbers below this.
    Below(u32),
    /// Evenly distributed between these, whatever the kind of inputs: what lies outside has no meaning.
    Between {
        /// The least.
        low: f32,
        /// What all are below.
        high: f32,
    },
}

/// An input of a problem, in binding order.
#[derive(Debug, Clone, PartialEq)]
pub struct Operand {
    /// Name in the shader.
    pub name: &'static str,
    /// Element type.
    pub element: Element,
    /// Number of elements.
    pub len: usize,
    /// What a test case puts there.
    pub fill: Fill,
}

impl Operand {
    /// A float32 input of small normal numbers.
    pub fn f32(name: &'static str, len: usize) -> Self {
        Self { name, element: Element::F32, len, fill: Fill::Normal(1.0) }
    }
}

/// A variant and, when this device or shape cannot run it, the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Short name, unique within the family.
    pub name: &'static str,
    /// `Err(reason)` when it does not apply.
    pub usable: Result<(), String>,
    /// The input that this variant reads as panels of texels, and its matrix. All others are buffers.
    pub panels: Option<(usize, Panels)>,
}

impl Variant {
    /// A variant that runs everywhere.
    pub fn always(name: &'static str) -> Self {
        Self { name, usable: Ok(()), panels: None }
    }

    /// A variant that needs `condition`, else says `reason`.
    pub fn when(name: &'static str, condition: bool, reason: impl FnOnce() -> String) -> Self {
        Self { name, usable: if condition { Ok(()) } else { Err(reason()) }, panels: None }
    }

    /// Whether these buffers, inputs first, are in the form that the variant reads.
    fn reads(&self, buffers: &[(&Buffer, u64)]) -> bool {
        let panels = self.panels.map(|(input, _)| input);
        buffers.iter().enumerate().all(|(i, (buffer, _))| buffer.is_storage_texture() == (panels == Some(i)))
    }
}

/// A decision: the shader with its constants, and the grid and parameters that fit it.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Name of the chosen variant.
    pub variant: &'static str,
    /// Shader and constants.
    pub shader: ShaderSpec,
    /// The shader's `Params`.
    pub params: Vec<u8>,
    /// Workgroups.
    pub grid: [u32; 3],
}

/// One problem of a kernel family. See the module's text.
pub trait Problem: std::fmt::Debug + Send + Sync {
    /// Name of the family: `matmul`, `softmax`, …
    fn kernel(&self) -> &'static str;

    /// The case in words, unique within the registry: `matmul f32 m=77 n=512 k=512 +bias`.
    fn label(&self) -> String;

    /// Inputs in binding order.
    fn inputs(&self) -> Vec<Operand>;

    /// Lengths of the float32 outputs, bound after the inputs.
    fn outputs(&self) -> Vec<usize>;

    /// What it costs at least: each input read once, each output written once.
    fn cost(&self) -> Cost;

    /// What a variant costs at least: [`Problem::cost`], and what it adds by working on whole blocks.
    fn variant_cost(&self, _caps: &Capabilities, _variant: &'static str) -> Cost {
        self.cost()
    }

    /// Every variant of the family, the preferred one for this device and shape first.
    fn variants(&self, caps: &Capabilities) -> Vec<Variant>;

    /// The launch of one variant. Called only for a usable one.
    fn launch(&self, caps: &Capabilities, variant: &'static str) -> Launch;

    /// The answer in float64 from the same inputs (after rounding to their storage type).
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>>;

    /// For every output element the largest error that float32 arithmetic may make, derived from
    /// the number and kind of operations (see [`bounds`]); not tuned.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>>;

    /// The kinds of inputs for which results are defined, and checked. Most kernels take all.
    fn defined_for(&self) -> &'static [check::Inputs] {
        &check::Inputs::ALL
    }

    /// What a variant must get right on a device before it is used there. Most need no trial.
    fn trial(&self, _variant: &str) -> Option<Trial> {
        None
    }

    /// For a backward problem: what it is the derivative of, which [`gradient::check`] proves.
    fn derivative(&self) -> Option<Derivative> {
        None
    }

    /// The first usable one of these variants, or the one that was asked for.
    fn pick(&self, variants: &[Variant], forced: Option<&str>) -> Result<&'static str, GpuError> {
        let refuse = |message: String| GpuError::Shader { name: self.kernel().to_owned(), message };
        let names = || variants.iter().map(|v| v.name).collect::<Vec<_>>().join(", ");
        let chosen = match forced {
            None => variants.iter().find(|v| v.usable.is_ok()),
            Some(name) => Some(
                variants
                    .iter()
                    .find(|v| v.name == name)
                    .ok_or_else(|| refuse(format!("no variant '{name}'; there are {}", names())))?,
            ),
        }
        .ok_or_else(|| refuse(format!("no variant of {} runs on this device", self.label())))?;
        match &chosen.usable {
            Ok(()) => Ok(chosen.name),
            Err(reason) => Err(refuse(format!("variant '{}' cannot run here: {reason}", chosen.name))),
        }
    }
}

/// The variants of a problem on this device: [`Problem::variants`], and those that failed their trial
/// are not usable.
pub fn variants(gpu: &Gpu, problem: &dyn Problem) -> Vec<Variant> {
    let mut variants = problem.variants(gpu.capabilities());
    for variant in variants.iter_mut().filter(|v| v.usable.is_ok()) {
        variant.usable = trial::passed(gpu, problem, variant.name);
    }
    variants
}

/// The variant that would run on this device, or the one that was asked for.
///
/// # Errors
/// [`GpuError::Shader`] when none runs, or the variant does not exist or apply.
pub fn choose(gpu: &Gpu, problem: &dyn Problem, forced: Option<&str>) -> Result<&'static str, GpuError> {
    let variants = variants(gpu, problem);
    problem.pick(&variants, forced.or_else(|| preferred(gpu, problem, &variants, |_| true)))
}

/// Records one problem: inputs, then outputs, each bound from its byte offset. Of the variants that
/// read these buffers as they are, the preferred one runs.
///
/// # Errors
/// Those of [`Gpu::dispatch`].
pub fn run(gpu: &Gpu, problem: &dyn Problem, buffers: &[(&Buffer, u64)]) -> Result<(), GpuError> {
    let variants = variants(gpu, problem);
    let fitting = preferred(gpu, problem, &variants, |v| v.reads(buffers));
    record(gpu, problem, buffers, problem.pick(&variants, fitting)?)
}

/// The variant that runs among those that `fit`: the one that won on this device (see
/// [`Gpu::preference`], asked by [`Problem::label`]), else the first usable one.
fn preferred(
    gpu: &Gpu,
    problem: &dyn Problem,
    variants: &[Variant],
    fit: impl Fn(&Variant) -> bool,
) -> Option<&'static str> {
    let mut fitting = variants.iter().filter(|v| v.usable.is_ok() && fit(v));
    let tuned = if gpu.has_preferences() { gpu.preference(&problem.label()) } else { None };
    let tuned = tuned.and_then(|name| fitting.clone().find(|v| v.name == name));
    tuned.or_else(|| fitting.next()).map(|v| v.name)
}

/// As [`run`], with a given variant; without one, the preferred of all.
///
/// # Errors
/// Those of [`Gpu::dispatch`], and [`GpuError::Shader`] when the variant does not exist or apply.
pub fn run_variant(
    gpu: &Gpu,
    problem: &dyn Problem,
    buffers: &[(&Buffer, u64)],
    variant: Option<&str>,
) -> Result<(), GpuError> {
    record(gpu, problem, buffers, choose(gpu, problem, variant)?)
}

/// Records a usable variant.
fn record(
    gpu: &Gpu,
    problem: &dyn Problem,
    buffers: &[(&Buffer, u64)],
    variant: &'static str,
) -> Result<(), GpuError> {
    let launch = problem.launch(gpu.capabilities(), variant);
    gpu.dispatch(&Dispatch {
        shader: &launch.shader,
        buffers,
        params: &launch.params,
        grid: launch.grid,
        work: problem.cost(),
        label: &|| LaunchLabel {
            kernel: problem.kernel().to_owned(),
            variant: launch.variant.to_owned(),
            case: problem.label(),
        },
    })
}

/// Shader files that others include.
pub fn include(name: &str) -> Option<(&'static str, &'static str)> {
    macro_rules! files {
        ($($file:literal),*) => {
            match name {
                $($file => Some(($file, include_str!(concat!("../../shaders/", $file)))),)*
                _ => None,
            }
        };
    }
    files!(
        "common/activation.wgsl",
        "common/activation_slope.wgsl",
        "common/matmul.wgsl",
        "common/pixels.wgsl",
        "common/resample.wgsl",
        "common/rows.wgsl",
        "common/total.wgsl",
        "common/weights.wgsl"
    )
}

/// Declares a [`ShaderSpec`] for a file below `shaders/` of the crate that is
/// being compiled, this one or one of your own; `#include` finds this crate's common files.
#[macro_export]
macro_rules! shader {
    ($file:literal, $defines:expr) => {
        $crate::gpu::ShaderSpec {
            file: $file,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)),
            defines: $defines,
            includes: $crate::kernels::include,
        }
    };
}
pub use shader;

/// Bytes of u32 parameters.
pub fn words(words: &[u32]) -> Vec<u8> {
    bytemuck::cast_slice(words).to_vec()
}

/// The variants of a kernel that works element by element: four at a time, and one.
pub(crate) fn element_variants(vec4: bool, reason: &str) -> Vec<Variant> {
    vec![Variant::when("vec4", vec4, || reason.to_owned()), Variant::always("scalar")]
}

/// What the element's type is called in such a shader: `T`, and `PACK` floats of it.
pub(crate) fn element_defines(variant: &str) -> (usize, Vec<(&'static str, Define)>) {
    let vec4 = variant == "vec4";
    let pack = if vec4 { 4 } else { 1 };
    let element = Define::Type(if vec4 { "vec4<f32>" } else { "f32" });
    (pack, vec![("T", element), ("PACK", Define::Number(pack as u32)), ("VEC4", Define::Flag(vec4))])
}

/// A grid of `groups` workgroups as two dimensions, each within the device's limit; shaders read
/// the linear index as `id.y * grid.x + id.x` and ignore what is past the end.
pub fn linear_grid(groups: usize, caps: &Capabilities) -> [u32; 3] {
    let limit = caps.limits.workgroups as usize;
    if groups <= limit {
        return [groups as u32, 1, 1];
    }
    let rows = groups.div_ceil(limit);
    [groups.div_ceil(rows) as u32, rows as u32, 1]
}
