//! Just enough of safetensors to compare with: an independent reader.

use serde_json::Value;
use std::fs;
use std::path::Path;

/// A whole file in memory.
pub(crate) struct Safetensors {
    header: serde_json::Map<String, Value>,
    data: Vec<u8>,
}

impl Safetensors {
    /// Length of the header (u64), header (JSON), numbers.
    pub(crate) fn open(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        Self { header: serde_json::from_slice(&bytes[8..8 + length]).unwrap(), data: bytes[8 + length..].to_vec() }
    }

    /// Number of tensors.
    pub(crate) fn len(&self) -> usize {
        self.header.keys().filter(|name| *name != "__metadata__").count()
    }

    /// A text of the metadata.
    pub(crate) fn metadata(&self, name: &str) -> String {
        self.header["__metadata__"][name].as_str().unwrap().to_owned()
    }

    /// Shape, and the bits of the numbers (integers sign-extended).
    pub(crate) fn get(&self, name: &str) -> Option<(Vec<usize>, Vec<u64>)> {
        let entry = self.header.get(name)?;
        let number = |value: &Value| value.as_u64().unwrap() as usize;
        let shape = entry["shape"].as_array().unwrap().iter().map(number).collect();
        let bytes = &self.data[number(&entry["data_offsets"][0])..number(&entry["data_offsets"][1])];
        let bits = match entry["dtype"].as_str().unwrap() {
            "F32" => bytes.chunks(4).map(|b| u64::from(u32::from_le_bytes(b.try_into().unwrap()))).collect(),
            "F64" | "I64" => bytes.chunks(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect(),
            "I32" => bytes.chunks(4).map(|b| i64::from(i32::from_le_bytes(b.try_into().unwrap())) as u64).collect(),
            "BOOL" | "U8" => bytes.iter().map(|b| u64::from(*b)).collect(),
            other => panic!("{other}"),
        };
        Some((shape, bits))
    }
}
