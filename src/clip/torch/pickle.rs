//! A reader for the pickles that hold state dicts.
//!
//! A pickle is a program for a stack machine (Python's `pickletools` documents it). Values lie in one list and
//! refer to each other by number, so that neither circles nor a million nested lists can hurt: nothing here
//! recurses. Text stays in the file. All limits are far above any real file.

use safetensors::Dtype;

use super::error::Problem;
use super::machine::Machine;
use super::names::Known;

/// Most operations in one pickle.
const MAX_STEPS: usize = 1 << 22;

/// The number of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(pub(super) u32);

/// Elements of one type, stored elsewhere in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage<'a> {
    /// Type of the elements.
    pub dtype: Dtype,
    /// Its name in the file.
    pub key: &'a str,
}

/// A view of a storage; strides and offset in elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor<'a> {
    /// Where the elements are.
    pub storage: Storage<'a>,
    /// Index of the first element.
    pub offset: usize,
    /// Extent of each dimension.
    pub shape: Vec<usize>,
    /// Distance between neighbours along each dimension.
    pub strides: Vec<usize>,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `None`, and everything that is of no interest.
    Inert,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Text(&'a str),
    /// Bytes, or a whole number of more than 64 bits as it is stored.
    Bytes(&'a [u8]),
    /// A list, a tuple or a set.
    List(Vec<Id>),
    /// A dict, its keys in the order of writing; the last of equal keys counts.
    Dict(Vec<(Id, Id)>),
    /// A name.
    Name(Known),
    /// A storage.
    Storage(Storage<'a>),
    /// A tensor.
    Tensor(Box<Tensor<'a>>),
    /// A module of a TorchScript archive, with the dict of its attributes once they are set.
    Module(Option<Id>),
}

/// All values of one pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    pub(super) values: Vec<Value<'a>>,
    pub(super) root: Id,
    /// Length in bytes, to the end of the last operation.
    pub length: usize,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle at the start of `bytes`; more may follow it.
    ///
    /// # Errors
    /// A name that is not known, an operation that state dicts do not need, a pickle that contradicts itself, is
    /// cut short or exceeds the limits.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Problem> {
        let mut machine = Machine::new(bytes);
        for _ in 0..MAX_STEPS {
            if machine.step()? {
                return machine.finish();
            }
        }
        Err(Problem::Unsupported(format!("its pickle has more than {MAX_STEPS} operations")))
    }

    /// The value that the pickle stands for.
    pub fn root(&self) -> Id {
        self.root
    }

    /// The value of a number that this pickle gave out.
    pub fn get(&self, id: Id) -> &Value<'a> {
        self.values.get(id.0 as usize).unwrap_or(&Value::Inert)
    }

    /// Keys that are text, and values, of a dict or of a module's attributes; nothing for other values.
    pub fn entries(&self, id: Id) -> impl Iterator<Item = (&'a str, Id)> {
        let dict = match self.get(id) {
            Value::Module(Some(state)) => *state,
            _ => id,
        };
        let pairs: &[(Id, Id)] = if let Value::Dict(pairs) = self.get(dict) { pairs } else { &[] };
        pairs.iter().filter_map(|&(key, value)| match self.get(key) {
            Value::Text(key) => Some((*key, value)),
            _ => None,
        })
    }

    /// The value under `key`.
    pub fn entry(&self, id: Id, key: &str) -> Option<Id> {
        self.entries(id).filter(|(name, _)| *name == key).last().map(|(_, value)| value)
    }
}
