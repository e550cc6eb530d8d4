//! The names that a pickle may mention.

use safetensors::Dtype;

/// What a name stands for. Nothing is ever called; these are the meanings that are given to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// `collections.OrderedDict`.
    Dict,
    /// A view of a storage: `torch._utils._rebuild_tensor_v2`.
    Tensor,
    /// Its first argument is the result: parameters, sizes, typed lists.
    First,
    /// A value that is of no interest here: devices, types, NumPy's scalars (such as a loss that was noted down).
    Inert,
    /// A class of storages, by the type of their elements.
    Storage(Dtype),
    /// A class that is defined inside a TorchScript archive: a bag of attributes.
    Module,
}

/// What `module.name` stands for; `None` for everything that is refused.
pub fn known(module: &str, name: &str) -> Option<Known> {
    if module == "__torch__" || module.starts_with("__torch__.") {
        return Some(Known::Module);
    }
    Some(match (module, name) {
        ("collections", "OrderedDict") => Known::Dict,
        ("torch._utils", "_rebuild_tensor_v2") => Known::Tensor,
        ("torch._utils", "_rebuild_parameter") | ("torch", "Size") => Known::First,
        (
            "torch.jit._pickle",
            "build_intlist" | "build_doublelist" | "build_boollist" | "build_tensorlist" | "restore_type_tag",
        ) => Known::First,
        ("torch", "device") => Known::Inert,
        ("torch", "float16" | "bfloat16" | "float32" | "float64" | "int64" | "int32" | "uint8" | "bool") => {
            Known::Inert
        }
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Known::Inert,
        ("numpy", "dtype") | ("_codecs", "encode") => Known::Inert,
        ("torch", storage) => Known::Storage(element(storage.strip_suffix("Storage")?)?),
        _ => return None,
    })
}

/// The type of the elements of torch's `…Storage` classes.
fn element(name: &str) -> Option<Dtype> {
    Some(match name {
        "Float" => Dtype::F32,
        "Half" => Dtype::F16,
        "BFloat16" => Dtype::BF16,
        "Double" => Dtype::F64,
        "Long" => Dtype::I64,
        "Int" => Dtype::I32,
        "Short" => Dtype::I16,
        "Char" => Dtype::I8,
        "Byte" => Dtype::U8,
        "Bool" => Dtype::BOOL,
        _ => return None,
    })
}
