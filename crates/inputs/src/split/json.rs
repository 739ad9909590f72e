//! The structures of a JSON file: one, a list of them, or several one after the other; of JSON lines, one a line.

use super::piece::Piece;
use crate::names::ID_NAMES;
use std::io::{self, BufRead};

/// Names and ids of which no more is kept.
const KEPT: usize = 200;

/// Where in the file the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before everything.
    Start,
    /// Outside of lists: a structure may follow.
    Outside,
    /// Behind `[`: a structure or the end of the list.
    Opened,
    /// Behind a structure of a list: a comma or the end of the list.
    Behind,
    /// Behind a comma: a structure.
    Comma,
    /// Behind the list: nothing may follow.
    Closed,
}

/// Gives every structure, in order. What is none where one must stand is one last piece to the end of the file, whose
/// reader says what is wrong; so is the nothing where the end of a list is missing. A line of JSON lines is always a piece.
pub(super) struct JsonObjects<R> {
    reader: R,
    byte_offset: u64,
    line: u32,
    place: Place,
    is_lines: bool,
    is_over: bool,
}

impl<R: BufRead> JsonObjects<R> {
    pub(super) fn new(reader: R, is_lines: bool) -> Self {
        Self { reader, byte_offset: 0, line: 1, place: Place::Start, is_lines, is_over: false }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Piece>> {
        if self.is_over {
            return Ok(None);
        }
        loop {
            let Some(byte) = self.skip_blanks()? else {
                self.is_over = true;
                let is_open = matches!(self.place, Place::Opened | Place::Behind | Place::Comma);
                return if is_open { self.piece().map(Some) } else { Ok(None) };
            };
            self.place = match (self.place, byte) {
                (Place::Start, b'[') if !self.is_lines => Place::Opened,
                (Place::Start, _) => {
                    self.place = Place::Outside;
                    continue;
                }
                (Place::Opened | Place::Behind, b']') => Place::Closed,
                (Place::Behind, b',') => Place::Comma,
                (Place::Opened | Place::Comma, b'{') => {
                    self.place = Place::Behind;
                    return self.piece().map(Some);
                }
                (Place::Outside, byte) if self.is_lines || byte == b'{' => return self.piece().map(Some),
                _ => {
                    self.is_over = true;
                    return self.piece().map(Some);
                }
            };
            self.consume(1);
        }
    }

    /// The first byte that is no blank; it stays where it is.
    fn skip_blanks(&mut self) -> io::Result<Option<u8>> {
        loop {
            let chunk = self.reader.fill_buf()?;
            let Some(byte) = chunk.first().copied() else { return Ok(None) };
            // The byte order mark, byte by byte.
            let is_mark = self.byte_offset < 3 && [0xef, 0xbb, 0xbf].get(self.byte_offset as usize) == Some(&byte);
            if !byte.is_ascii_whitespace() && !is_mark {
                return Ok(Some(byte));
            }
            self.consume(1);
            self.line = self.line.saturating_add(u32::from(byte == b'\n'));
        }
    }

    fn consume(&mut self, n: usize) {
        self.reader.consume(n);
        self.byte_offset += n as u64;
    }

    /// Reads from here to the end of the object, line or (when it is over) file.
    fn piece(&mut self) -> io::Result<Piece> {
        let (byte_offset, first_line) = (self.byte_offset, self.line);
        let mut sum = crc32fast::Hasher::new();
        let mut object = Object::default();
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                // What is cut short is its own last piece.
                self.is_over = true;
                break;
            }
            let end = match self.is_lines {
                _ if self.is_over => None,
                true => chunk.iter().position(|byte| *byte == b'\n'),
                false => object.read(chunk),
            };
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if self.is_lines {
                object.read(part);
            }
            let n_lines = part.iter().filter(|byte| **byte == b'\n').count();
            self.line = self.line.saturating_add(u32::try_from(n_lines).unwrap_or(u32::MAX));
            let used = part.len();
            sum.update(part);
            self.consume(used);
            if end.is_some() {
                break;
            }
        }
        let Object { id, is_structure, .. } = object;
        let length = self.byte_offset - byte_offset;
        Ok(Piece { byte_offset, length, first_line, crc32: sum.finalize(), code: id, is_structure })
    }
}

/// An object that is read byte by byte, and what its outermost names say.
#[derive(Default)]
struct Object {
    depth: u32,
    in_text: bool,
    is_escaped: bool,
    /// The next text of the outermost level is a name.
    is_name: bool,
    name: Vec<u8>,
    text: Vec<u8>,
    /// The value of a name that tells an id.
    id: String,
    /// There is a name that a structure has.
    is_structure: bool,
}

impl Object {
    /// Where the object ends.
    fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            if self.in_text {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => {
                        self.in_text = false;
                        self.end_text();
                        continue;
                    }
                    _ => {}
                }
                if self.depth == 1 && self.text.len() < KEPT {
                    self.text.push(*byte);
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    self.is_name = self.depth == 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(index + 1);
                    }
                }
                b',' if self.depth == 1 => self.is_name = true,
                b':' if self.depth == 1 => self.is_name = false,
                _ => {}
            }
        }
        None
    }

    fn end_text(&mut self) {
        if self.depth != 1 {
            return;
        }
        if self.is_name {
            self.is_structure |= [&b"lattice"[..], b"sites", b"structure", b"cif"].contains(&self.text.as_slice());
            std::mem::swap(&mut self.name, &mut self.text);
        } else if self.name == b"@module" {
            // Comes first, and may be all that there is of a file that was cut short.
            self.is_structure |= self.text == b"pymatgen.core.structure";
        } else if ID_NAMES.iter().any(|name| name.as_bytes() == self.name) && !self.text.contains(&b'\\') {
            self.id = String::from_utf8_lossy(&self.text).into_owned();
        }
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    /// Id, text and line of each piece, whatever the buffer.
    fn objects(text: &str, is_lines: bool) -> Vec<(String, String, u32)> {
        let read = |capacity| {
            let mut objects = JsonObjects::new(BufReader::with_capacity(capacity, text.as_bytes()), is_lines);
            let mut found = Vec::new();
            while let Some(piece) = objects.next().unwrap() {
                let range = piece.byte_offset as usize..(piece.byte_offset + piece.length) as usize;
                found.push((piece.code, text[range].to_owned(), piece.first_line));
            }
            found
        };
        let found = read(1 << 16);
        for capacity in [1, 2, 3, 7] {
            assert_eq!(read(capacity), found);
        }
        found
    }

    fn texts(text: &str) -> Vec<String> {
        objects(text, false).into_iter().map(|(_, text, _)| text).collect()
    }

    #[test]
    fn objects_stand_alone_in_a_list_or_one_after_the_other() {
        let (a, b) = (r#"{"lattice": {"matrix": [1, {}]}, "x": "]}\\\"{"}"#, "{\n}");
        assert_eq!(objects(&format!(" {a}\n"), false), [(String::new(), a.to_owned(), 1)]);
        for text in [format!("\u{feff}[\n{a},\n{b}\n]\n"), format!("\u{feff}\n{a}\n{b}")] {
            assert_eq!(objects(&text, false), [(String::new(), a.to_owned(), 2), (String::new(), b.to_owned(), 3)]);
        }
        assert_eq!(texts(""), [""; 0]);
        assert_eq!(texts("[ ]"), [""; 0]);
    }

    #[test]
    fn what_is_no_list_of_objects_is_one_last_piece() {
        assert_eq!(texts("[{} {}]"), ["{}", "{}]"]);
        assert_eq!(texts("[{}, 1, {}]"), ["{}", "1, {}]"]);
        assert_eq!(texts("[{}] {}"), ["{}", "{}"]);
        assert_eq!(texts("[{}, ]"), ["{}", "]"]);
        assert_eq!(texts("7 {}"), ["7 {}"]);
        // A list that was cut between two structures.
        assert_eq!(texts("[{}"), ["{}", ""]);
        assert_eq!(texts("[{}, "), ["{}", ""]);
        assert_eq!(texts("[{}, {\"a\": \"}"), ["{}", "{\"a\": \"}"]);
    }

    #[test]
    fn every_line_of_json_lines_is_a_piece_and_a_broken_one_takes_no_other_with_it() {
        let found = objects("{\"id\": \"a\"}\n\n{\"id\": \"b\r\n{}\r\n[1]", true);
        let expected = [("a", "{\"id\": \"a\"}", 1), ("", "{\"id\": \"b\r", 3), ("", "{}\r", 4), ("", "[1]", 5)];
        assert_eq!(found, expected.map(|(id, text, line)| (id.to_owned(), text.to_owned(), line)));
    }

    #[test]
    fn ids_are_values_of_outermost_names() {
        let id = |text: &str| objects(text, false)[0].0.clone();
        assert_eq!(id(r#"{"x": {"id": "in"}, "material_id": "mp-149", "y": "id", "z": 1}"#), "mp-149");
        for text in [r#"{"id": 7}"#, r#"{"x": ["id"], "y": "n"}"#, r#"{"id": "a\"b"}"#, r#"{"x": {"id": "in"}}"#] {
            assert_eq!(id(text), "", "{text}");
        }
    }

    fn is_structure(text: &str) -> bool {
        JsonObjects::new(text.as_bytes(), false).next().unwrap().is_some_and(|piece| piece.is_structure)
    }

    #[test]
    fn structures_are_told_from_other_json_by_their_names_also_when_cut_short() {
        for text in
            [r#"{"sites": []}"#, r#"[{"a": 1, "structure": {}}]"#, r#"{"@module": "pymatgen.core.structure", "@cl"#]
        {
            assert!(is_structure(text), "{text}");
        }
        for text in [r#"{"a": "lattice", "b": {"sites": 1}}"#, "[1]", "", r#"{"@module": "pymatgen.core.composition"}"#]
        {
            assert!(!is_structure(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn pieces_of_any_list_are_its_elements(names in proptest::collection::vec(".*", 0..6)) {
            let element = |name: &String| serde_json::json!({ name.as_str(): [name, {"deep": name}] });
            let elements: Vec<_> = names.iter().map(element).collect();
            let back = |text: &str| -> Vec<serde_json::Value> {
                texts(text).iter().map(|text| serde_json::from_str(text).unwrap()).collect()
            };
            prop_assert_eq!(&back(&serde_json::to_string(&elements).unwrap()), &elements);
            prop_assert_eq!(&back(&serde_json::to_string_pretty(&elements).unwrap()), &elements);
        }

        #[test]
        fn any_bytes_come_to_an_end(bytes: Vec<u8>, is_lines: bool) {
            let mut objects = JsonObjects::new(bytes.as_slice(), is_lines);
            let mut end = 0;
            while let Some(piece) = objects.next().unwrap() {
                prop_assert!(piece.byte_offset >= end);
                end = piece.byte_offset + piece.length;
            }
            prop_assert!(end <= bytes.len() as u64);
        }
    }
}
