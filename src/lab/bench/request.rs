//! Parses what to time: which cases, at which sizes, in which variants.

use std::collections::HashSet;

use super::sweep::Sweep;
use crate::gpu::Capabilities;
use crate::kernels::case::CaseText;
use crate::kernels::registry::{Cases, Registry};
use crate::kernels::{Problem, Unmet, Variant, Verifiable};

/// The cases of these kernels; all cases when `kernels` is empty.
///
/// # Errors
/// A message for an unknown kernel, or when no case is left.
pub fn of_kernels(registry: &Registry, cases: Cases, kernels: &[String]) -> Result<Cases, String> {
    kernels.iter().try_for_each(|name| check_kernel_name(registry, name))?;
    if kernels.is_empty() {
        return Ok(cases);
    }
    let kept: Cases = cases.into_iter().filter(|c| kernels.iter().any(|k| k == c.kernel())).collect();
    match kept.is_empty() {
        true => Err(format!("no selected case is of {}", kernels.join(" or "))),
        false => Ok(kept),
    }
}

fn check_kernel_name(registry: &Registry, kernel: &str) -> Result<(), String> {
    let names: Vec<&str> = registry.families().iter().map(|f| f.name).collect();
    let found = names.contains(&kernel);
    found.then_some(()).ok_or_else(|| format!("no kernel '{kernel}'; there are {}", names.join(", ")))
}

/// Sets `key=value` in every case that has the key; other cases stay unchanged. Cases that become equal are kept
/// once.
///
/// # Errors
/// A message for text that is not `key=value`, a key that no case has, or a value that a case rejects.
pub fn resized(registry: &Registry, cases: Cases, changes: &[String]) -> Result<Cases, String> {
    let changes = changes
        .iter()
        .map(|text| match text.trim().split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                Ok((key.to_owned(), value.to_owned()))
            }
            _ => Err(format!("'{text}' is not KEY=VALUE")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if changes.is_empty() {
        return Ok(cases);
    }
    let keys_of = |case: &dyn Problem| -> Vec<String> {
        CaseText::split(&case.label()).1.keys().map(str::to_owned).collect()
    };
    let mut available: Vec<String> = cases.iter().flat_map(|case| keys_of(case.as_ref())).collect();
    available.sort_unstable();
    available.dedup();
    if let Some((key, _)) = changes.iter().find(|(key, _)| !available.contains(key)) {
        return Err(format!(
            "no selected case has a '{key}'; the available keys are {}",
            available.join(", ")
        ));
    }
    let mut seen = HashSet::new();
    let mut changed = Cases::new();
    for case in cases {
        let keys = keys_of(case.as_ref());
        let fitting: Vec<_> = changes.iter().filter(|(key, _)| keys.contains(key)).cloned().collect();
        let case = match fitting.is_empty() {
            true => case,
            false => registry.parse(&case.label(), &fitting).map_err(|e| e.to_string())?,
        };
        if seen.insert(case.label()) {
            changed.push(case);
        }
    }
    Ok(changed)
}

/// The cases at every size of a sweep; those that do not have it are left out.
///
/// # Errors
/// As [`resized`].
pub fn swept(registry: &Registry, cases: &Cases, sweep: &Sweep) -> Result<Cases, String> {
    let mut seen = HashSet::new();
    let mut all = Cases::new();
    for value in &sweep.values {
        let again: Cases = cases
            .iter()
            .filter(|case| CaseText::split(&case.label()).1.has(&sweep.key))
            .map(|case| registry.parse(&case.label(), &[]).map_err(|e| e.to_string()))
            .collect::<Result<_, _>>()?;
        if again.is_empty() {
            return Err(format!("no selected case has a '{}'", sweep.key));
        }
        let sized = resized(registry, again, &[format!("{}={value}", sweep.key)])?;
        all.extend(sized.into_iter().filter(|case| seen.insert(case.label())));
    }
    Ok(all)
}

/// Selects one variant or all, of one kernel or of any.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    /// The text of the request.
    text: String,
    kernel: Option<String>,
    /// `None` for all.
    variant: Option<String>,
}

impl Choice {
    fn fits(&self, case: &dyn Problem, variant: &str) -> bool {
        self.is_for(case) && self.variant.as_deref().is_none_or(|name| name == variant)
    }

    fn is_for(&self, case: &dyn Problem) -> bool {
        self.kernel.as_deref().is_none_or(|kernel| kernel == case.kernel())
    }
}

/// Which variants to time: of each case those that were requested, or its own choice where none of them
/// runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variants(Vec<Choice>);

impl Variants {
    /// Parses `NAME`, `all`, `KERNEL=NAME` and `KERNEL=all`.
    ///
    /// # Errors
    /// A message for an unknown kernel or an empty name.
    pub fn parse(registry: &Registry, texts: &[String]) -> Result<Self, String> {
        let parse = |text: &String| {
            let (kernel, variant) = match text.split_once('=') {
                Some((kernel, variant)) => (Some(kernel.trim()), variant.trim()),
                None => (None, text.trim()),
            };
            kernel.map_or(Ok(()), |kernel| check_kernel_name(registry, kernel))?;
            if variant.is_empty() {
                return Err(format!("'{text}' names no variant"));
            }
            Ok(Choice {
                text: text.clone(),
                kernel: kernel.map(str::to_owned),
                variant: (variant != "all").then(|| variant.to_owned()),
            })
        };
        texts.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Checks that each request names a variant that runs on this device for some case.
    ///
    /// # Errors
    /// A message with the reason why it does not run, or with the available variants.
    pub fn check(&self, cases: &[Box<dyn Verifiable>], caps: &Capabilities) -> Result<(), String> {
        for choice in &self.0 {
            let mut refused: Option<Result<(), Unmet>> = None;
            let mut names: Vec<&str> = Vec::new();
            let concerned = cases.iter().filter(|case| choice.is_for(case.as_ref()));
            for (case, variant) in concerned.flat_map(|c| c.variants(caps).into_iter().map(move |v| (c, v))) {
                if !names.contains(&variant.name) {
                    names.push(variant.name);
                }
                if choice.fits(case.as_ref(), variant.name) {
                    refused = Some(variant.plan.map(drop));
                    if refused == Some(Ok(())) {
                        break;
                    }
                }
            }
            let text = &choice.text;
            match refused {
                Some(Ok(())) => {}
                Some(Err(reason)) => {
                    return Err(format!("'{text}' runs for no selected case here: {reason}"));
                }
                None if names.is_empty() => {
                    return Err(format!("'{text}': no selected case is of that kernel"));
                }
                None => return Err(format!("'{text}': the available variants are {}", names.join(", "))),
            }
        }
        Ok(())
    }

    /// The requested variants of this case among all its `variants` on this device; empty where its own choice runs.
    pub fn of(&self, case: &dyn Problem, variants: &[Variant]) -> Vec<&'static str> {
        variants
            .iter()
            .filter(|v| v.usable() && self.0.iter().any(|choice| choice.fits(case, v.name)))
            .map(|v| v.name)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::DeviceClass;
    use crate::gpu::capabilities::tests::minimal;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&w| w.to_owned()).collect()
    }

    fn cases(texts: &[&str]) -> Cases {
        texts.iter().map(|text| Registry::builtin().parse(text, &[]).unwrap()).collect()
    }

    fn labels(cases: &[Box<dyn Verifiable>]) -> Vec<String> {
        cases.iter().map(|case| case.label()).collect()
    }

    const SOFTMAX: &str = "softmax f32 rows=4 width=8 scale=1";

    #[test]
    fn kernels_are_picked_by_name() {
        let registry = Registry::builtin();
        let pick = |names: &[&str]| {
            of_kernels(&registry, cases(&["matmul f32 m=1 n=2 k=3", SOFTMAX]), &words(names))
        };
        assert_eq!(labels(&pick(&["softmax"]).unwrap()), [SOFTMAX]);
        assert_eq!(pick(&[]).unwrap().len(), 2);
        assert!(pick(&["sofmax"]).unwrap_err().contains("there are matmul"));
        assert!(pick(&["gather"]).unwrap_err().contains("gather"));
    }

    #[test]
    fn sizes_are_replaced_where_a_case_has_them() {
        let registry = Registry::builtin();
        let selected = || cases(&["matmul f32 m=1 n=2 k=3 +bias", "matmul f32 m=5 n=2 k=3 +bias", SOFTMAX]);
        let resize = |changes: &[&str]| resized(&registry, selected(), &words(changes));
        let changed = resize(&["m=9", "k=4"]).unwrap();
        assert_eq!(labels(&changed), ["matmul f32 m=9 n=2 k=4 +bias", SOFTMAX], "equal cases are kept once");
        assert_eq!(resize(&[]).unwrap().len(), 3);
        let message = resize(&["m=9", "heads=4"]).unwrap_err();
        assert!(message.contains("'heads'") && message.contains("k, m, n, rows, scale, width"), "{message}");
        assert!(resize(&["m=none"]).unwrap_err().contains("m=none"));
        assert!(resize(&["m"]).unwrap_err().contains("KEY=VALUE"));
        assert!(resize(&["=4"]).unwrap_err().contains("KEY=VALUE"));
    }

    #[test]
    fn variants_are_chosen_by_kernel() {
        let (registry, caps) = (Registry::builtin(), minimal(DeviceClass::Gpu));
        let cases = cases(&["matmul f32 m=64 n=64 k=64", SOFTMAX]);
        let of = |texts: &[&str], case: usize| {
            let variants = Variants::parse(&registry, &words(texts)).unwrap();
            variants.of(cases[case].as_ref(), &cases[case].variants(&caps))
        };
        assert!(of(&[], 0).is_empty(), "the device's choice");
        assert_eq!(of(&["matmul=naive"], 0), ["naive"]);
        assert!(of(&["softmax=naive"], 0).is_empty(), "another kernel's choice does not concern it");
        let all = of(&["all"], 0);
        assert!(all.len() > 1 && all.contains(&"naive"));
        assert_eq!(of(&["matmul=all"], 0), all);
        assert_eq!(of(&["matmul=all"], 1), of(&[], 1));
        assert_eq!(of(&["matmul=naive", "matmul=tile64"], 0).len(), 2, "choices add up");

        let refuse = |text: &str| {
            let variants = Variants::parse(&registry, &words(&[text]))?;
            variants.check(&cases, &caps)
        };
        assert_eq!(refuse("naive"), Ok(()));
        assert!(refuse("matmull=tile").unwrap_err().contains("there are matmul"));
        assert!(refuse("matmul=nosuch").unwrap_err().contains("naive"));
        assert!(refuse("gather=all").unwrap_err().contains("no selected case"));
        assert!(refuse("matmul=subgroup").unwrap_err().contains("runs for no selected case"));
        assert!(refuse("matmul=").unwrap_err().contains("no variant"));
    }
}
