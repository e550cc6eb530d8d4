//! Preferred choices from earlier measurements on this device. The device only keeps the table; the layers above define
//! keys and values.

use std::collections::HashMap;

use super::device::Gpu;

impl Gpu {
    /// How far down a variant of this name stands among those that `DAPO_VARIANTS` prefers to all others.
    pub fn rank(&self, variant: &str) -> usize {
        let favoured = &self.inner.favoured;
        favoured.iter().position(|name| name == variant).unwrap_or(favoured.len())
    }

    /// Sets the table of preferences, by key. Only the first call has an effect; returns whether this was it.
    pub fn set_preferences(&self, table: HashMap<String, String>) -> bool {
        self.inner.preferences.set(table).is_ok()
    }

    /// Whether there is any preference: callers need not build keys otherwise.
    pub fn has_preferences(&self) -> bool {
        self.inner.preferences.get().is_some_and(|table| !table.is_empty())
    }

    /// The preference of this key, if any.
    pub fn preference(&self, key: &str) -> Option<&str> {
        self.inner.preferences.get()?.get(key).map(String::as_str)
    }
}
