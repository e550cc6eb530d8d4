//! Images with several labels.

use super::*;

/// VisA with labels of all kinds for the candle.
fn visa() -> tempfile::TempDir {
    let products =
        "candle capsules cashew chewinggum fryum macaroni1 macaroni2 pcb1 pcb2 pcb3 pcb4 pipe_fryum";
    let mut files: Vec<String> =
        products.split(' ').map(|product| format!("{product}/Data/Images/Normal/0000.JPG")).collect();
    let labels = [
        "weird candle wick",
        "different colour spot,wax melded out of the candle",
        "other",
        "color spot similar to the object, different color spot",
        "hole",
    ];
    let mut table = "image,label,mask\n".to_owned();
    for (i, label) in labels.iter().enumerate() {
        files.push(format!("candle/Data/Images/Anomaly/00{i}.JPG"));
        files.push(format!("candle/Data/Masks/Anomaly/00{i}.png"));
        table += &format!("candle/Data/Images/Anomaly/00{i}.JPG,\"{label}\",\n");
    }
    let folder = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
    fs::write(folder.path().join("candle/image_anno.csv"), table).unwrap();
    folder
}

/// The defective images of a set with their classes.
fn defective(set: &DataSet) -> Vec<(String, String)> {
    let of = |sample: &Sample| {
        let stem = sample.image.file_stem().unwrap().to_string_lossy().into_owned();
        Some((stem, set.classes[set.class_of(sample)?].name.clone()))
    };
    set.samples.iter().filter_map(of).collect()
}

#[test]
fn visa_counts_all_images_or_those_of_one_type() {
    let folder = visa();
    let root = folder.path();
    let pair = |(stem, class): (&str, &str)| (stem.to_owned(), class.to_owned());
    let set = DataSet::open(root, None, None, Split::Test).unwrap();
    assert_eq!((&*set.name, set.samples.len(), &*set.classes[4].name), ("visa", 17, "irregular wick"));
    let all =
        [("000", "irregular wick"), ("001", "spot"), ("002", "damage"), ("003", "spot"), ("004", "hole")];
    assert_eq!(defective(&set), all.map(pair));
    assert_eq!(names(&set, "candle"), ["damage", "irregular wick", "hole", "spot"]);
    assert!(set.products["pcb1"].is_empty());

    let several = Some(Path::new("visa-multi-type"));
    let set = DataSet::open(root, None, several, Split::Test).unwrap();
    assert_eq!(
        defective(&set),
        [("000", "weird wick"), ("003", "spot")].map(pair),
        "two labels of one class are one"
    );
    assert_eq!((names(&set, "candle").len(), names(&set, "capsules")), (7, vec!["bubble".to_owned()]));
    let dropped: Vec<String> = set
        .problems
        .iter()
        .filter(|p| p.kind() == "dropped")
        .map(|p| p.to_string().split(": left out: ").nth(1).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        dropped,
        [
            "several kinds of defects (different colour spot, wax melded out of the candle)",
            "the label 'other' belongs to no class",
            "'hole' is not a class of candle"
        ]
    );

    // The published list leaves out more, and may be named itself.
    let items = |product: &str| match product {
        "candle" => r#"{"img_path": "candle/Data/Images/Anomaly/003.JPG", "defect_cls": "spot",
                        "mask_path": "candle/Data/Masks/Anomaly/003.png"}"#
            .to_owned(),
        other => format!(r#"{{"img_path": "{other}/Data/Images/Normal/0000.JPG", "defect_cls": "good"}}"#),
    };
    let list: Vec<String> = set.products.keys().map(|p| format!(r#""{p}": [{}]"#, items(p))).collect();
    let list_file = root.join("meta_wo_md.json");
    fs::write(&list_file, format!("{{{}}}", list.join(","))).unwrap();
    let listed = DataSet::open(root, None, several, Split::Test).unwrap();
    assert_eq!((listed.layout, listed.samples.len()), (Layout::Visa, 12));
    assert_eq!(defective(&listed), [("003", "spot")].map(pair));
    let named = DataSet::open(&list_file, None, None, Split::Test).unwrap();
    assert_eq!((named.layout, &*named.name, named.root == root), (Layout::Meta, "visa-multi-type", true));
    assert_eq!(defective(&named), [("003", "spot")].map(pair));
    assert_eq!(named.samples.len(), 12);
}
