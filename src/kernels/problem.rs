//! The two traits of a kernel: [`Problem`] is what running one needs, [`Verifiable`] what testing one
//! needs; and the [`Variant`]s that a problem offers.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use super::derivative::Derivative;
use super::element::Element;
use super::inputs::{Fill, Inputs};
use super::panels::Panels;
use super::plan::{Cost, Finish, Plan};
use super::unmet::Unmet;
use crate::gpu::Capabilities;

/// An input of a problem, in binding order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// Name in the shader, unique among the inputs.
    pub name: &'static str,
    /// Element type.
    pub element: Element,
    /// Number of elements.
    pub len: usize,
}

impl Operand {
    /// A float32 input.
    pub fn f32(name: &'static str, len: usize) -> Self {
        Self { name, element: Element::F32, len }
    }

    /// An input of unsigned indices.
    pub fn u32(name: &'static str, len: usize) -> Self {
        Self { name, element: Element::U32, len }
    }
}

/// One way to compute a problem: the plan of its launch, or why this problem or device rules it out.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Short name, unique within the kernel.
    pub name: &'static str,
    /// How it is launched.
    pub plan: Result<Plan, Unmet>,
    /// What it costs where that is more than [`Problem::cost`], by working on whole blocks; `None`: the same.
    pub cost: Option<Cost>,
    /// The input that it reads as a storage texture, and the matrix in it. All others are buffers.
    pub panels: Option<(usize, Panels)>,
    /// The second of its launches, where it has two.
    pub finish: Option<Finish>,
    /// What it must compute right on a device before it is used there; most variants need no trial.
    pub trial: Option<Trial>,
}

impl Variant {
    /// A variant with this plan, or the precondition that is not met.
    pub fn new(name: &'static str, plan: Result<Plan, Unmet>) -> Self {
        Self { name, plan, cost: None, panels: None, finish: None, trial: None }
    }

    /// A variant that runs everywhere.
    pub fn always(name: &'static str, plan: Plan) -> Self {
        Self::new(name, Ok(plan))
    }

    /// A variant with a precondition; the plan is made only where that is met.
    pub fn when(name: &'static str, met: Result<(), Unmet>, plan: impl FnOnce() -> Plan) -> Self {
        Self::new(name, met.map(|()| plan()))
    }

    /// Whether its preconditions are met. (Its trial is another matter.)
    pub fn usable(&self) -> bool {
        self.plan.is_ok()
    }
}

/// A small problem that a variant must compute right on a device before it is used there; see
/// [`trial`](super::trial).
#[derive(Debug, Clone)]
pub struct Trial {
    /// A problem of other sizes that makes the same pipeline as the one at hand: the same options.
    pub problem: Arc<dyn Verifiable>,
    /// The variant to compare with: the simplest, which runs on every device.
    pub plain: &'static str,
}

/// Equality of problems behind `dyn Problem`: which plan was chosen is remembered by it. Every type that is
/// `PartialEq + Clone` has it.
pub trait ProblemKey: Any + Send + Sync {
    /// The problem as itself.
    fn as_any(&self) -> &dyn Any;
    /// Whether the other is a problem of the same type and equal.
    fn equals(&self, other: &dyn Any) -> bool;
    /// A copy to remember it by.
    fn to_key(&self) -> Box<dyn ProblemKey>;
}

impl<T: PartialEq + Clone + Any + Send + Sync> ProblemKey for T {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>().is_some_and(|other| self == other)
    }

    fn to_key(&self) -> Box<dyn ProblemKey> {
        Box::new(self.clone())
    }
}

/// A kernel with its shapes, element types and options: what running it needs.
///
/// Problems that compare equal have equal plans: the choice among the variants is made once for a problem
/// and device. (0 and −0 compare equal; WGSL lets a device ignore the sign of zero.)
pub trait Problem: Debug + ProblemKey {
    /// Name of the kernel: `matmul`, `softmax`, …
    fn kernel(&self) -> &'static str;

    /// The case in words, unique within the registry: `matmul f32 m=77 n=512 k=512 +bias`.
    fn label(&self) -> String;

    /// Inputs in binding order.
    fn inputs(&self) -> Vec<Operand>;

    /// Lengths of the float32 outputs, bound after the inputs.
    fn outputs(&self) -> Vec<usize>;

    /// What it costs at least: each input read once, each output written once.
    fn cost(&self) -> Cost;

    /// Every variant of the kernel for a device with these capabilities, the preferred one first.
    fn variants(&self, caps: &Capabilities) -> Vec<Variant>;
}

/// A problem whose results can be verified: what testing and measuring it needs.
pub trait Verifiable: Problem {
    /// The result in float64 from the same inputs (after rounding to their storage type), for each output.
    /// Elements that the kernel must not write are NaN.
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>>;

    /// For every output element the largest error that float32 arithmetic may make, derived from
    /// the number and kind of operations (see [`bounds`](super::bounds)); not tuned.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>>;

    /// The same for a variant whose arithmetic is another and has a bound of its own; `None` for all others.
    fn error_bound_of(
        &self,
        _variant: &str,
        _inputs: &[Vec<f64>],
        _expected: &[Vec<f64>],
    ) -> Option<Vec<Vec<f64>>> {
        None
    }

    /// The sum of magnitudes Σ|a||b| behind each output element, where the outputs are sums of products: an error can be
    /// given in units of u·Σ|a||b|, whatever the values. `None` for other kernels.
    fn magnitudes(&self, _inputs: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
        None
    }

    /// What fills the input of this name in tests: standard normal numbers unless it is overridden. An
    /// input of indices needs [`Fill::Below`].
    fn fill(&self, _input: &str) -> Fill {
        Fill::default()
    }

    /// The kinds of inputs for which results are defined, and checked. Most kernels take all.
    fn defined_for(&self) -> &'static [Inputs] {
        &Inputs::ALL
    }

    /// For a backward problem: what it is the derivative of, which `check` compares with finite
    /// differences.
    fn derivative(&self) -> Option<Derivative> {
        None
    }
}
