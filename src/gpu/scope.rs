//! Scopes: named stretches of recording, so that a profile can say which part of a program a launch belongs to.

use std::fmt::Display;

use serde::Serialize;

use super::device::Gpu;

/// A stretch of recording that was open while a profile was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// What kind of work: `block`. Profiles add up scopes of one name.
    pub name: String,
    /// Which one: `3`.
    pub detail: String,
    /// The scope that it was opened in, by its place in the profile's list.
    pub parent: Option<usize>,
}

impl Scope {
    /// Name and detail: `block 3`.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.detail).trim_end().to_owned()
    }
}

/// Scopes of a profile that is being taken.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    pub(super) all: Vec<Scope>,
    open: Vec<usize>,
}

impl Scopes {
    /// The innermost open scope.
    pub(super) fn innermost(&self) -> Option<usize> {
        self.open.last().copied()
    }
}

/// Keeps a scope open until it is dropped.
#[derive(Debug)]
#[must_use = "a scope ends when its guard is dropped"]
pub struct ScopeGuard {
    /// The device, the number of its profile and the scope's place in that profile; nothing when none is taken.
    open: Option<(Gpu, u64, usize)>,
}

impl Gpu {
    /// Opens a scope: launches recorded while the guard lives carry it in their profile. Scopes nest in the order in
    /// which they are opened; they belong to the device, not to a thread. Costs next to nothing while no profile is
    /// taken: `detail` is not even formatted then.
    pub fn scope(&self, name: &str, detail: impl Display) -> ScopeGuard {
        let mut stream = self.stream();
        let number = stream.profiles;
        let open = stream.profile.as_mut().map(|taking| {
            let Scopes { all, open } = &mut taking.scopes;
            let (name, detail) = (name.to_owned(), detail.to_string());
            all.push(Scope { name, detail, parent: open.last().copied() });
            open.push(all.len() - 1);
            (self.clone(), number, all.len() - 1)
        });
        ScopeGuard { open }
    }
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        let Some((gpu, number, place)) = self.open.take() else { return };
        let mut stream = gpu.stream();
        // The profile may have ended meanwhile, and another one begun.
        if stream.profiles == number
            && let Some(taking) = &mut stream.profile
        {
            taking.scopes.open.retain(|&open| open != place);
        }
    }
}
