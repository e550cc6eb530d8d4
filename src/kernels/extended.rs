//! A problem of an existing kernel with one more variant, for variants outside of this crate.
//!
//! Inputs, reference and error bound stay those of the kernel: the variant is held to the same standard
//! as the others, and `bench` times it with them.

use std::fmt;

use super::plan::Plan;
use super::problem::{Variant, Verifiable};
use super::unmet::Unmet;
use super::wrapper::Wrapper;
use crate::gpu::Capabilities;

/// A variant of your own of problems of type `P`.
#[derive(Clone, Copy)]
pub struct Extra<P> {
    /// Short name, which no other variant of the kernel has.
    pub name: &'static str,
    /// How it is launched, or why not.
    pub plan: fn(&P, &Capabilities) -> Result<Plan, Unmet>,
}

impl<P> fmt::Debug for Extra<P> {
    /// By its name: where a function lies in memory says nothing, and may differ within a program.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extra").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A problem with this variant as the preferred one.
#[derive(Debug, Clone)]
pub struct Extended<P> {
    /// The problem as its kernel has it.
    pub base: P,
    /// What is added.
    pub extra: Extra<P>,
}

impl<P: PartialEq> PartialEq for Extended<P> {
    fn eq(&self, other: &Self) -> bool {
        let same_plan = std::ptr::fn_addr_eq(self.extra.plan, other.extra.plan);
        self.base == other.base && self.extra.name == other.extra.name && same_plan
    }
}

impl<P: Verifiable + PartialEq + Clone> Wrapper for Extended<P> {
    fn base(&self) -> &dyn Verifiable {
        &self.base
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let extra = Variant::new(self.extra.name, (self.extra.plan)(&self.base, caps));
        [vec![extra], self.base.variants(caps)].concat()
    }
}
