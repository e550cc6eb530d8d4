//! Results as JUnit's XML, which CI systems show as tests.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::finding::finding;
use crate::report::results::{ImageResult, Results, ScoredImage, Verdict};

/// See [`Format::Junit`](super::Format::Junit).
pub(super) fn junit(results: &Results) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing to memory cannot fail.
    let _ = document(&mut writer, results);
    String::from_utf8(writer.into_inner()).unwrap_or_default() + "\n"
}

fn document(writer: &mut Writer<Vec<u8>>, results: &Results) -> std::io::Result<()> {
    let defective = |image: &&ScoredImage| image.verdict == Some(Verdict::Defective);
    let failures = results.images.iter().filter_map(ImageResult::scored).filter(defective).count();
    let errors = results.images.iter().filter(|image| image.scored().is_none()).count();
    let counts = [results.images.len(), failures, errors].map(|count| count.to_string());
    let seconds = format!("{:.3}", results.timing.seconds);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let suite = writer.create_element("testsuites").write_inner_content(|writer| {
        let suite = writer.create_element("testsuite").with_attributes([
            ("name", &*allowed(&results.object)),
            ("tests", &counts[0]),
            ("failures", &counts[1]),
            ("errors", &counts[2]),
            ("time", &seconds),
        ]);
        suite
            .write_inner_content(|writer| {
                results.images.iter().try_for_each(|image| case(writer, image, &results.object))
            })
            .map(drop)
    });
    suite.map(drop)
}

fn case(writer: &mut Writer<Vec<u8>>, image: &ImageResult, object: &str) -> std::io::Result<()> {
    let (class, name) = (allowed(object), allowed(image.path()));
    let case = writer.create_element("testcase").with_attributes([("classname", &*class), ("name", &*name)]);
    match image {
        ImageResult::Failed(image) => case.write_inner_content(|writer| {
            let message = allowed(&image.error);
            writer.create_element("error").with_attribute(("message", &*message)).write_empty().map(drop)
        })?,
        ImageResult::Scored(image) if image.verdict == Some(Verdict::Defective) => {
            case.write_inner_content(|writer| {
                let (kind, message) = (allowed(&image.defect_type), allowed(&finding(image)));
                let boxes: Vec<String> = image
                    .boxes
                    .iter()
                    .map(|b| {
                        format!(
                            "x {}, y {}, {}×{}: {}, {:.3}",
                            b.x, b.y, b.width, b.height, b.defect_type, b.score
                        )
                    })
                    .collect();
                let failure = writer.create_element("failure");
                let failure = failure.with_attributes([("type", &*kind), ("message", &*message)]);
                failure.write_text_content(BytesText::new(&allowed(&boxes.join("\n")))).map(drop)
            })?
        }
        ImageResult::Scored(_) => case.write_empty()?,
    };
    Ok(())
}

/// The text with a replacement character for what XML 1.0 has no way to write.
fn allowed(text: &str) -> String {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' }).collect()
}
