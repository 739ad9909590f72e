//! CSV and TSV tables with a column of CIF texts or pymatgen's JSON.

use crate::locator::Columns;
use crate::names::ID_NAMES;
use crate::{InputError, Locator};
use std::path::Path;

const CIF_COLUMNS: [&str; 4] = ["cif", "structure", "LeMatStructs", "cif_string"];

/// Whether a table is separated by tabs.
pub(crate) fn is_tsv(path: &Path) -> bool {
    path.extension().is_some_and(|text| text.eq_ignore_ascii_case("tsv"))
}

/// The id and place of every row, in the order of the table, of which a relative path starts from `folder`. An empty id is replaced by the number of the row.
pub(crate) fn read_table(
    path: &Path,
    folder: &Path,
    cif_column: Option<&str>,
    id_column: Option<&str>,
    mut visit: impl FnMut(String, Locator) -> Result<(), InputError>,
) -> Result<(), InputError> {
    let parse = |source| InputError::Table { path: path.into(), source };
    let mut builder = csv::ReaderBuilder::new();
    // Rows may differ in length.
    builder.flexible(true).delimiter(if is_tsv(path) { b'\t' } else { b',' });
    let mut table = builder.from_path(folder.join(path)).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => InputError::read(path, error),
        other => InputError::read(path, std::io::Error::other(format!("{other:?}"))),
    })?;
    let header = table.byte_headers().map_err(parse)?;
    let columns: Vec<String> =
        header.iter().map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned()).collect();
    let cif = match find(&columns, cif_column, &CIF_COLUMNS) {
        Some(column) => column,
        None => {
            let wanted = cif_column.map_or_else(|| CIF_COLUMNS.join(", "), str::to_owned);
            return Err(InputError::NoColumn { path: path.into(), wanted, columns });
        }
    };
    let id = find(&columns, id_column, &ID_NAMES);
    if let (Some(wanted), None) = (id_column, id) {
        return Err(InputError::NoColumn { path: path.into(), wanted: wanted.into(), columns });
    }
    let number = |column| u32::try_from(column).unwrap_or(u32::MAX);
    let usual = |name: &str| find(&columns, None, &[name]).filter(|column| *column != cif).map(number);
    let columns = Columns { text: number(cif), charge: usual("charge"), spin: usual("spin") };
    let mut record = csv::ByteRecord::new();
    let mut row = 0;
    while table.read_byte_record(&mut record).map_err(parse)? {
        row += 1;
        let byte_offset = record.position().map_or(0, csv::Position::byte);
        let cell = id.and_then(|id| record.get(id)).unwrap_or_default().trim_ascii();
        let name = if cell.is_empty() { row.to_string() } else { String::from_utf8_lossy(cell).into_owned() };
        visit(name, Locator::CsvCell { path: path.into(), row, byte_offset, columns })?;
    }
    if row == 0 {
        return Err(InputError::NoStructures { path: path.into(), expected: "a row for each structure" });
    }
    Ok(())
}

/// The named column, exactly; without a name the first of the usual ones, in any case.
fn find(columns: &[String], named: Option<&str>, usual: &[&str]) -> Option<usize> {
    match named {
        Some(name) => columns.iter().position(|column| column == name),
        None => usual.iter().find_map(|name| columns.iter().position(|column| column.eq_ignore_ascii_case(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Id and text, or what is wrong with the row.
    type Rows = Vec<(String, Result<String, String>)>;

    fn read(text: &str, cif: Option<&str>, id: Option<&str>) -> Result<Rows, InputError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let mut rows = Vec::new();
        read_table(&path, Path::new(""), cif, id, |id, locator| {
            let text = locator.read(Path::new("")).map(|bytes| String::from_utf8(bytes).unwrap());
            rows.push((id, text.map_err(|failure| failure.message)));
            Ok(())
        })?;
        Ok(rows)
    }

    #[test]
    fn each_cell_is_found_again_by_its_place() {
        let text = "\u{feff}x,Material_ID,CIF\r\n1,mp-1,\"data_a\n_t \"\"q\"\"\n\"\r\n2,,data_b\r\n\r\n3,\"é\nb\",\"\"\r\n4,short";
        let rows = read(text, None, None).unwrap();
        let ids: Vec<_> = rows.iter().map(|row| row.0.as_str()).collect();
        assert_eq!(ids, ["mp-1", "2", "é\nb", "short"]);
        assert_eq!(rows[0].1.as_deref(), Ok("data_a\n_t \"q\"\n"));
        assert_eq!(rows[1].1.as_deref(), Ok("data_b"));
        assert_eq!(rows[2].1.as_deref(), Ok(""));
        assert!(rows[3].1.as_ref().unwrap_err().contains("only 2 cells in row 4"));
    }

    #[test]
    fn columns_can_be_named_and_must_exist() {
        assert_eq!(read("a,b\nx,y\n", Some("b"), Some("a")).unwrap(), [("x".into(), Ok("y".into()))]);
        let error = read("a,b\nx,y\n", None, None).unwrap_err();
        assert!(error.to_string().contains("its columns are: a, b"), "{error}");
        assert!(matches!(read("cif\nx\n", None, Some("no")), Err(InputError::NoColumn { .. })));
        assert!(matches!(read("cif,id\n", None, None), Err(InputError::NoStructures { .. })));
    }
}
