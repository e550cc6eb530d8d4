//! Lists of images in JSON.

use super::*;

/// A tree with a list.
fn listed(name: &str, list: &str, files: &[&str]) -> tempfile::TempDir {
    let folder = tree(files);
    fs::write(folder.path().join(name), list).unwrap();
    folder
}

#[test]
fn boxes_of_a_coco_file() {
    let text = r#"{
        "images": [{"id": 1, "file_name": "a.JPG", "width": 8, "height": 4},
                   {"id": 2, "file_name": "b ü.png", "width": 9, "height": 9},
                   {"id": 3, "file_name": "gone.png", "width": 9, "height": 9},
                   {"id": 4, "file_name": "c.png", "width": 9, "height": 9},
                   {"id": 5, "file_name": "d.png"}],
        "categories": [{"id": 7, "name": "contamination"}, {"id": 8, "name": "scratch"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 8, "bbox": [1, 2, 3, 1.5]},
                        {"id": 2, "image_id": 1, "category_id": 7, "bbox": [0, 0, 2, 2]},
                        {"id": 3, "image_id": 4, "category_id": 7, "bbox": [0, 0, 2]},
                        {"id": 4, "image_id": 4, "category_id": 9, "bbox": [0, 0, 2, 2]},
                        {"id": 5, "image_id": 5, "category_id": 7, "bbox": [0, 0, 2, 2]},
                        {"id": 6, "image_id": 6, "category_id": 7, "bbox": [0, 0, 2, 2]}]}"#;
    let folder = listed("_annotations.coco.json", text, &["a.JPG", "images/b ü.png", "c.png"]);
    let root = folder.path();
    image::RgbImage::new(5, 3).save(root.join("d.png")).unwrap();
    assert_eq!(detect_layout(root).unwrap(), Layout::Coco);
    let found = list(root, None, Split::Test).unwrap();
    let name = folder_name(root);
    assert_eq!(
        lines(root, &found.samples),
        [
            format!("a.JPG [[1.0, 2.0, 3.0, 1.5], [0.0, 0.0, 2.0, 2.0]] {name} scratch"),
            format!("c.png - {name} contamination"),
            format!("d.png [[0.0, 0.0, 2.0, 2.0]] {name} contamination"),
            format!("images/b ü.png - {name} -"),
        ]
    );
    let size = |sample: &Sample| match sample.mask {
        Some(Mask::Boxes { width, height, .. }) => (width, height),
        _ => (0, 0),
    };
    assert_eq!((size(&found.samples[0]), size(&found.samples[2])), ((8, 4), (5, 3)), "d.png says so itself");
    let list_file = "_annotations.coco.json";
    assert_eq!(
        problems(root, &found.problems),
        [
            format!("entry {list_file}"),
            format!("entry {list_file}"),
            format!("entry {list_file}"),
            format!("missing_file {list_file}"),
            "no_mask c.png".into(),
            "several_labels a.JPG".into(),
        ]
    );
    let all: Vec<String> = found.problems.iter().map(Problem::to_string).collect();
    for words in ["[0.0, 0.0, 2.0]; expected x, y, width and height", "no category 9", "image_id 6"] {
        assert!(all.iter().any(|message| message.contains(words)), "{words} in {all:#?}");
    }
    // Boxes beyond the frame, but for rounding.
    for (boxes, outside) in [
        ("[0, 0, 8.4, 4]", 0),
        ("[0, 0, 10, 4]", 1),
        ("[-3, 0, 4, 4]", 1),
        ("[20, 20, 2, 2]", 1),
        ("[0, 1, 4, 9]", 1),
    ] {
        let text = text.replace("[1, 2, 3, 1.5]", boxes);
        fs::write(root.join("_annotations.coco.json"), text).unwrap();
        let found = list(root, None, Split::Test).unwrap();
        let count = found.problems.iter().filter(|p| p.kind() == "box_outside").count();
        assert_eq!(count, outside, "{boxes}: {:#?}", found.problems);
    }
    fs::write(root.join("_annotations.coco.json"), text).unwrap();
    // The file itself may be named.
    assert_eq!(list(&root.join(list_file), None, Split::Test).unwrap().samples, found.samples);
}

#[test]
fn a_coco_file_of_each_split() {
    let of = |name: &str| format!(r#"{{"images": [{{"id": 1, "file_name": "{name}"}}], "annotations": []}}"#);
    let folder = tree(&["train/1.png", "test/2.png"]);
    let root = folder.path();
    fs::write(root.join("train/_annotations.coco.json"), of("1.png")).unwrap();
    fs::write(root.join("test/_annotations.coco.json"), of("2.png")).unwrap();
    let name = folder_name(root);
    for (split, expected) in [(Split::Train, "train/1.png"), (Split::Test, "test/2.png")] {
        let found = list(root, Some(Layout::Coco), split).unwrap();
        assert_eq!(lines(root, &found.samples), [format!("{expected} - {name} -")]);
    }
    fs::write(root.join("test/_annotations.coco.json"), "[]").unwrap();
    refused(root, Some(Layout::Coco), &["test/_annotations.coco.json", "COCO"]);
}

const FILES: [&str; 4] =
    ["nut/test/cut/0.png", "nut/ground_truth/cut/0_mask.png", "nut/test/good/1.png", "nut/2.png"];

#[test]
fn a_meta_file_in_every_variant() {
    let item = |fields: &str| {
        format!("[{{{fields}}}, {{\"img_path\": \"nut/test/good/1.png\", \"mask_path\": \"\"}}]")
    };
    let shapes = [
        // Paths from the root, with splits.
        r#""img_path": "nut/test/cut/0.png", "mask_path": "nut/ground_truth/cut/0_mask.png",
           "cls_name": "nut", "specie_name": "cut", "anomaly": 1"#,
        // The other names of the fields, and paths from the folder of the product.
        r#""img_path": "test/cut/0.png", "mask_path": "ground_truth/cut/0_mask.png",
           "product_cls": "nut", "defect_cls": "cut", "anomaly": true"#,
        // The fewest fields.
        r#""img_path": "test/cut/0.png", "mask_path": "ground_truth/cut/0_mask.png", "defect_cls": "cut""#,
    ];
    let expected =
        ["nut/test/cut/0.png nut/ground_truth/cut/0_mask.png nut cut", "nut/test/good/1.png - nut -"];
    for shape in shapes {
        let flat = format!(r#"{{"nut": {}}}"#, item(shape));
        let split = format!(r#"{{"train": {{"nut": [{{"img_path": "nut/2.png"}}]}}, "test": {flat}}}"#);
        for (text, train) in [(&split, 1), (&flat, 2)] {
            let folder = listed("meta.json", text, &FILES);
            let root = folder.path();
            assert_eq!(detect_layout(root).unwrap(), Layout::Meta);
            let found = list(root, None, Split::Test).unwrap();
            assert_eq!(lines(root, &found.samples), expected, "{text}");
            assert_eq!(list(root, None, Split::Train).unwrap().samples.len(), train);
            let wanted: &[&str] = if train == 1 { &[] } else { &["no_split meta.json"] };
            assert_eq!(problems(root, &found.problems), wanted);
        }
    }
}

#[test]
fn faults_of_a_meta_file_name_the_entry() {
    let text = r#"{"test": {"bolt": [], "nut": [
        {"img_path": "nut/test/cut/0.png", "mask_path": "nut/none.png", "specie_name": "cut", "anomaly": 1},
        {"img_path": "nut/gone.png", "anomaly": 0},
        {"path": "nut/2.png"},
        {"img_path": "nut/2.png", "specie_name": "good", "anomaly": 1}]}}"#;
    let folder = listed("meta.json", text, &FILES);
    let root = folder.path();
    let found = list(root, None, Split::Test).unwrap();
    assert_eq!(lines(root, &found.samples), ["nut/2.png - nut anomaly", "nut/test/cut/0.png - nut cut"]);
    assert_eq!(
        problems(root, &found.problems),
        [
            "empty_product bolt",
            "entry meta.json",
            "missing_file meta.json",
            "missing_file meta.json",
            "no_mask nut/2.png"
        ]
    );
    refused(root, None, &["meta.json", "test, nut, image 1", "mask \"nut/none.png\""]);
    let train = list(root, None, Split::Train).unwrap_err().to_string();
    assert!(train.contains("no image in the train part"), "{train}");
    let folder = listed("meta.json", "{\"test\": {\"nut\": 3}}", &[]);
    refused(folder.path(), None, &["meta.json", "docs/datasets.md"]);
    let gone = r#"{"nut": [{"img_path": "a.png"}, {"img_path": "b.png"}]}"#;
    let folder = listed("meta.json", gone, &[]);
    refused(folder.path(), None, &["no image", "\"a.png\" does not exist", "more problems"]);
}

#[test]
fn labels_that_a_meta_file_lacks_are_in_the_tables_of_visa() {
    let image = "candle/Data/Images/Anomaly/000.JPG";
    let text = format!(
        r#"{{"test": {{"candle": [{{"img_path": "{image}", "specie_name": "anomaly", "anomaly": 1}}]}}}}"#
    );
    let folder = listed("meta.json", &text, &[image]);
    let label = |root: &Path| list(root, None, Split::Test).unwrap().samples[0].defect.clone();
    assert_eq!(label(folder.path()).as_deref(), Some("anomaly"));
    let table = format!("image,label,mask\n{image},weird candle wick,\n");
    fs::write(folder.path().join("candle/image_anno.csv"), table).unwrap();
    assert_eq!(label(folder.path()).as_deref(), Some("weird candle wick"));
}

#[test]
fn a_byte_order_mark_in_front_of_a_list_changes_nothing() {
    let coco = r#"{"images": [{"id": 1, "file_name": "a.png", "width": 4, "height": 4}],
        "categories": [{"id": 1, "name": "cut"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}]}"#;
    let meta = r#"{"test": {"nut": [{"img_path": "a.png", "specie_name": "cut"}]}}"#;
    for (name, text) in [
        ("_annotations.coco.json", coco),
        ("meta.json", meta),
        ("images.csv", "image,mask,defect\na.png,,cut\n"),
    ] {
        let found = |text: String| {
            let folder = listed(name, &text, &["a.png"]);
            let found = list(folder.path(), None, Split::Test).unwrap();
            found.samples.into_iter().map(|sample| sample.defect).collect::<Vec<_>>()
        };
        assert_eq!(found(format!("\u{feff}{text}")), [Some("cut".to_owned())], "{name}");
        assert_eq!(found(text.to_owned()), [Some("cut".to_owned())], "{name}");
    }
    let folder = tree(&["nut/OK/S0001/a_C1_.jpg", "nut/NG/AK/S0001/b_C1_.jpg"]);
    let text = r#"{"meta": {}, "test": [{"anomaly_class": "OK", "image_path": "OK/S0001/a_C1_.jpg"}]}"#;
    fs::write(folder.path().join("nut.json"), format!("\u{feff}{text}")).unwrap();
    assert_eq!(list(folder.path(), Some(Layout::RealIad), Split::Test).unwrap().samples.len(), 1);
}
