//! The values of a pickle.

use safetensors::Dtype;

use super::names::Global;

/// Index of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(pub(super) u32);

/// Elements of one type, stored elsewhere in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage<'a> {
    /// Type of the elements.
    pub dtype: Dtype,
    /// Its key in the file.
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
    /// `None`, and everything that state dicts do not need.
    Ignored,
    /// `True` or `False`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Text(&'a str),
    /// Bytes, or an integer of more than 64 bits as stored.
    Bytes(&'a [u8]),
    /// A list, a tuple or a set.
    List(Vec<Id>),
    /// A dict in insertion order; the last of equal keys counts.
    Dict(Vec<(Id, Id)>),
    /// A global: a function or class.
    Global(Global),
    /// A storage.
    Storage(Storage<'a>),
    /// A tensor.
    Tensor(Box<Tensor<'a>>),
    /// A module of a TorchScript archive, with the dict of its attributes once they are set.
    Module(Option<Id>),
}

/// Bytes of an element; every type that [`names`](super::names) knows has whole bytes.
pub(super) fn element_size(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}
