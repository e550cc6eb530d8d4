//! Results as a CSV table.

use crate::files::inert;
use crate::report::results::{ImageResult, NORMAL, Results, Verdict};

/// See [`Format::Csv`](super::Format::Csv).
pub(super) fn csv(results: &Results) -> String {
    let classes: Vec<&str> =
        std::iter::once(NORMAL).chain(results.defects.iter().map(String::as_str)).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = ["path", "width", "height", "score", "verdict", "type"].map(str::to_owned);
    let headings = columns
        .into_iter()
        .chain(classes.iter().map(|class| format!("p:{class}")))
        .chain(["boxes".to_owned(), "error".to_owned()]);
    // Writing to memory cannot fail, and all rows have one length.
    let _ = writer.write_record(headings);
    for image in &results.images {
        let path = inert(image.path()).into_owned();
        let row: Vec<String> = match image {
            ImageResult::Scored(image) => {
                let probability =
                    |class: &&str| image.probabilities.get(*class).map(f32::to_string).unwrap_or_default();
                let fixed = [
                    path,
                    image.width.to_string(),
                    image.height.to_string(),
                    image.score.to_string(),
                    image.verdict.map_or("", Verdict::name).to_owned(),
                    inert(&image.defect_type).into_owned(),
                ];
                let last = [image.boxes.len().to_string(), String::new()];
                fixed.into_iter().chain(classes.iter().map(probability)).chain(last).collect()
            }
            ImageResult::Failed(image) => {
                let empty = std::iter::repeat_n(String::new(), 5 + classes.len() + 1);
                std::iter::once(path).chain(empty).chain([inert(&image.error).into_owned()]).collect()
            }
        };
        let _ = writer.write_record(row);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
