//! The list of kernels that testing, benchmarks and tuning share.

use std::collections::HashSet;

use super::case::CaseText;
use super::choose::variants;
use super::problem::Verifiable;
use super::stress::Stress;
use crate::gpu::Gpu;

pub use super::family::{Cases, Family, boxed};

/// How thorough conformance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Small shapes, odd and degenerate ones among them: minutes on a software device.
    Small,
    /// These and the shapes of real models.
    Full,
}

/// A case that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("case '{case}': {reason}")]
pub struct CaseError {
    /// The text that was to be read.
    pub case: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

/// Kernels by name, in the order in which they are reported.
#[derive(Debug, Clone)]
pub struct Registry {
    families: Vec<Family>,
}

impl Registry {
    /// The kernels of this crate. A new one adds one line.
    pub fn builtin() -> Self {
        let families = vec![
            super::matmul::family(),
            super::attention::family(),
            super::attention_backward::family(),
            super::layernorm::family(),
            super::layernorm_backward::family(),
            super::softmax::family(),
            super::softmax_backward::family(),
            super::activation::family(),
            super::activation_backward::family(),
            super::gather::family(),
            super::patches::family(),
            super::tokens::family(),
            super::resample::family(),
            super::resample_backward::family(),
            super::l2norm::family(),
            super::l2norm_backward::family(),
            super::similarity::family(),
            super::nearest::family(),
            super::farthest::family(),
            super::sums::family(),
            super::combine::family(),
            super::concat::family(),
            super::transpose::family(),
            super::splice::family(),
            super::scatter::family(),
            super::adam::family(),
            super::cross_entropy::family(),
            super::cross_entropy::family_backward(),
            super::pixel_loss::sums::family(),
            super::pixel_loss::loss::family(),
            super::pixel_loss::backward::family(),
            super::probe::copy(),
            super::probe::read(),
            super::probe::multiply_add(),
            super::probe_caches::cache_read(),
            super::probe_caches::workgroup_read(),
            super::probe_matrix::family(),
        ];
        Self { families }
    }

    /// Adds a kernel; it replaces one of the same name.
    pub fn with(mut self, family: Family) -> Self {
        match self.families.iter_mut().find(|f| f.name == family.name) {
            Some(old) => *old = family,
            None => self.families.push(family),
        }
        self
    }

    /// All kernels.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The cases of conformance.
    pub fn conformance(&self, tier: Tier) -> Cases {
        let mut cases: Cases = self.families.iter().flat_map(|f| (f.conformance)()).collect();
        if tier == Tier::Full {
            let small: HashSet<String> = cases.iter().map(|c| c.label()).collect();
            cases.extend(self.bench().into_iter().filter(|c| !small.contains(&c.label())));
        }
        cases
    }

    /// The cases of benchmarks and tuning.
    pub fn bench(&self) -> Cases {
        self.families.iter().flat_map(|f| (f.bench)()).collect()
    }

    /// A case from its printed label, with some `key=value` replaced.
    ///
    /// # Errors
    /// [`CaseError`] when the family or a word is not known, or a size is missing.
    pub fn parse(
        &self,
        label: &str,
        replaced: &[(String, String)],
    ) -> Result<Box<dyn Verifiable>, CaseError> {
        let fail = |reason: String| CaseError { case: label.to_owned(), reason };
        let (name, mut text) = CaseText::split(label);
        let names = || self.families.iter().map(|f| f.name).collect::<Vec<_>>().join(", ");
        let family = self.families.iter().find(|f| f.name == name);
        let family = family.ok_or_else(|| fail(format!("no kernel '{name}'; there are {}", names())))?;
        for (key, value) in replaced {
            text.replace(key, value).map_err(fail)?;
        }
        let problem = (family.parse)(&mut text).map_err(fail)?;
        let problem = Stress::read(problem, &mut text).map_err(fail)?;
        text.finish().map_err(fail)?;
        Ok(problem)
    }
}

/// Every conformance case of the built-in kernels, small tier.
pub fn cases() -> Cases {
    Registry::builtin().conformance(Tier::Small)
}

/// Runs every trial that a built-in kernel needs on this device, and returns a line for each that failed.
pub fn failed_trials(gpu: &Gpu) -> Vec<String> {
    for case in cases() {
        variants(gpu, case.as_ref());
    }
    gpu.notes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::inputs::Fill;
    use crate::kernels::l2norm::L2Norm;

    /// Labels that were printed can be read.
    #[test]
    fn every_label_reads_back_as_the_same_case() {
        let registry = Registry::builtin();
        let mut seen = HashSet::new();
        for case in registry.conformance(Tier::Full) {
            let label = case.label();
            let again = registry.parse(&label, &[]).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(format!("{again:?}"), format!("{case:?}"), "{label}");
            assert!(seen.insert(label.clone()), "two cases are called '{label}'");
        }
    }

    #[test]
    fn a_wrong_case_says_what_is_wrong() {
        let registry = Registry::builtin();
        let reason = |text: &str| registry.parse(text, &[]).map(drop).unwrap_err().reason;
        assert!(reason("matmull f32 m=1").contains("there are matmul"));
        assert!(reason("matmul f32 m=1 n=2").contains("'k=N' is missing"));
        assert!(reason("matmul f32 m=0 n=2 k=3").contains("m=0"));
        assert!(reason("matmul f32 m=2000000000 n=2000000000 k=9").contains("multiply"));
        assert!(reason("softmax f32 rows=1 width=2 scale=1 +bias").contains("+bias"));
        let replaced = registry.parse("matmul f32 m=1 n=2 k=3", &[("m".into(), "9".into())]);
        assert_eq!(replaced.map(|p| p.label()), Ok("matmul f32 m=9 n=2 k=3".to_owned()));
    }
    #[test]
    fn a_stress_changes_what_it_names() {
        let case = || L2Norm { rows: 5, width: 3 };
        assert_eq!(Stress::Zeros("x").on(case()).fill("x"), Fill::Normal(0.0));
        let around = Fill::Around { mean: 1000.0, deviation: 1.0 };
        assert_eq!(Stress::Mean(1000.0).on(case()).fill("x"), around);
        assert_eq!(Stress::Fold(3).on(case()).label(), "l2norm f32 rows=5 width=3 fold=3");
    }

    #[test]
    fn a_wrong_stress_says_what_is_wrong() {
        let reason = |text: &str| Registry::builtin().parse(text, &[]).map(drop).unwrap_err().reason;
        assert!(reason("l2norm f32 rows=5 width=3 zeros=y").contains("inputs are x"));
        assert!(reason("l2norm f32 rows=5 width=3 fold=0").contains("fold=0"));
        assert!(reason("l2norm f32 rows=5 width=3 mean=much").contains("mean=much"));
    }

    #[test]
    fn a_stride_may_be_zero_and_not_less() {
        let read = |offset: &str| {
            let sizes = "groups=1 rows=2 columns=3 row_stride=3 group_stride=0 scale=1";
            Registry::builtin().parse(&format!("sums f32 {sizes} offset={offset}"), &[]).map(drop)
        };
        assert!(read("0").is_ok());
        let refused = read("-1").unwrap_err();
        assert!(refused.reason.contains("offset=-1"), "{refused}");
    }

    #[test]
    fn a_sequence_with_no_room_for_tokens_is_refused() {
        let read = |text: &str| Registry::builtin().parse(text, &[]).map(|case| case.outputs()[0]);
        let refused = read("splice f32 batch=1 length=4 width=8 tokens=4 keep=0 add=1").unwrap_err();
        assert!(refused.reason.contains("'tokens=4'"), "{refused}");
        assert_eq!(read("splice f32 batch=1 length=5 width=8 tokens=4 keep=0 add=1"), Ok(40));
        assert_eq!(read("splice f32 batch=1 length=4 width=8 tokens=4 +insert"), Ok(64));
    }
}
