//! The one list of cases, which conformance runs.

use super::Problem;

/// Every case of every family. A new kernel adds one line.
pub fn cases() -> Vec<Box<dyn Problem>> {
    fn boxed<P: Problem + 'static>(cases: Vec<P>) -> impl Iterator<Item = Box<dyn Problem>> {
        cases.into_iter().map(|case| Box::new(case) as Box<dyn Problem>)
    }
    let mut all: Vec<Box<dyn Problem>> = Vec::new();
    all.extend(boxed(super::activation::cases()));
    all.extend(boxed(super::matmul::cases()));
    all.extend(boxed(super::layernorm::cases()));
    all.extend(boxed(super::softmax::cases()));
    all.extend(boxed(super::attention::cases()));
    all.extend(boxed(super::gather::cases()));
    all.extend(boxed(super::patches::cases()));
    all.extend(boxed(super::tokens::cases()));
    all.extend(boxed(super::resample::cases()));
    all.extend(boxed(super::l2norm::cases()));
    all.extend(boxed(super::similarity::cases()));
    all
}
