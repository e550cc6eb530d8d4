//! The operations that make values of other values: storages, calls of known globals, attributes.

use super::{Machine, damaged};
use crate::clip::torch::error::Problem;
use crate::clip::torch::names::Global;
use crate::clip::torch::value::{Id, Storage, Tensor, Value};

/// Most dimensions of a tensor.
const MAX_RANK: usize = 16;

impl<'a> Machine<'a> {
    /// `('storage', class, key, device, elements)` as a storage.
    pub(super) fn storage(&mut self) -> Result<(), Problem> {
        let id = self.pop()?;
        let Value::List(parts) = self.value(id) else {
            return Err(damaged("its pickle refers to a storage by something other than a tuple"));
        };
        let values: Vec<&Value> = parts.iter().take(3).map(|&id| self.value(id)).collect();
        let [Value::Text("storage"), Value::Global(Global::Storage(dtype)), Value::Text(key)] = values[..]
        else {
            return Err(damaged("its pickle refers to a storage in an unknown way"));
        };
        let storage = Storage { dtype: *dtype, key };
        self.push(Value::Storage(storage))
    }

    /// Pushes the result of calling a known global.
    pub(super) fn call(&mut self) -> Result<(), Problem> {
        let items = self.pop_n(2)?;
        let Value::Global(name) = *self.value(items[0]) else {
            return Err(damaged("its pickle calls something other than a global"));
        };
        let Value::List(arguments) = self.value(items[1]) else {
            return Err(damaged("its pickle calls without a tuple of arguments"));
        };
        let first = arguments.first().copied();
        match name {
            Global::Ignored => self.push(Value::Ignored),
            Global::Module => self.push(Value::Module(None)),
            Global::Identity => {
                self.stack.push(first.ok_or_else(|| damaged("its pickle calls without arguments"))?);
                Ok(())
            }
            Global::Dict => {
                let dict = first.map_or(Ok(vec![]), |list| self.dict_of(list))?;
                self.push(Value::Dict(dict))
            }
            Global::Tensor => {
                let tensor = self.tensor(arguments)?;
                self.push(Value::Tensor(Box::new(tensor)))
            }
            Global::Storage(_) => {
                Err(Problem::Unsupported("its pickle holds a storage without a tensor".into()))
            }
        }
    }

    /// A dict from a list of pairs.
    fn dict_of(&mut self, list: Id) -> Result<Vec<(Id, Id)>, Problem> {
        let bad = || damaged("its pickle makes a dict of something other than pairs");
        if let Value::List(items) = self.value(list) {
            self.hold(items.len())?;
        }
        let Value::List(items) = self.value(list) else { return Err(bad()) };
        let pair = |&item: &Id| match self.value(item) {
            Value::List(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
            _ => Err(bad()),
        };
        items.iter().map(pair).collect()
    }

    /// The tensor of `(storage, offset, shape, strides, …)`.
    fn tensor(&self, arguments: &[Id]) -> Result<Tensor<'a>, Problem> {
        let bad = |what: &str| damaged(format!("its pickle has a tensor whose {what}"));
        let [storage, offset, shape, strides, ..] = arguments else {
            return Err(bad("description is incomplete"));
        };
        let Value::Storage(storage) = self.value(*storage) else { return Err(bad("storage is missing")) };
        let size = |id: Id| match self.value(id) {
            Value::Int(n) => usize::try_from(*n).ok(),
            _ => None,
        };
        let sizes = |id: Id, what: &str| match self.value(id) {
            Value::List(list) if list.len() <= MAX_RANK => {
                list.iter().map(|&id| size(id)).collect::<Option<Vec<usize>>>().ok_or_else(|| bad(what))
            }
            _ => Err(bad(what)),
        };
        let offset = size(*offset).ok_or_else(|| bad("offset is not a size"))?;
        let (shape, strides) = (sizes(*shape, "shape is invalid")?, sizes(*strides, "strides are invalid")?);
        if shape.len() != strides.len() {
            return Err(bad("shape and strides differ in length"));
        }
        Ok(Tensor { storage: *storage, offset, shape, strides })
    }

    /// Sets the attributes of a module. The state of dicts and parameters is ignored.
    pub(super) fn build(&mut self) -> Result<(), Problem> {
        let state = self.pop()?;
        let top = self.top()?;
        match &mut self.values[top.0 as usize] {
            Value::Module(attributes) => *attributes = Some(state),
            Value::Dict(_) | Value::Tensor(_) | Value::Ignored => {}
            _ => return Err(damaged("its pickle sets the state of something that has none")),
        }
        Ok(())
    }
}
