//! What earlier measurements on this device say should be preferred. The device only keeps the table;
//! those above it know what the words mean.

use std::collections::HashMap;

use super::device::Gpu;

impl Gpu {
    /// Gives the device its table of preferences, by key. The first table stays; says whether it was
    /// this one.
    pub fn set_preferences(&self, table: HashMap<String, String>) -> bool {
        self.inner.preferences.set(table).is_ok()
    }

    /// Whether there is anything to ask for: keys need not be made where there is not.
    pub fn has_preferences(&self) -> bool {
        self.inner.preferences.get().is_some_and(|table| !table.is_empty())
    }

    /// What is preferred under this key, if anything.
    pub fn preference(&self, key: &str) -> Option<&str> {
        self.inner.preferences.get()?.get(key).map(String::as_str)
    }
}
