//! Writes checkpoints in the form of `torch.save`, for tests that need one which no repository could hold.

use serde_json::Value as Json;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// A pickle under construction, protocol 2.
#[derive(Default)]
pub(crate) struct Pickle {
    bytes: Vec<u8>,
    storages: usize,
}

impl Pickle {
    pub(crate) fn new() -> Self {
        Self { bytes: b"\x80\x02".to_vec(), storages: 0 }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.put(b"X");
        self.put(&(text.len() as u32).to_le_bytes());
        self.put(text.as_bytes());
    }

    fn int(&mut self, value: i64) {
        // LONG1 of eight bytes takes any.
        self.put(b"\x8a\x08");
        self.put(&value.to_le_bytes());
    }

    fn class(&mut self, module: &str, name: &str) {
        self.put(format!("c{module}\n{name}\n").as_bytes());
    }

    /// A dictionary of entries that the closure writes, name by name.
    pub(crate) fn dict(&mut self, names: &[&str], mut entry: impl FnMut(&mut Self, &str)) {
        self.put(b"}(");
        for name in names {
            self.text(name);
            entry(self, name);
        }
        self.put(b"u");
    }

    /// An object without arguments whose attributes the closure writes as one dictionary.
    pub(crate) fn object(&mut self, module: &str, name: &str, attributes: impl FnOnce(&mut Self)) {
        self.class(module, name);
        self.put(b")\x81");
        attributes(self);
        self.put(b"b");
    }

    pub(crate) fn json(&mut self, value: &Json) {
        match value {
            Json::Null => self.put(b"N"),
            Json::Bool(true) => self.put(b"\x88"),
            Json::Bool(false) => self.put(b"\x89"),
            Json::Number(number) => match number.as_i64() {
                Some(value) => self.int(value),
                None => {
                    self.put(b"G");
                    self.put(&number.as_f64().unwrap().to_be_bytes());
                }
            },
            Json::String(text) => self.text(text),
            Json::Array(items) => {
                self.put(b"](");
                items.iter().for_each(|item| self.json(item));
                self.put(b"e");
            }
            Json::Object(entries) => {
                let names = entries.keys().map(String::as_str).collect::<Vec<_>>();
                self.dict(&names, |pickle, name| pickle.json(&entries[name]));
            }
        }
    }

    /// A tensor of `f32` in a storage of its own, the next one.
    pub(crate) fn tensor(&mut self, shape: &[usize]) {
        self.class("torch._utils", "_rebuild_tensor_v2");
        self.put(b"((");
        self.text("storage");
        self.class("torch", "FloatStorage");
        self.text(&self.storages.to_string());
        self.text("cpu");
        self.int(shape.iter().product::<usize>() as i64);
        self.put(b"tQ");
        self.int(0);
        let stride = |k: usize| shape[k + 1..].iter().product::<usize>() as i64;
        for numbers in [shape.iter().map(|n| *n as i64).collect::<Vec<_>>(), (0..shape.len()).map(stride).collect()] {
            self.put(b"(");
            numbers.into_iter().for_each(|number| self.int(number));
            self.put(b"t");
        }
        self.put(b"\x89");
        self.class("collections", "OrderedDict");
        self.put(b")RtR");
        self.storages += 1;
    }
}

/// Writes the archive; `storages`: the numbers of the tensors in the order in which the pickle has them.
pub(crate) fn write(path: &Path, pickle: Pickle, storages: impl Iterator<Item = Vec<f32>>) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored).with_alignment(64).large_file(true);
    zip.start_file("archive/data.pkl", options).unwrap();
    zip.write_all(&pickle.bytes).unwrap();
    zip.write_all(b".").unwrap();
    for (index, numbers) in storages.enumerate() {
        zip.start_file(format!("archive/data/{index}"), options).unwrap();
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap();
}
