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
    use std::collections::BTreeMap;

    fn results() -> Results {
        let image = |path: &str, score, verdict| ScoredImage {
            path: path.into(),
            width: 100,
            height: 50,
            score,
            verdict: Some(verdict),
            defect_type: "scratch".into(),
            type_probability: 0.75,
            probabilities: BTreeMap::from([("normal".into(), 0.25), ("scratch".into(), 0.75)]),
            boxes: Vec::new(),
            evidence: None,
            unboxed: None,
            notes: Vec::new(),
            overlay: None,
            maps: None,
        };
        let found = DefectBox {
            x: 10,
            y: 20,
            width: 5,
            height: 6,
            score: 0.9,
            area: 30,
            defect_type: "scratch".into(),
            nearest: None,
        };
        let defective = image("a b/\"<é>.png", 0.95, Verdict::Defective);
        let failed =
            FailedImage { path: "=c.png".into(), error: "not an image\u{1b}".into(), hint: String::new() };
        Results {
            schema: SCHEMA.into(),
            program: Program::own(),
            adapter: Adapter {
                name: "X".into(),
                backend: "vulkan".into(),
                kind: "unknown".into(),
                driver: "1".into(),
                software: false,
            },
            model: Model {
                name: "m".into(),
                path: String::new(),
                image_size: 128,
                patch_size: 8,
                embed_dim: 8,
                precision: "f32".into(),
                demonstration: true,
                weights_sha256: None,
            },
            object: "metal nut".into(),
            method: "clip".into(),
            defects: vec!["scratch".into(), "hole".into()],
            settings: BTreeMap::new(),
            timing: Timing { images: 2, seconds: 0.5, images_per_second: 4.0 },
            notes: Vec::new(),
            left_out: BTreeMap::new(),
            images: vec![
                ImageResult::Scored(ScoredImage { boxes: vec![found], ..defective }),
                ImageResult::Scored(image("good.png", 0.125, Verdict::Good)),
                ImageResult::Failed(failed),
            ],
            written: BTreeMap::new(),
        }
    }

    #[test]
    fn a_table_has_a_row_for_each_image_and_no_formula() {
        let text = Format::Csv.text(&results());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "path,width,height,score,verdict,type,p:normal,p:scratch,p:hole,boxes,error",
                "\"a b/\"\"<é>.png\",100,50,0.95,defective,scratch,0.25,0.75,,1,",
                "good.png,100,50,0.125,good,scratch,0.25,0.75,,0,",
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
        assert_eq!((&rectangle["left"], &rectangle["bottom"]), (&10.0.into(), &26.0.into()));
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
            "<failure type=\"scratch\" message=\"scratch, score 0.950, 1 box\">x 10, y 20, 5×6: scratch, 0.900</failure>",
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
