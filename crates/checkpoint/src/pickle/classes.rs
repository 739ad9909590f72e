//! Names that a pickle may mention.

/// Names that are data in themselves, allowed in every checkpoint.
pub const PLAIN_CLASSES: &[&str] = &[
    "collections.OrderedDict",
    "collections.defaultdict",
    "builtins.set",
    "builtins.frozenset",
    "builtins.dict",
    "builtins.list",
    "builtins.tuple",
    "builtins.int",
    "builtins.long",
    "builtins.float",
    "builtins.bool",
    "builtins.str",
    "builtins.bytes",
    "builtins.bytearray",
    "builtins.complex",
    "builtins.slice",
    "_codecs.encode",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch.Size",
    "torch.device",
    "torch.FloatStorage",
    "torch.DoubleStorage",
    "torch.HalfStorage",
    "torch.BFloat16Storage",
    "torch.LongStorage",
    "torch.IntStorage",
    "torch.ShortStorage",
    "torch.CharStorage",
    "torch.ByteStorage",
    "torch.BoolStorage",
    "torch.float16",
    "torch.bfloat16",
    "torch.float32",
    "torch.float64",
    "torch.int8",
    "torch.int16",
    "torch.int32",
    "torch.int64",
    "torch.uint8",
    "torch.bool",
];

/// `module.name`, with the module's name of today.
pub(super) fn full_name(module: &str, name: &str) -> String {
    let module = if module == "__builtin__" { "builtins" } else { module };
    format!("{module}.{name}")
}

/// Whether a name may be mentioned. An allowed name that ends in `.*` stands for all in that module and below.
pub(super) fn is_allowed(name: &str, allowed: &[&str]) -> bool {
    let matches = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(prefix) => prefix.ends_with('.') && name.starts_with(prefix),
        None => *pattern == name,
    };
    PLAIN_CLASSES.contains(&name) || allowed.iter().any(matches)
}
