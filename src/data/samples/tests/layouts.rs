//! Layouts that are detected from their folders.

use super::*;

const VISA: [&str; 9] = [
    "candle/Data/Images/Normal/0000.JPG",
    "candle/Data/Images/Normal/0001.JPG",
    "candle/Data/Images/Anomaly/000.JPG",
    "candle/Data/Images/Anomaly/001.JPG",
    "candle/Data/Images/Anomaly/002.JPG",
    "candle/Data/Masks/Anomaly/000.png",
    "candle/Data/Masks/Anomaly/001.png",
    "pcb1/Data/Images/notes.txt",
    "papers/readme.txt",
];

fn visa() -> tempfile::TempDir {
    let folder = tree(&VISA);
    let anno = "image,label,mask\n\
                candle/Data/Images/Normal/0000.JPG,normal,\n\
                candle/Data/Images/Anomaly/000.JPG,weird candle wick,candle/Data/Masks/Anomaly/000.png\n\
                candle/Data/Images/Anomaly/001.JPG,\"different colour spot,extra wax in candle\",x\n";
    fs::write(folder.path().join("candle/image_anno.csv"), anno).unwrap();
    folder
}

#[test]
fn visa_with_its_list_of_splits() {
    let folder = visa();
    let root = folder.path();
    let splits = "object,split,label,image,mask\n\
                  candle,train,normal,candle/Data/Images/Normal/0000.JPG,\n\
                  candle,test,normal,candle/Data/Images/Normal/0001.JPG,\n\
                  candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png\n\
                  candle,test,anomaly,candle/Data/Images/Anomaly/001.JPG,candle/Data/Masks/Anomaly/001.png\n\
                  candle,test,anomaly,candle/Data/Images/Anomaly/009.JPG,candle/Data/Masks/Anomaly/009.png\n";
    fs::create_dir(root.join("split_csv")).unwrap();
    fs::write(root.join("split_csv/1cls.csv"), splits).unwrap();
    assert_eq!(detect_layout(root).unwrap(), Layout::Visa);
    let found = list(root, None, Split::Test).unwrap();
    let expected = [
        "candle/Data/Images/Anomaly/000.JPG candle/Data/Masks/Anomaly/000.png candle weird candle wick",
        "candle/Data/Images/Anomaly/001.JPG candle/Data/Masks/Anomaly/001.png candle different colour spot",
        "candle/Data/Images/Normal/0001.JPG - candle -",
    ];
    assert_eq!(lines(root, &found.samples), expected);
    assert_eq!(
        problems(root, &found.problems),
        [
            "dropped candle/Data/Images/Anomaly/002.JPG",
            "empty_product pcb1",
            "missing_file split_csv/1cls.csv",
            "several_labels candle/Data/Images/Anomaly/001.JPG",
        ]
    );
    refused(root, None, &["line 6", "Anomaly/009.JPG", "does not exist"]);
    let train = list(root, None, Split::Train).unwrap();
    assert_eq!(lines(root, &train.samples), ["candle/Data/Images/Normal/0000.JPG - candle -"]);
    // One product finds the list beside it.
    let one = list(&root.join("candle"), None, Split::Test).unwrap();
    assert_eq!(lines(root, &one.samples), expected);
}

#[test]
fn visa_without_lists_has_all_images_and_no_names() {
    let folder = visa();
    let root = folder.path();
    fs::remove_file(root.join("candle/image_anno.csv")).unwrap();
    let found = list(root, None, Split::Test).unwrap();
    let labels: Vec<_> = found.samples.iter().map(|s| s.defect.as_deref()).collect();
    let anomaly = Some("anomaly");
    assert_eq!(labels, [anomaly, anomaly, anomaly, None, None]);
    assert_eq!(
        problems(root, &found.problems),
        ["empty_product pcb1", "no_mask candle/Data/Images/Anomaly/002.JPG", "no_split split_csv/1cls.csv"]
    );
    refused(root, None, &["Anomaly/002.JPG", "no mask", "002_mask.png"]);
}

/// Real-IAD with one listed product and one without list.
fn real_iad() -> tempfile::TempDir {
    let folder = tree(&[
        "realiad_1024/usb/OK/S0001/usb_0001_OK_C1_20231021.jpg",
        "realiad_1024/usb/OK/S0001/usb_0001_OK_C2_20231021.jpg",
        "realiad_1024/usb/NG/AK/S0002/usb_0002_NG_AK_C1_20231021.jpg",
        "realiad_1024/usb/NG/AK/S0002/usb_0002_NG_AK_C1_20231021.png",
        "realiad_1024/usb/NG/AK/S0002/usb_0002_NG_AK_C5_20231021.jpg",
        "realiad_1024/toy/OK/S0001/toy_0001_OK_C1_20231021.jpg",
        "realiad_1024/toy/NG/HS/S0002/toy_0002_NG_HS_C3_20231021.jpg",
        "realiad_1024/toy/NG/HS/S0002/toy_0002_NG_HS_C3_20231021_mask.png",
    ]);
    let lists = folder.path().join("realiad_jsons/realiad_jsons");
    fs::create_dir_all(&lists).unwrap();
    let usb = r#"{"meta": {"normal_class": "OK", "prefix": "usb/"},
        "train": [{"category": "usb", "anomaly_class": "OK", "mask_path": null,
                   "image_path": "OK/S0001/usb_0001_OK_C1_20231021.jpg"}],
        "test": [{"anomaly_class": "OK", "image_path": "OK/S0001/usb_0001_OK_C2_20231021.jpg"},
                 {"anomaly_class": "AK", "image_path": "NG/AK/S0002/usb_0002_NG_AK_C1_20231021.jpg",
                  "mask_path": "NG/AK/S0002/usb_0002_NG_AK_C1_20231021.png"},
                 {"anomaly_class": "AK", "image_path": "NG/AK/S0002/usb_0002_NG_AK_C5_20231021.jpg",
                  "mask_path": "NG/AK/S0002/usb_0002_NG_AK_C5_20231021.png"},
                 {"anomaly_class": "AK", "image_path": "NG/AK/S0002/usb_0002_NG_AK_C4_20231021.jpg"}]}"#;
    fs::write(lists.join("usb.json"), usb).unwrap();
    folder
}

const USB_AK: &str = "realiad_1024/usb/NG/AK/S0002/usb_0002_NG_AK";

#[test]
fn real_iad_by_its_lists_and_without() {
    let folder = real_iad();
    let root = folder.path();
    assert_eq!(detect_layout(root).unwrap(), Layout::RealIad);
    let found = list(root, None, Split::Test).unwrap();
    let toy = "realiad_1024/toy/NG/HS/S0002/toy_0002_NG_HS_C3_20231021";
    assert_eq!(
        lines(root, &found.samples),
        [
            format!("{toy}.jpg {toy}_mask.png toy HS"),
            "realiad_1024/toy/OK/S0001/toy_0001_OK_C1_20231021.jpg - toy -".into(),
            format!("{USB_AK}_C1_20231021.jpg {USB_AK}_C1_20231021.png usb AK"),
            format!("{USB_AK}_C5_20231021.jpg - usb AK"),
            "realiad_1024/usb/OK/S0001/usb_0001_OK_C2_20231021.jpg - usb -".into(),
        ]
    );
    let usb = "missing_file realiad_jsons/realiad_jsons/usb.json"; // one image and one mask
    let toy = "no_split realiad_jsons/realiad_jsons/toy.json";
    assert_eq!(problems(root, &found.problems), [usb, usb, toy]);
    let views: Vec<_> = found.samples.iter().map(|s| view(&s.image)).collect();
    assert_eq!(views, ["C3", "C1", "C1", "C5", "C2"].map(Some));
    let train = list(&root.join("realiad_1024/usb"), None, Split::Train).unwrap();
    assert_eq!(
        lines(root, &train.samples),
        ["realiad_1024/usb/OK/S0001/usb_0001_OK_C1_20231021.jpg - usb -"]
    );
}

#[test]
fn real_iad_with_a_single_view() {
    let folder = real_iad();
    let root = folder.path();
    let found = list(root, Some(Layout::RealIadSv), Split::Test).unwrap();
    let first = format!("{USB_AK}_C1_20231021.jpg {USB_AK}_C1_20231021.png usb AK");
    let good = "realiad_1024/toy/OK/S0001/toy_0001_OK_C1_20231021.jpg - toy -".to_owned();
    assert_eq!(lines(root, &found.samples), [good, first], "the first view of each object");
    let lists = root.join("realiad_jsons_sv");
    fs::create_dir(&lists).unwrap();
    let image = r#"{"anomaly_class": "AK", "image_path": "NG/AK/S0002/usb_0002_NG_AK_C5_20231021.jpg"}"#;
    fs::write(lists.join("usb.json"), format!(r#"{{"meta": {{}}, "test": [{image}]}}"#)).unwrap();
    let found = list(root, Some(Layout::RealIadSv), Split::Test).unwrap();
    let usb: Vec<_> = found.samples.iter().filter(|s| s.product == "usb").map(|s| view(&s.image)).collect();
    assert_eq!(usb, [Some("C5")], "what its own list says");
    assert_eq!(detect_layout(root).unwrap(), Layout::RealIad, "there are both kinds of lists");
    fs::remove_dir_all(root.join("realiad_jsons")).unwrap();
    assert_eq!(detect_layout(root).unwrap(), Layout::RealIadSv);
    fs::write(lists.join("usb.json"), "{").unwrap();
    refused(root, None, &["usb.json", "docs/datasets.md"]);

    let (small, large) = (root.join("realiad_512/usb"), root.join("realiad_1024/usb"));
    fs::create_dir_all(small.join("NG")).unwrap();
    fs::create_dir_all(small.join("OK/S0001")).unwrap();
    refused(root, None, &["realiad_1024, realiad_512", "name one"]);
    assert!(large.is_dir());
}

#[test]
fn folders_of_good_and_bad_images() {
    let folder = tree(&[
        "good/1.png",
        "bad/2.png",
        "bad/3.JPG",
        "bad/ü loch/4.png",
        "masks/bad/2.bmp",
        "masks/3_mask.png",
        "masks/bad/ü loch/4.png",
        "notes/x.png",
        "stray.png",
        "bad/5.jpg",
        "bad/5.png",
    ]);
    let root = folder.path();
    assert_eq!(detect_layout(root).unwrap(), Layout::Folders);
    let found = list(root, None, Split::Test).unwrap();
    let name = folder_name(root);
    assert_eq!(
        lines(root, &found.samples),
        [
            format!("bad/2.png masks/bad/2.bmp {name} bad"),
            format!("bad/3.JPG masks/3_mask.png {name} bad"),
            format!("bad/5.jpg - {name} bad"),
            format!("bad/5.png - {name} bad"),
            format!("bad/ü loch/4.png masks/bad/ü loch/4.png {name} ü loch"),
            format!("good/1.png - {name} -"),
        ]
    );
    let expected = ["dropped notes", "dropped stray.png", "no_mask bad/5.jpg", "no_mask bad/5.png"];
    assert_eq!(problems(root, &found.problems), expected, "an image is not the mask of its namesake");
    assert_eq!(list(root, None, Split::Train).unwrap().samples, found.samples, "there are no splits");
}

#[test]
fn folders_of_several_products_with_and_without_masks() {
    let folder =
        tree(&["nut/OK/1.png", "nut/NG/2.png", "nut/NG/2_mask.png", "nut/defect_rust/3.png", "x/readme.txt"]);
    let root = folder.path();
    fs::create_dir_all(root.join("bolt/normal")).unwrap();
    let found = list(root, None, Split::Test).unwrap();
    assert_eq!(
        lines(root, &found.samples),
        [
            "nut/NG/2.png nut/NG/2_mask.png nut NG",
            "nut/OK/1.png - nut -",
            "nut/defect_rust/3.png - nut defect_rust"
        ]
    );
    assert_eq!(problems(root, &found.problems), ["empty_product bolt", "no_mask nut/defect_rust/3.png"]);
    assert_eq!(found.products.iter().collect::<Vec<_>>(), ["bolt", "nut"]);
}

#[test]
fn numbers_of_products_are_not_part_of_their_names() {
    let files = [
        "01Gorilla/test/Burrs/0.png",
        "02Unicorn/test/good/0.jpg",
        "01Gorilla/ground_truth/Burrs/0_mask.png",
    ];
    let folder = tree(&files);
    let root = folder.path();
    fs::create_dir_all(root.join("03Mallard/train/good")).unwrap();
    let found = list(root, None, Split::Test).unwrap();
    assert_eq!(found.products.iter().collect::<Vec<_>>(), ["Gorilla", "Mallard", "Unicorn"]);
    assert_eq!(problems(root, &found.problems), ["empty_product 03Mallard/test"]);
    // Where only some have numbers, these mean something.
    fs::rename(root.join("02Unicorn"), root.join("Unicorn")).unwrap();
    let found = list(root, None, Split::Test).unwrap();
    assert_eq!(found.samples[0].product, "01Gorilla");
}

#[cfg(unix)]
#[test]
fn a_broken_link_is_reported() {
    let folder = tree(&["test/good/0.png", "test/stray.png", "train/bent/1.png", "train/good/2.png"]);
    let root = folder.path();
    std::os::unix::fs::symlink("nowhere.png", root.join("test/good/1.png")).unwrap();
    let found = list(root, None, Split::Test).unwrap();
    assert_eq!(found.samples.len(), 1);
    assert_eq!(problems(root, &found.problems), ["broken_link test/good/1.png", "dropped test/stray.png"]);
    let train = list(root, None, Split::Train).unwrap();
    assert_eq!(problems(root, &train.problems), ["dropped train/bent"]);
}
