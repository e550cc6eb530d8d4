//! A problem of an existing family with one more variant, for variants outside of this crate.
//!
//! Inputs, reference and error bound stay those of the family: the variant is held to the same standard
//! as the others, and `bench` times it beside them.

use super::check::Inputs;
use super::gradient::Derivative;
use super::trial::Trial;
use super::{Cost, Launch, Operand, Problem, Variant};
use crate::gpu::Capabilities;

/// A variant of one's own of problems of type `P`.
#[derive(Debug, Clone, Copy)]
pub struct Extra<P> {
    /// Short name, which no variant of the family has.
    pub name: &'static str,
    /// `Err(reason)` when it does not apply.
    pub usable: fn(&P, &Capabilities) -> Result<(), String>,
    /// Its launch. Called only where it is usable.
    pub launch: fn(&P, &Capabilities) -> Launch,
}

/// A problem with this variant as the preferred one.
#[derive(Debug, Clone)]
pub struct Extended<P> {
    /// The problem as its family has it.
    pub base: P,
    /// What is added.
    pub extra: Extra<P>,
}

impl<P: Problem> Problem for Extended<P> {
    fn kernel(&self) -> &'static str {
        self.base.kernel()
    }

    fn label(&self) -> String {
        self.base.label()
    }

    fn inputs(&self) -> Vec<Operand> {
        self.base.inputs()
    }

    fn outputs(&self) -> Vec<usize> {
        self.base.outputs()
    }

    fn cost(&self) -> Cost {
        self.base.cost()
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let usable = (self.extra.usable)(&self.base, caps);
        let extra = Variant { name: self.extra.name, usable, panels: None };
        [vec![extra], self.base.variants(caps)].concat()
    }

    fn launch(&self, caps: &Capabilities, variant: &'static str) -> Launch {
        match variant == self.extra.name {
            true => (self.extra.launch)(&self.base, caps),
            false => self.base.launch(caps, variant),
        }
    }

    fn trial(&self, variant: &str) -> Option<Trial> {
        self.base.trial(variant)
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.base.reference(inputs)
    }

    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.base.error_bound(inputs, expected)
    }

    fn defined_for(&self) -> &'static [Inputs] {
        self.base.defined_for()
    }

    fn derivative(&self) -> Option<Derivative> {
        self.base.derivative()
    }
}
