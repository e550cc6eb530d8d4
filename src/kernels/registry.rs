//! The one list of kernel families, which testing, benchmarks and tuning share.

use std::collections::HashSet;

use super::Problem;
use super::case::CaseText;
use super::stress::Stress;

/// Cases of a family or of all.
pub type Cases = Vec<Box<dyn Problem>>;

/// How thorough conformance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Small shapes, odd and degenerate ones among them: minutes on a software device.
    Small,
    /// These and the shapes of real models.
    Full,
}

/// One kernel family as the laboratory sees it.
#[derive(Debug, Clone)]
pub struct Family {
    /// What its problems call themselves, the first word of their labels.
    pub name: &'static str,
    /// What it computes, in a line.
    pub about: &'static str,
    /// Cases that could go wrong: odd sizes, every option, every variant.
    pub conformance: fn() -> Cases,
    /// Cases worth timing: shapes that models use. The full tier of conformance runs them too.
    pub bench: fn() -> Cases,
    /// A case from the words of its label.
    pub parse: fn(&mut CaseText) -> Result<Box<dyn Problem>, String>,
}

/// A case that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("case '{case}': {reason}")]
pub struct CaseError {
    /// What was asked for.
    pub case: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

/// Families by name, in the order in which they are reported.
#[derive(Debug, Clone)]
pub struct Registry {
    families: Vec<Family>,
}

impl Registry {
    /// The families of this crate. A new kernel adds one line.
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
            super::pixel_loss::family(),
            super::pixel_loss::backward::family(),
            super::probe::copy(),
            super::probe::read(),
            super::probe::multiply_add(),
        ];
        Self { families }
    }

    /// Adds a family of one's own; one of the same name takes its place.
    pub fn with(mut self, family: Family) -> Self {
        match self.families.iter_mut().find(|f| f.name == family.name) {
            Some(old) => *old = family,
            None => self.families.push(family),
        }
        self
    }

    /// All families.
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
    pub fn parse(&self, label: &str, replaced: &[(String, String)]) -> Result<Box<dyn Problem>, CaseError> {
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

/// Boxes problems of one type.
pub fn boxed<P: Problem + 'static>(cases: Vec<P>) -> Cases {
    cases.into_iter().map(|case| Box::new(case) as Box<dyn Problem>).collect()
}

/// Every conformance case of the built-in families, small tier.
pub fn cases() -> Cases {
    Registry::builtin().conformance(Tier::Small)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed can be given back.
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
}
