//! Mutations, and copies of kernels that have one.

use std::sync::Arc;

use dapo_wgpu::gpu::Capabilities;
use dapo_wgpu::gpu::pipeline::ShaderSpec;
use dapo_wgpu::gpu::template::Includes;
use dapo_wgpu::kernels::{Variant, Verifiable, Wrapper};

/// A plausible mistake.
#[derive(Debug)]
pub struct Mutation {
    /// What is wrong, in words.
    pub what: &'static str,
    /// The text as it is; occurs once in the file.
    pub right: &'static str,
    /// The text with the mistake.
    pub wrong: &'static str,
    /// Whether a device that runs a workgroup's invocations side by side may come out right by luck.
    pub race: bool,
}

/// A mutation that shows on every device.
pub const fn mutation(what: &'static str, right: &'static str, wrong: &'static str) -> Mutation {
    Mutation { what, right, wrong, race: false }
}

/// A missing barrier. A CPU runs one subgroup after the other up to a barrier, and so loses the race
/// every time; a GPU may win it.
pub const fn race(what: &'static str, right: &'static str, wrong: &'static str) -> Mutation {
    Mutation { what, right, wrong, race: true }
}

/// Mutations of one shader file.
#[derive(Debug)]
pub struct Target {
    /// The file below `shaders/`, one that others include or one of its own.
    pub file: &'static str,
    /// Kernel and variant of the cases that must find each mutation.
    pub kernels: &'static [(&'static str, &'static str)],
    /// The mutations.
    pub mutations: &'static [Mutation],
}

/// Whether a mutation's text is there, once.
pub fn occurs_once(text: &str, mutation: &Mutation) -> Result<(), String> {
    match text.matches(mutation.right).count() {
        1 => Ok(()),
        n => Err(format!(
            "'{}': the text is there {n} times instead of once:\n{}",
            mutation.what, mutation.right
        )),
    }
}

/// A shader in one piece: its text, with what it includes in place.
struct Whole {
    text: String,
    /// Whether the mutated file is part of it.
    has_file: bool,
}

impl Whole {
    fn new(name: &str, text: &str, includes: Includes, target: &Target, mutation: Option<&Mutation>) -> Self {
        let mut whole = Self { text: String::new(), has_file: name == target.file };
        let text = match mutation {
            Some(mutation) if whole.has_file => text.replace(mutation.right, mutation.wrong),
            _ => text.to_owned(),
        };
        for line in text.lines() {
            if let Some(included) = line.trim().strip_prefix("#include ") {
                let (name, text) = includes(included.trim_matches('"')).expect("an included file");
                let part = Self::new(name, text, includes, target, mutation);
                whole.text += &part.text;
                whole.has_file |= part.has_file;
            } else {
                whole.text += line;
                whole.text += "\n";
            }
        }
        whole
    }
}

/// A case of the registry with a single variant, which runs copies of its shaders.
#[derive(Debug, Clone)]
pub struct Copy {
    case: Arc<dyn Verifiable>,
    variant: &'static str,
    /// Name and text of a copy, for each of the variant's launches, in place of the original's.
    copies: Vec<(&'static str, &'static str)>,
}

/// The shaders of a variant's launches.
fn shaders(variant: &mut Variant) -> Vec<&mut ShaderSpec> {
    let first = &mut variant.plan.as_mut().expect("a usable variant").shader;
    let second = variant.finish.as_mut().map(|finish| &mut finish.plan.shader);
    std::iter::once(first).chain(second).collect()
}

impl Copy {
    /// A copy with a mutation or, without one, as the original is. `None` where the mutation changes
    /// nothing, because the file or the line is no part of what this case compiles.
    pub fn new(
        case: &Arc<dyn Verifiable>,
        variant: &Variant,
        target: &Target,
        mutation: Option<&Mutation>,
    ) -> Option<Self> {
        let (mut copies, mut has_file, mut differs) = (Vec::new(), false, false);
        for original in shaders(&mut variant.clone()) {
            let whole = Whole::new(original.file, original.text, original.includes, target, mutation);
            has_file |= whole.has_file;
            // Pipelines are found by name, so a copy needs one of its own.
            let what = mutation.map_or("unchanged", |m| m.what);
            let file: &str =
                Box::leak(format!("{} ({}: {what})", original.file, target.file).into_boxed_str());
            let copy = ShaderSpec { file, text: Box::leak(whole.text.into_boxed_str()), ..original.clone() };
            let code = |spec: &ShaderSpec| spec.expand(true).expect("the template is sound").code();
            differs |= code(&copy) != code(original);
            copies.push((copy.file, copy.text));
        }
        let case = Arc::clone(case);
        (has_file && differs == mutation.is_some()).then_some(Self { case, variant: variant.name, copies })
    }
}

impl PartialEq for Copy {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &[(&str, &str)], b: &[(&str, &str)]| a.iter().map(|c| c.0).eq(b.iter().map(|c| c.0));
        self.variant == other.variant
            && same(&self.copies, &other.copies)
            && self.case.equals(other.case.as_any())
    }
}

impl Wrapper for Copy {
    fn base(&self) -> &dyn Verifiable {
        self.case.as_ref()
    }

    /// Without the trial, which the copy would not pass.
    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let mut variants = self.case.variants(caps);
        variants.retain(|v| v.name == self.variant);
        for variant in variants.iter_mut().filter(|v| v.usable()) {
            variant.trial = None;
            for (shader, copy) in shaders(variant).into_iter().zip(&self.copies) {
                (shader.file, shader.text) = *copy;
            }
        }
        variants
    }

    /// The reference is not what is tested here.
    fn derivative(&self) -> Option<dapo_wgpu::kernels::Derivative> {
        None
    }
}
