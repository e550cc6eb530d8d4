//! Conditions that sizes and options do not bring about by themselves, added to any case. A stressed
//! case has them in its label: `layernorm f32 rows=5 width=77 mean=1000`.

use std::sync::Arc;

use super::case::CaseText;
use super::derivative::Derivative;
use super::inputs::Fill;
use super::problem::{Variant, Verifiable};
use super::wrapper::Wrapper;
use crate::gpu::Capabilities;

/// What is out of the ordinary about a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stress {
    /// `mean=X`: the first input lies around X instead of 0, where a variance from Σx² cancels.
    Mean(f32),
    /// `zeros=NAME`: this input is zero throughout, and so are its norms.
    Zeros(&'static str),
    /// `fold=N`: as if the device took no more than N workgroups in a dimension, so that a small grid
    /// is folded as only a huge one would be.
    Fold(u32),
}

impl Stress {
    /// The case under this stress.
    pub fn on(self, case: impl Verifiable) -> Box<dyn Verifiable> {
        self.around(Box::new(case))
    }

    fn around(self, case: Box<dyn Verifiable>) -> Box<dyn Verifiable> {
        Box::new(Stressed { case: case.into(), stress: self })
    }

    /// Adds the stresses among the remaining words of a label to its case.
    ///
    /// # Errors
    /// A message when a number cannot be read, or no input has the name.
    pub(super) fn read(
        mut case: Box<dyn Verifiable>,
        text: &mut CaseText,
    ) -> Result<Box<dyn Verifiable>, String> {
        if text.has("mean") {
            case = Self::Mean(text.float("mean")?).around(case);
        }
        if text.has("zeros") {
            let name = text.value("zeros")?;
            let names: Vec<&'static str> = case.inputs().iter().map(|i| i.name).collect();
            let known = names.iter().find(|n| **n == name);
            let known = known.ok_or_else(|| format!("'zeros={name}': inputs are {}", names.join(", ")))?;
            case = Self::Zeros(known).around(case);
        }
        if text.has("fold") {
            let groups = text.size("fold")?;
            case =
                Self::Fold(u32::try_from(groups).map_err(|e| format!("'fold={groups}': {e}"))?).around(case);
        }
        Ok(case)
    }
}

/// A case and its stress.
#[derive(Debug, Clone)]
struct Stressed {
    case: Arc<dyn Verifiable>,
    stress: Stress,
}

impl PartialEq for Stressed {
    fn eq(&self, other: &Self) -> bool {
        self.stress == other.stress && self.case.equals(other.case.as_any())
    }
}

impl Wrapper for Stressed {
    fn base(&self) -> &dyn Verifiable {
        self.case.as_ref()
    }

    fn label(&self) -> String {
        let case = self.case.label();
        match self.stress {
            Stress::Mean(mean) => format!("{case} mean={mean}"),
            Stress::Zeros(name) => format!("{case} zeros={name}"),
            Stress::Fold(groups) => format!("{case} fold={groups}"),
        }
    }

    fn fill(&self, input: &str) -> Fill {
        let is_first = || self.case.inputs().first().is_some_and(|first| first.name == input);
        match (self.stress, self.case.fill(input)) {
            (Stress::Mean(mean), Fill::Normal(deviation)) if is_first() => Fill::Around { mean, deviation },
            (Stress::Zeros(name), _) if name == input => Fill::Normal(0.0),
            (_, fill) => fill,
        }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let mut caps = caps.clone();
        if let Stress::Fold(groups) = self.stress {
            caps.limits.workgroups = caps.limits.workgroups.min(groups);
        }
        self.case.variants(&caps)
    }

    /// A norm of zero has no derivative.
    fn derivative(&self) -> Option<Derivative> {
        if matches!(self.stress, Stress::Zeros(_)) { None } else { self.case.derivative() }
    }
}
