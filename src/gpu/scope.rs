//! Opening scopes: named parts of a recording, by which profiles say what a launch belongs to.

use std::fmt::Display;

use super::device::Gpu;

/// Keeps a scope open until it is dropped.
#[derive(Debug)]
#[must_use = "a scope ends when its guard is dropped"]
pub struct ScopeGuard {
    /// The device, the number of its profile and the scope's index in that profile; `None` when no profile is active.
    open: Option<(Gpu, u64, usize)>,
}

impl Gpu {
    /// Opens a scope: launches recorded while the guard lives carry it in their profile. Scopes nest in the order in
    /// which they are opened; they belong to the device, not to a thread. While no profile is active this costs next
    /// to nothing: `detail` is not even formatted.
    pub fn scope(&self, name: &str, detail: impl Display) -> ScopeGuard {
        let mut stream = self.stream();
        let number = stream.profiles;
        let open = stream
            .profile
            .as_mut()
            .map(|profile| (self.clone(), number, profile.open_scope(name.to_owned(), detail.to_string())));
        ScopeGuard { open }
    }
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        let Some((gpu, number, index)) = self.open.take() else { return };
        let mut stream = gpu.stream();
        // The profile may have ended meanwhile, and another one started.
        if stream.profiles == number
            && let Some(profile) = &mut stream.profile
        {
            profile.close_scope(index);
        }
    }
}
