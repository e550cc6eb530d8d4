//! Slots for what layers above compute about a device and keep as long as it is open.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One value of each type.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Cache {
    pub(super) fn get<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(TypeId::of::<T>()).or_insert_with(|| Arc::<T>::default());
        // The key is the value's type, so this cannot fail.
        Arc::clone(slot).downcast().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_type_has_one_value() {
        let cache = Cache::default();
        cache.get::<AtomicU32>().store(7, Ordering::Relaxed);
        assert_eq!(cache.get::<AtomicU32>().load(Ordering::Relaxed), 7);
        assert!(cache.get::<Mutex<bool>>().lock().is_ok_and(|value| !*value));
    }
}
