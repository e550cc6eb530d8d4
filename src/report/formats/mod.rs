//! Results in the formats that other programs read: tables, and the reports of tests that CI systems show.

mod finding;
mod junit;
mod sarif;
mod table;

use super::results::Results;

/// A format of the results of `detect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `results.json` itself.
    Json,
    /// A row for each image: path, size, score, verdict, type, a probability for each class, the number of boxes, the error.
    Csv,
    /// SARIF 2.1.0 (OASIS): a result for each defective image with its boxes, a notification for each that was not read.
    Sarif,
    /// JUnit's XML: a test case for each image, a failure for a defective one, an error for one that was not read.
    Junit,
}

impl Format {
    /// The results as text that ends with the end of a line.
    pub fn text(self, results: &Results) -> String {
        match self {
            // Maps have names for keys, and floats are finite: there is nothing that JSON cannot say.
            Format::Json => serde_json::to_string_pretty(results).unwrap_or_default() + "\n",
            Format::Csv => table::csv(results),
            Format::Sarif => sarif::sarif(results),
            Format::Junit => junit::junit(results),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::results::*;
    use crate::report::results_file::tests::example;

    /// The documented example with names that formats must escape, and a good image.
    fn results() -> Results {
        let mut results = example();
        let good = results.images[0].scored().expect("scored").clone();
        let good = ScoredImage {
            path: "good.png".into(),
            score: 0.125,
            verdict: Some(Verdict::Good),
            boxes: Vec::new(),
            ..good
        };
        results.object = "metal nut".into();
        results.timing.seconds = 0.5;
        for image in &mut results.images {
            match image {
                ImageResult::Scored(image) => image.path = "a b/\"<é>.png".into(),
                ImageResult::Failed(image) => {
                    (image.path, image.error) = ("=c.png".into(), "not an image\u{1b}".into());
                }
            }
        }
        results.images.insert(1, ImageResult::Scored(good));
        results
    }

    #[test]
    fn a_table_has_a_row_for_each_image_and_no_formula() {
        let text = Format::Csv.text(&results());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "path,width,height,score,verdict,type,p:normal,p:scratch,p:hole,boxes,error",
                "\"a b/\"\"<é>.png\",640,480,0.875,defective,scratch,0.125,0.5,0.375,1,",
                "good.png,640,480,0.125,good,scratch,0.125,0.5,0.375,0,",
                "'=c.png,,,,,,,,,,not an image\u{1b}",
            ]
        );
    }

    #[test]
    fn sarif_has_a_result_for_each_defective_image_with_its_boxes() {
        let text = Format::Sarif.text(&results());
        let sarif: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(sarif["version"], "2.1.0");
        let run = &sarif["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "scratch");
        assert_eq!(run["results"].as_array().unwrap().len(), 1);
        let result = &run["results"][0];
        assert_eq!((&result["ruleId"], &result["ruleIndex"]), (&"scratch".into(), &0.into()));
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(uri, "a%20b/%22%3C%C3%A9%3E.png");
        let rectangle = &result["attachments"][0]["rectangles"][0];
        assert_eq!((&rectangle["left"], &rectangle["bottom"]), (&600.0.into(), &480.0.into()));
        let invocation = &run["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        assert_eq!(invocation["toolExecutionNotifications"][0]["message"]["text"], "not an image\u{1b}");
    }

    #[test]
    fn junit_has_a_case_for_each_image() {
        let text = Format::Junit.text(&results());
        for part in [
            "<testsuite name=\"metal nut\" tests=\"3\" failures=\"1\" errors=\"1\" time=\"0.500\">",
            "<testcase classname=\"metal nut\" name=\"a b/&quot;&lt;é&gt;.png\">",
            "<failure type=\"scratch\" message=\"scratch, score 0.875, 1 box\">x 600, y 0, 40×480: hole, 0.750</failure>",
            "<testcase classname=\"metal nut\" name=\"good.png\"/>",
            // XML has no such character.
            "<error message=\"not an image\u{fffd}\"/>",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn json_is_the_file_itself() {
        let again: Results = serde_json::from_str(&Format::Json.text(&results())).unwrap();
        assert_eq!(again, results());
    }
}
