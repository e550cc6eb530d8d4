//! What labels mean, in every layout.

use super::*;

/// Spellings of good, one of a defect, and one that names none.
const GOOD: [&str; 6] = ["OK", "nominal", "Pass", "0", "Defect-Free", "anomaly_free"];

/// The defects of a data set in order, `-` for a good image.
#[track_caller]
fn labels(root: &Path, layout: Layout) -> Vec<String> {
    let found = list(root, None, Split::Test).unwrap();
    assert_eq!(detect_layout(root).unwrap(), layout);
    assert!(!found.problems.iter().any(|p| matches!(p, Problem::LikeGood { .. })), "{:#?}", found.problems);
    let mut labels: Vec<String> =
        found.samples.into_iter().map(|sample| sample.defect.unwrap_or_else(|| "-".into())).collect();
    labels.sort();
    labels
}

#[test]
fn good_is_good_in_every_layout() {
    for good in GOOD {
        let name = good.to_lowercase();
        let folder = tree(&[
            &format!("nut/test/{good}/0.png"),
            "nut/test/ko/0.png",
            "nut/test/cut/0.png",
            "nut/ground_truth/cut/0.png",
        ]);
        assert_eq!(labels(folder.path(), Layout::Mvtec), ["-", "cut", "ko"], "{good}");
        let train = tree(&[&format!("nut/train/{good}/0.png"), "nut/test/cut/0.png"]);
        let found = list(train.path(), None, Split::Train).unwrap();
        assert_eq!(found.samples.len(), 1, "{good} is for training: {:?}", found.problems);

        let folder = tree(&[&format!("{good}/0.png"), "ko/0.png", "reject/cut/0.png"]);
        assert_eq!(labels(folder.path(), Layout::Folders), ["-", "cut", "ko"], "{good}");

        let folder = tree(&["a.png", "b.png", "c.png"]);
        let table = format!("image,mask,defect\na.png,,{good}\nb.png,,cut\nc.png,,NOK\n");
        fs::write(folder.path().join("images.csv"), table).unwrap();
        assert_eq!(labels(folder.path(), Layout::Index), ["-", "NOK", "cut"], "{good}");

        let folder = tree(&["a.png", "b.png"]);
        let list = format!(
            r#"{{"test": {{"nut": [{{"img_path": "a.png", "specie_name": "{name}"}},
                                   {{"img_path": "b.png", "specie_name": "cut"}}]}}}}"#
        );
        fs::write(folder.path().join("meta.json"), list).unwrap();
        assert_eq!(labels(folder.path(), Layout::Meta), ["-", "cut"], "{good}");

        let folder = tree(&["a.png", "b.png"]);
        let list = format!(
            r#"{{"images": [{{"id": 1, "file_name": "a.png", "width": 4, "height": 4}},
                            {{"id": 2, "file_name": "b.png", "width": 4, "height": 4}}],
                 "categories": [{{"id": 1, "name": "{good}"}}, {{"id": 2, "name": "cut"}}],
                 "annotations": [{{"image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4]}},
                                 {{"image_id": 2, "category_id": 2, "bbox": [0, 0, 1, 1]}}]}}"#
        );
        fs::write(folder.path().join("annotations.json"), list).unwrap();
        assert_eq!(labels(folder.path(), Layout::Coco), ["-", "cut"], "{good}");

        let folder = tree(&["nut/Data/Images/Normal/0.JPG", "nut/Data/Images/Anomaly/0.JPG"]);
        let list = format!(
            "object,split,label,image,mask\nnut,test,{good},nut/Data/Images/Normal/0.JPG,\n\
             nut,test,anomaly,nut/Data/Images/Anomaly/0.JPG,\n"
        );
        fs::create_dir(folder.path().join("split_csv")).unwrap();
        fs::write(folder.path().join("split_csv/1cls.csv"), list).unwrap();
        assert_eq!(labels(folder.path(), Layout::Visa), ["-", "anomaly"], "{good}");

        let folder = tree(&["nut/OK/S0001/0.jpg", "nut/NG/AK/S0001/0.jpg"]);
        let list = format!(
            r#"{{"meta": {{}}, "test": [{{"image_path": "OK/S0001/0.jpg", "anomaly_class": "{good}"}},
                                        {{"image_path": "NG/AK/S0001/0.jpg", "anomaly_class": "AK"}}]}}"#
        );
        fs::create_dir(folder.path().join("realiad_jsons")).unwrap();
        fs::write(folder.path().join("realiad_jsons/nut.json"), list).unwrap();
        assert_eq!(labels(folder.path(), Layout::RealIad), ["-", "AK"], "{good}");
    }
}

#[test]
fn words_of_a_user_count_and_labels_like_good_are_listed() {
    let folder =
        tree(&["nut/test/gut/0.png", "nut/test/okay1/0.png", "nut/test/okay1/1.png", "nut/test/cut/0.png"]);
    let root = folder.path();
    let found = list(root, None, Split::Test).unwrap();
    let like: Vec<String> =
        found.problems.iter().filter(|p| p.kind() == "like_good").map(Problem::to_string).collect();
    assert_eq!(like.len(), 1, "{like:?}");
    assert!(like[0].contains("'okay1' (2 images)") && like[0].contains("--good-words"), "{like:?}");
    let good = GoodWords::with(["Gut", "okay-1"]);
    let found = list_with(root, None, Split::Test, &good).unwrap();
    assert_eq!(found.samples.iter().filter(|s| s.defect.is_none()).count(), 3);
    assert!(!found.problems.iter().any(|p| p.kind() == "like_good"));
    // Such folders make a layout, too.
    let folder = tree(&["gut/0.png", "kaputt/0.png"]);
    assert!(detect_layout(folder.path()).is_err());
    assert_eq!(detect_layout_with(folder.path(), &good).unwrap(), Layout::Folders);
}

#[test]
fn an_image_counts_once_and_has_one_label() {
    let listed = |second: &str| {
        let folder = tree(&["a.png"]);
        let text = format!(
            r#"{{"test": {{"nut": [{{"img_path": "a.png", "specie_name": "cut"}},
                                   {{"img_path": "./a.png", "specie_name": "{second}"}}]}}}}"#
        );
        fs::write(folder.path().join("meta.json"), text).unwrap();
        list(folder.path(), None, Split::Test)
    };
    let found = listed("cut").unwrap();
    assert_eq!(found.samples.len(), 1);
    assert!(found.problems.iter().any(|p| p.kind() == "left_out"), "{:?}", found.problems);
    for other in ["good", "hole"] {
        let message = listed(other).unwrap_err().to_string();
        assert!(message.contains("twice, as 'cut' and as") && message.contains("a.png"), "{message}");
    }
    #[cfg(unix)]
    {
        let folder = tree(&["nut/test/good/0.png", "nut/test/good/1.png"]);
        std::os::unix::fs::symlink("nut", folder.path().join("a bolt")).unwrap();
        let found = list(folder.path(), None, Split::Test).unwrap();
        assert_eq!(found.samples.len(), 2);
        assert!(found.samples.iter().all(|sample| sample.product == "nut"));
    }
}

#[test]
fn anomaly_may_be_any_kind_of_value_and_is_never_guessed() {
    let read = |value: &str| {
        let folder = tree(&["a.png"]);
        let text = format!(r#"{{"test": {{"nut": [{{"img_path": "a.png", "anomaly": {value}}}]}}}}"#);
        fs::write(folder.path().join("meta.json"), text).unwrap();
        let listing = list(folder.path(), None, Split::Test);
        listing.map(|listing| listing.samples[0].defect.is_some()).map_err(|e| e.to_string())
    };
    for defective in
        ["1", "1.0", "true", "3", "\"1\"", "\" 1.0\"", "\"True\"", "\"yes\"", "\"anomaly\"", "\"NG\""]
    {
        assert_eq!(read(defective), Ok(true), "{defective}");
    }
    for good in ["0", "0.0", "false", "\"0\"", "\"False\"", "\"no\"", "\"good\"", "\"OK\"", "null", "\"\""] {
        assert_eq!(read(good), Ok(false), "{good}");
    }
    for unclear in ["0.5", "-1", "\"maybe\"", "\"-1\"", "[1]", "{}", "\"nan\""] {
        let message = read(unclear).expect_err(unclear);
        for words in ["meta.json", "test, nut, image 1", "anomaly", "expected 0"] {
            assert!(message.contains(words), "{message}");
        }
    }
}
