//! The globals that a pickle may name.

use safetensors::Dtype;

/// How a call of a global is interpreted. Nothing is ever called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Global {
    /// `collections.OrderedDict`.
    Dict,
    /// A view of a storage: `torch._utils._rebuild_tensor_v2`.
    Tensor,
    /// Returns its first argument: parameters, sizes, typed lists.
    Identity,
    /// A value that state dicts do not need: devices, types, NumPy's scalars (such as a logged loss).
    Ignored,
    /// A storage class, by the type of its elements.
    Storage(Dtype),
    /// A class defined in a TorchScript archive: a set of attributes.
    Module,
}

/// The interpretation of `module.name`; `None` for everything that is refused.
pub fn lookup(module: &str, name: &str) -> Option<Global> {
    if module == "__torch__" || module.starts_with("__torch__.") {
        return Some(Global::Module);
    }
    Some(match (module, name) {
        ("collections", "OrderedDict") => Global::Dict,
        ("torch._utils", "_rebuild_tensor_v2") => Global::Tensor,
        ("torch._utils", "_rebuild_parameter") | ("torch", "Size") => Global::Identity,
        (
            "torch.jit._pickle",
            "build_intlist" | "build_doublelist" | "build_boollist" | "build_tensorlist" | "restore_type_tag",
        ) => Global::Identity,
        ("torch", "device") => Global::Ignored,
        ("torch", "float16" | "bfloat16" | "float32" | "float64" | "int64" | "int32" | "uint8" | "bool") => {
            Global::Ignored
        }
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Global::Ignored,
        ("numpy", "dtype") | ("_codecs", "encode") => Global::Ignored,
        ("torch", storage) => Global::Storage(element(storage.strip_suffix("Storage")?)?),
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
