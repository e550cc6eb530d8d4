//! A reader for the pickles that hold state dicts.
//!
//! A pickle is a program for a stack machine (Python's `pickletools` documents it). Values are stored in one list and
//! refer to each other by index, so that neither cycles nor deep nesting can overflow the stack: nothing here
//! recurses. Strings are borrowed from the file. All limits are far above any real file.

use std::collections::HashMap;

use super::error::Problem;
use super::machine::Machine;
use super::value::{Id, Value, element_size};

/// Most operations in one pickle.
const MAX_STEPS: usize = 1 << 22;

/// All values of one pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Id,
    /// Length in bytes, to the end of the last operation.
    pub length: usize,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle at the start of `bytes`; more may follow it.
    ///
    /// # Errors
    /// An unknown global, an operation that state dicts do not need, a malformed or truncated pickle, or one beyond the
    /// limits.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Problem> {
        let mut machine = Machine::new(bytes);
        for _ in 0..MAX_STEPS {
            if machine.step()? {
                let (values, root, length) = machine.finish()?;
                return Ok(Self { values, root, length });
            }
        }
        Err(Problem::Unsupported(format!("its pickle has more than {MAX_STEPS} operations")))
    }

    /// The unpickled value.
    pub fn root(&self) -> Id {
        self.root
    }

    /// The value at an index from this pickle.
    pub fn get(&self, id: Id) -> &Value<'a> {
        self.values.get(id.0 as usize).unwrap_or(&Value::Ignored)
    }

    /// Keys and values of a dict or of a module's attributes; empty for other values.
    fn pairs(&self, id: Id) -> &[(Id, Id)] {
        let dict = match self.get(id) {
            Value::Module(Some(state)) => *state,
            _ => id,
        };
        if let Value::Dict(pairs) = self.get(dict) { pairs } else { &[] }
    }

    /// Entries of a dict or of a module's attributes, those whose keys are not strings among them.
    pub(super) fn entry_count(&self, id: Id) -> usize {
        self.pairs(id).len()
    }

    /// String keys and values of a dict or of a module's attributes; empty for other values.
    pub fn entries(&self, id: Id) -> impl Iterator<Item = (&'a str, Id)> {
        self.pairs(id).iter().filter_map(|&(key, value)| match self.get(key) {
            Value::Text(key) => Some((*key, value)),
            _ => None,
        })
    }

    /// The value under `key`.
    pub fn entry(&self, id: Id, key: &str) -> Option<Id> {
        self.entries(id).filter(|(name, _)| *name == key).last().map(|(_, value)| value)
    }

    /// Bytes of an element of every storage.
    pub(super) fn element_sizes(&self) -> HashMap<&'a str, usize> {
        let storage = |value: &Value<'a>| match value {
            Value::Storage(storage) => Some((storage.key, element_size(storage.dtype))),
            _ => None,
        };
        self.values.iter().filter_map(storage).collect()
    }
}
