//! Problems that are another problem with something changed.

use std::fmt::Debug;

use super::derivative::Derivative;
use super::inputs::{Fill, Inputs};
use super::plan::Cost;
use super::problem::{Operand, Problem, ProblemKey, Variant, Verifiable};
use crate::gpu::Capabilities;

/// A problem around another: it overrides what differs and leaves the rest to [`Wrapper::base`]. Every
/// wrapper is a [`Problem`] and [`Verifiable`].
pub trait Wrapper: Debug + ProblemKey {
    /// The problem inside.
    fn base(&self) -> &dyn Verifiable;

    /// See [`Problem::label`].
    fn label(&self) -> String {
        self.base().label()
    }

    /// See [`Problem::variants`].
    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        self.base().variants(caps)
    }

    /// See [`Verifiable::fill`].
    fn fill(&self, input: &str) -> Fill {
        self.base().fill(input)
    }

    /// See [`Verifiable::derivative`].
    fn derivative(&self) -> Option<Derivative> {
        self.base().derivative()
    }
}

impl<W: Wrapper> Problem for W {
    fn kernel(&self) -> &'static str {
        self.base().kernel()
    }

    fn label(&self) -> String {
        Wrapper::label(self)
    }

    fn inputs(&self) -> Vec<Operand> {
        self.base().inputs()
    }

    fn outputs(&self) -> Vec<usize> {
        self.base().outputs()
    }

    fn cost(&self) -> Cost {
        self.base().cost()
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        Wrapper::variants(self, caps)
    }
}

impl<W: Wrapper> Verifiable for W {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.base().reference(inputs)
    }

    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.base().error_bound(inputs, expected)
    }

    fn error_bound_of(
        &self,
        variant: &str,
        inputs: &[Vec<f64>],
        expected: &[Vec<f64>],
    ) -> Option<Vec<Vec<f64>>> {
        self.base().error_bound_of(variant, inputs, expected)
    }

    fn magnitudes(&self, inputs: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
        self.base().magnitudes(inputs)
    }

    fn fill(&self, input: &str) -> Fill {
        Wrapper::fill(self, input)
    }

    fn defined_for(&self) -> &'static [Inputs] {
        self.base().defined_for()
    }

    fn derivative(&self) -> Option<Derivative> {
        Wrapper::derivative(self)
    }
}
