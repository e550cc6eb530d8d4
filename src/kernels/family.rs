//! The entry of a kernel in the registry.

use super::case::CaseText;
use super::problem::Verifiable;

/// Cases of one kernel or of all.
pub type Cases = Vec<Box<dyn Verifiable>>;

/// One kernel with its test cases: an entry of the [`Registry`](super::registry::Registry).
#[derive(Debug, Clone)]
pub struct Family {
    /// [`Problem::kernel`](super::Problem::kernel) of its cases, the first word of their labels.
    pub name: &'static str,
    /// Cases that could go wrong: odd sizes, every option, every variant.
    pub conformance: fn() -> Cases,
    /// Cases worth timing: shapes that models use. The full tier of conformance runs them too.
    pub bench: fn() -> Cases,
    /// A case from the words of its label.
    pub parse: fn(&mut CaseText) -> Result<Box<dyn Verifiable>, String>,
}

/// Boxes problems of one type.
pub fn boxed<P: Verifiable>(cases: Vec<P>) -> Cases {
    cases.into_iter().map(|case| Box::new(case) as Box<dyn Verifiable>).collect()
}
