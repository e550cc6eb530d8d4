//! A table of labelled images.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Sample, SampleError, defect, folder_name};
use crate::data::error::ImageError;

/// The table of a data set that is named by its folder or by the table itself.
pub(super) fn table(root: &Path) -> PathBuf {
    let is_table = root.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) && root.is_file();
    if is_table { root.into() } else { root.join("images.csv") }
}

/// Where the columns stand.
struct Columns {
    image: usize,
    mask: usize,
    defect: usize,
    product: Option<usize>,
}

impl Columns {
    fn find(table: &Path, header: &csv::StringRecord) -> Result<Self, SampleError> {
        let find = |name: &str| header.iter().position(|field| field.trim().eq_ignore_ascii_case(name));
        let need = |column: &'static str| {
            find(column).ok_or_else(|| SampleError::NoColumn { table: table.into(), column })
        };
        Ok(Self {
            image: need("image")?,
            mask: need("mask")?,
            defect: need("defect")?,
            product: find("product"),
        })
    }
}

/// All images of the table.
pub(super) fn read(table: &Path) -> Result<Vec<Sample>, SampleError> {
    let broken = |source: csv::Error| SampleError::Table { table: table.into(), source };
    let file = File::open(table).map_err(|e| ImageError::from_io(table, e))?;
    let mut reader = csv::Reader::from_reader(file);
    let columns = Columns::find(table, reader.headers().map_err(broken)?)?;
    let folder = table.parent().unwrap_or(Path::new(""));
    let product = folder_name(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });

    let mut samples = Vec::new();
    let mut first_lines: HashMap<PathBuf, u64> = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, csv::Position::line);
        let wrong = |problem: String| SampleError::Line { table: table.into(), line, problem };
        let field = |column: usize| record.get(column).unwrap_or_default();
        let file = |name: &str, column: &str| {
            let path = folder.join(name);
            if path.is_file() {
                return Ok(path);
            }
            Err(wrong(format!(
                "{column} {name:?} is not there; paths are relative to the folder of the table"
            )))
        };
        if field(columns.image).is_empty() {
            return Err(wrong("the field image is empty; name a file or remove the line".into()));
        }
        let image = file(field(columns.image), "image")?;
        if let Some(first) = first_lines.insert(place(&image), line) {
            return Err(wrong(format!(
                "image {:?} is already in line {first}; remove one of the lines",
                field(columns.image)
            )));
        }
        let defect = defect(field(columns.defect));
        let mask = match (field(columns.mask), &defect) {
            ("", Some(defect)) => {
                let what = "name its mask in the column mask, or leave the defect empty for a good image";
                return Err(wrong(format!("the image shows '{defect}' but has no mask; {what}")));
            }
            ("", None) => None,
            (name, _) => Some(file(name, "mask")?),
        };
        let named = columns.product.map(|column| field(column).trim()).filter(|name| !name.is_empty());
        samples.push(Sample { image, mask, product: named.unwrap_or(&product).to_owned(), defect });
    }
    Ok(samples)
}

/// One path for one name of a file, however it is spelt. The last part is not followed: links of two names to the
/// same contents are how some data stores keep two equal images.
fn place(image: &Path) -> PathBuf {
    let folder = image.parent().and_then(|folder| folder.canonicalize().ok()).unwrap_or_default();
    folder.join(image.file_name().unwrap_or_default())
}
