//! A table of labelled images.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::error::SampleError;
use super::mask::Mask;
use super::problem::Problem;
use super::sample::{Listing, Sample, folder_name};
use super::table;
use super::words::GoodWords;

/// The table of a data set that is named by its folder or by the table itself.
pub(super) fn table(root: &Path) -> PathBuf {
    let is_table = root.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) && root.is_file();
    if is_table { root.into() } else { root.join("images.csv") }
}

/// All images of the table.
pub(super) fn read(table: &Path, good: &GoodWords) -> Result<Listing, SampleError> {
    let found = table::read(table, ["image", "mask", "defect"], ["product"])?;
    let folder = found.path.parent().unwrap_or(Path::new(""));
    let product = folder_name(folder);

    let mut listing = Listing { list: Some(table.into()), ..Listing::default() };
    let mut first_lines: HashMap<PathBuf, u64> = HashMap::new();
    for row in &found.rows {
        let line = row.line;
        let wrong = |problem: String| SampleError::Line { table: table.into(), line, problem };
        let missing = |what, file: &str| Problem::MissingFile {
            list: table.into(),
            place: format!("line {line}"),
            what,
            file: file.into(),
        };
        if row.get(0).is_empty() {
            return Err(wrong("the field image is empty; name a file or remove the line".into()));
        }
        let image = folder.join(row.get(0));
        if !image.is_file() {
            listing.problems.push(missing("image", row.get(0)));
            continue;
        }
        if let Some(first) = first_lines.insert(place(&image), line) {
            return Err(wrong(format!(
                "image {:?} is already in line {first}; remove one of the lines",
                row.get(0)
            )));
        }
        let defect = good.defect(row.get(2));
        let mask = match (row.get(1), &defect) {
            ("", Some(defect)) => {
                let fix = format!(
                    "name its mask in the column mask of {}, line {line}, or leave the defect empty for a good image",
                    table.display()
                );
                listing.problems.push(Problem::NoMask { image: image.clone(), defect: defect.clone(), fix });
                None
            }
            ("", None) => None,
            (name, _) if folder.join(name).is_file() => Some(Mask::File(folder.join(name))),
            (name, _) => {
                listing.problems.push(missing("mask", name));
                None
            }
        };
        let named = Some(row.get(3).trim()).filter(|name| !name.is_empty());
        listing.samples.push(Sample { image, mask, product: named.unwrap_or(&product).to_owned(), defect });
    }
    Ok(listing)
}

/// One path for each name of a file, however it is spelled. A link as the last part is not resolved: some data stores
/// keep two equal images as two links to the same contents.
fn place(image: &Path) -> PathBuf {
    let folder = image.parent().and_then(|folder| folder.canonicalize().ok()).unwrap_or_default();
    folder.join(image.file_name().unwrap_or_default())
}
