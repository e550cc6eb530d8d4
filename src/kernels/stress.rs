//! Circumstances that sizes and options do not bring about by themselves, put around any case. A case
//! under stress says so in its words: `layernorm f32 rows=5 width=77 mean=1000`.

use super::case::CaseText;
use super::check::Inputs;
use super::gradient::Derivative;
use super::trial::Trial;
use super::{Cost, Fill, Launch, Operand, Problem, Variant};
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
    pub fn on(self, case: impl Problem + 'static) -> Box<dyn Problem> {
        self.around(Box::new(case))
    }

    fn around(self, case: Box<dyn Problem>) -> Box<dyn Problem> {
        Box::new(Stressed { case, stress: self })
    }

    /// Puts the stresses that are left among a case's words around it.
    ///
    /// # Errors
    /// A message when a number cannot be read, or no input has the name.
    pub(super) fn read(mut case: Box<dyn Problem>, text: &mut CaseText) -> Result<Box<dyn Problem>, String> {
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

/// A case and its stress; everything else is the case's own.
#[derive(Debug)]
struct Stressed {
    case: Box<dyn Problem>,
    stress: Stress,
}

impl Problem for Stressed {
    fn kernel(&self) -> &'static str {
        self.case.kernel()
    }

    fn label(&self) -> String {
        let case = self.case.label();
        match self.stress {
            Stress::Mean(mean) => format!("{case} mean={mean}"),
            Stress::Zeros(name) => format!("{case} zeros={name}"),
            Stress::Fold(groups) => format!("{case} fold={groups}"),
        }
    }

    fn inputs(&self) -> Vec<Operand> {
        let mut inputs = self.case.inputs();
        for (i, input) in inputs.iter_mut().enumerate() {
            input.fill = match (self.stress, input.fill) {
                (Stress::Mean(mean), Fill::Normal(deviation)) if i == 0 => Fill::Around { mean, deviation },
                (Stress::Zeros(name), _) if name == input.name => Fill::Normal(0.0),
                (_, fill) => fill,
            };
        }
        inputs
    }

    fn outputs(&self) -> Vec<usize> {
        self.case.outputs()
    }

    fn cost(&self) -> Cost {
        self.case.cost()
    }

    fn variant_cost(&self, caps: &Capabilities, variant: &'static str) -> Cost {
        self.case.variant_cost(caps, variant)
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        self.case.variants(caps)
    }

    fn trial(&self, variant: &str) -> Option<Trial> {
        self.case.trial(variant)
    }

    fn launch(&self, caps: &Capabilities, variant: &'static str) -> Launch {
        let mut caps = caps.clone();
        if let Stress::Fold(groups) = self.stress {
            caps.limits.workgroups = caps.limits.workgroups.min(groups);
        }
        self.case.launch(&caps, variant)
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

    /// A norm of zero has no derivative.
    fn derivative(&self) -> Option<Derivative> {
        if matches!(self.stress, Stress::Zeros(_)) { None } else { self.case.derivative() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::l2norm::L2Norm;
    use crate::kernels::registry::Registry;

    #[test]
    fn a_stress_changes_what_it_names() {
        let case = || L2Norm { rows: 5, width: 3 };
        assert_eq!(Stress::Zeros("x").on(case()).inputs()[0].fill, Fill::Normal(0.0));
        let around = Fill::Around { mean: 1000.0, deviation: 1.0 };
        assert_eq!(Stress::Mean(1000.0).on(case()).inputs()[0].fill, around);
        assert_eq!(Stress::Fold(3).on(case()).label(), "l2norm f32 rows=5 width=3 fold=3");
    }

    #[test]
    fn a_wrong_stress_says_what_is_wrong() {
        let reason = |text: &str| Registry::builtin().parse(text, &[]).map(drop).unwrap_err().reason;
        assert!(reason("l2norm f32 rows=5 width=3 zeros=y").contains("inputs are x"));
        assert!(reason("l2norm f32 rows=5 width=3 fold=0").contains("fold=0"));
        assert!(reason("l2norm f32 rows=5 width=3 mean=much").contains("mean=much"));
    }
}
