//! Faults, and copies of kernels that have one.

use dapo_wgpu::gpu::Capabilities;
use dapo_wgpu::gpu::pipeline::ShaderSpec;
use dapo_wgpu::gpu::template::Includes;
use dapo_wgpu::kernels::check::Inputs;
use dapo_wgpu::kernels::{Cost, Launch, Operand, Problem, Variant};

/// A mistake that somebody could make.
#[derive(Debug)]
pub struct Fault {
    /// What is wrong, in words.
    pub what: &'static str,
    /// The text as it is; occurs once in the file.
    pub right: &'static str,
    /// The text with the mistake.
    pub wrong: &'static str,
    /// Whether a device that runs a workgroup's invocations side by side may come out right by luck.
    pub race: bool,
}

/// A fault that every device shows.
pub const fn fault(what: &'static str, right: &'static str, wrong: &'static str) -> Fault {
    Fault { what, right, wrong, race: false }
}

/// A missing barrier. A CPU runs one subgroup after the other up to a barrier, and so loses the race
/// every time; a GPU may win it.
pub const fn race(what: &'static str, right: &'static str, wrong: &'static str) -> Fault {
    Fault { what, right, wrong, race: true }
}

/// Faults of one shader file.
#[derive(Debug)]
pub struct Bed {
    /// The file below `shaders/`, one that others include or one of its own.
    pub file: &'static str,
    /// Family and variant of the kernels whose cases must find each fault.
    pub kernels: &'static [(&'static str, &'static str)],
    /// The faults.
    pub faults: &'static [Fault],
}

/// Whether a fault's place is there, and is one.
pub fn occurs_once(text: &str, fault: &Fault) -> Result<(), String> {
    match text.matches(fault.right).count() {
        1 => Ok(()),
        n => Err(format!("'{}': the text is there {n} times instead of once:\n{}", fault.what, fault.right)),
    }
}

/// A shader in one piece: its text, with what it includes in place.
struct Whole {
    text: String,
    /// Whether the file that gets the fault is part of it.
    has_file: bool,
}

impl Whole {
    fn new(name: &str, text: &str, includes: Includes, bed: &Bed, fault: Option<&Fault>) -> Self {
        let mut whole = Self { text: String::new(), has_file: name == bed.file };
        let text = match fault {
            Some(fault) if whole.has_file => text.replace(fault.right, fault.wrong),
            _ => text.to_owned(),
        };
        for line in text.lines() {
            if let Some(included) = line.trim().strip_prefix("#include ") {
                let (name, text) = includes(included.trim_matches('"')).expect("an included file");
                let part = Self::new(name, text, includes, bed, fault);
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

/// A case of the registry that runs one variant, from a copy of its shader.
#[derive(Debug)]
pub struct Copy<'a> {
    case: &'a dyn Problem,
    variant: &'static str,
    /// Name and text of the copy, in place of the original's.
    file: &'static str,
    text: &'static str,
}

impl<'a> Copy<'a> {
    /// A copy with a fault or, without one, as the original is. `None` where the fault changes
    /// nothing, because the file or the line is no part of what this case compiles.
    pub fn new(
        case: &'a dyn Problem,
        caps: &Capabilities,
        variant: &'static str,
        bed: &Bed,
        fault: Option<&Fault>,
    ) -> Option<Self> {
        let original = case.launch(caps, variant).shader;
        let whole = Whole::new(original.file, original.text, original.includes, bed, fault);
        if !whole.has_file {
            return None;
        }
        // Pipelines are found by name, so a copy needs one of its own.
        let what = fault.map_or("unchanged", |f| f.what);
        let file: &str = Box::leak(format!("{} ({}: {what})", original.file, bed.file).into_boxed_str());
        let copy = ShaderSpec { file, text: Box::leak(whole.text.into_boxed_str()), ..original.clone() };
        let code = |spec: &ShaderSpec| spec.expand(true).expect("the template is sound").code();
        let differs = code(&copy) != code(&original);
        (differs == fault.is_some()).then_some(Self { case, variant, file, text: copy.text })
    }
}

impl Problem for Copy<'_> {
    fn launch(&self, caps: &Capabilities, variant: &'static str) -> Launch {
        let mut launch = self.case.launch(caps, variant);
        (launch.shader.file, launch.shader.text) = (self.file, self.text);
        launch
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        self.case.variants(caps).into_iter().filter(|v| v.name == self.variant).collect()
    }

    fn kernel(&self) -> &'static str {
        self.case.kernel()
    }

    fn label(&self) -> String {
        self.case.label()
    }

    fn inputs(&self) -> Vec<Operand> {
        self.case.inputs()
    }

    fn outputs(&self) -> Vec<usize> {
        self.case.outputs()
    }

    fn cost(&self) -> Cost {
        self.case.cost()
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.case.reference(inputs)
    }

    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.case.error_bound(inputs, expected)
    }

    fn defined_for(&self) -> &'static [Inputs] {
        self.case.defined_for()
    }
}
