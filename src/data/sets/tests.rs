//! Data sets in miniature, with images of a few pixels.

mod visa;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use image::{GrayImage, RgbImage};

use super::inspect::inspect;
use super::*;

/// Files below a temporary folder: pictures of 6 × 4 pixels, each of its own colour, and masks with a corner set.
fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (i, file) in files.iter().enumerate() {
        picture(&folder.path().join(file), i);
    }
    folder
}

fn picture(path: &Path, number: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let is_mask = ["ground_truth", "Masks"].iter().any(|part| path.iter().any(|p| p == *part));
    if is_mask {
        let mask = GrayImage::from_fn(6, 4, |x, y| [if x + y == 0 { 255 } else { 0 }].into());
        mask.save(path).unwrap();
    } else {
        RgbImage::from_pixel(6, 4, [number as u8, (number >> 8) as u8, 7].into()).save(path).unwrap();
    }
}

/// Every folder of MVTec-AD's test split.
const MVTEC: [(&str, &str); 15] = [
    ("bottle", "broken_large broken_small contamination"),
    (
        "cable",
        "bent_wire cable_swap combined cut_inner_insulation cut_outer_insulation missing_cable missing_wire poke_insulation",
    ),
    ("capsule", "crack faulty_imprint poke scratch squeeze"),
    ("carpet", "color cut hole metal_contamination thread"),
    ("grid", "bent broken glue metal_contamination thread"),
    ("hazelnut", "crack cut hole print"),
    ("leather", "color cut fold glue poke"),
    ("metal_nut", "bent color flip scratch"),
    ("pill", "color combined contamination crack faulty_imprint pill_type scratch"),
    ("screw", "manipulated_front scratch_head scratch_neck thread_side thread_top"),
    ("tile", "crack glue_strip gray_stroke oil rough"),
    ("toothbrush", "defective"),
    ("transistor", "bent_lead cut_lead damaged_case misplaced"),
    ("wood", "color combined hole liquid scratch"),
    ("zipper", "broken_teeth combined fabric_border fabric_interior rough split_teeth squeezed_teeth"),
];

/// MVTec-AD with one image of each label and one good one of each product.
fn mvtec() -> tempfile::TempDir {
    let mut files = Vec::new();
    for (product, labels) in MVTEC {
        files.push(format!("{product}/test/good/000.png"));
        for label in labels.split(' ') {
            files.push(format!("{product}/test/{label}/000.png"));
            files.push(format!("{product}/ground_truth/{label}/000_mask.png"));
        }
    }
    tree(&files.iter().map(String::as_str).collect::<Vec<_>>())
}

fn names(set: &DataSet, product: &str) -> Vec<String> {
    set.products[product].iter().map(|&class| set.classes[class].name.clone()).collect()
}

#[track_caller]
fn refused(root: &Path, description: Option<&Path>, words: &[&str]) {
    let message = DataSet::open(root, None, description, Split::Test).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

#[test]
fn every_built_in_description_is_whole() {
    let found: Vec<_> = Description::built_in()
        .into_iter()
        .map(|d| {
            (
                d.name.clone(),
                d.defects.len(),
                d.products.len(),
                d.expected.test.map(|t| (t.images, t.defective)),
            )
        })
        .collect();
    let expected = [
        ("mvtec", 20, 15, Some((1725, 1258))),
        ("visa", 18, 12, Some((2162, 1200))),
        ("visa-multi-type", 18, 12, Some((1878, 916))),
        ("mpdd", 7, 6, Some((458, 282))),
        ("mad-sim", 3, 20, Some((5589, 4951))),
        ("mad-real", 2, 10, Some((271, 221))),
        ("real-iad", 6, 30, None),
        ("real-iad-multi-type", 8, 30, None),
    ];
    assert_eq!(
        found,
        expected.map(|(name, classes, products, test)| (name.to_owned(), classes, products, test))
    );
    // The files are those of the folder, under their own names.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/datasets");
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let read = Description::load(&entry.path()).unwrap();
        assert_eq!(Path::new(&read.name).with_extension("toml"), Path::new(&entry.file_name()));
        files += 1;
    }
    assert_eq!(files, expected.len());
    // No good image of VisA has several labels; MAD-Sim has 210 for each product to train on.
    let of = |name: &str| Description::load(Path::new(name)).unwrap().expected;
    let good = |totals: Option<Totals>| totals.map(|t| t.images - t.defective);
    assert_eq!(good(of("visa").test), good(of("visa-multi-type").test));
    assert_eq!(good(of("mvtec").test), Some(467));
    assert_eq!(of("mad-sim").train, Some(Totals { images: 20 * 210, defective: 0 }));
    for train in ["mvtec", "visa", "mpdd", "mad-sim", "mad-real"].map(|name| of(name).train) {
        assert_eq!(train.map(|t| t.defective), Some(0));
    }
}

#[test]
fn every_label_of_mvtec_is_a_class_of_its_product() {
    let folder = mvtec();
    let opened = open(folder.path(), None, None, Split::Test).unwrap();
    let set = &opened.set;
    assert_eq!((&*set.name, set.layout, set.classes.len()), ("mvtec", Layout::Mvtec, 20));
    let mut used = std::collections::BTreeSet::new();
    for sample in &set.samples {
        let class = set.class_of(sample);
        assert_eq!(class.is_some(), sample.defect.is_some());
        used.extend(class.map(|class| (sample.product.clone(), class)));
    }
    let listed = set.products.iter().flat_map(|(p, classes)| classes.iter().map(|&c| (p.clone(), c)));
    assert_eq!(used, listed.collect(), "each class of each product occurs");
    assert_eq!(names(set, "hazelnut"), ["crack", "cut", "hole", "faulty imprint"]);
    assert_eq!(names(set, "screw"), ["fabric", "scratch", "thread"]);
    // Classes, synonyms and merges are those of training, but for one label.
    let paper: toml::Table = include_str!("../../../configs/paper.toml").parse().unwrap();
    let mut classes: Vec<Class> = paper["defects"].clone().try_into().unwrap();
    assert!(classes[0].labels.contains(&"manipulated_front".to_owned()));
    classes[0].labels.retain(|label| label != "manipulated_front");
    classes[7].labels.push("manipulated_front".into());
    assert_eq!(set.classes, classes);

    let text = inspect(&opened, &|| ()).text();
    let labels: usize = MVTEC.iter().map(|(_, labels)| labels.split(' ').count()).sum();
    let total = format!("total: {} images, {labels} defective; expected 1725 and 1258", labels + 15);
    assert!(text.contains(&total) && text.contains("1 bent_wire (bent)"), "{text}");

    let dent = folder.path().join("bottle/test/dent/000.png");
    picture(&dent, 0);
    let wanted = ["bottle/test/dent/000.png", "'dent'", "mvtec", "faulty imprint", "--description"];
    refused(folder.path(), None, &wanted);
    // Without one product it could be any data.
    fs::remove_dir_all(folder.path().join("wood")).unwrap();
    let opened = open(folder.path(), None, None, Split::Test).unwrap();
    assert_eq!(names(&opened.set, "bottle"), ["broken large", "broken small", "contamination", "dent"]);
    let text = inspect(&opened, &|| ()).text();
    assert!(text.contains("--description mvtec"), "{text}");
    fs::remove_dir_all(dent.parent().unwrap()).unwrap();
    let set = DataSet::open(folder.path(), None, Some(Path::new("mvtec")), Split::Test).unwrap();
    assert_eq!(names(&set, "bottle"), ["broken", "contamination"]);
}

#[test]
fn without_a_description_classes_are_the_labels_in_words() {
    let files = [
        "nut/test/bent_lead/0.png",
        "nut/ground_truth/bent_lead/0.png",
        "nut/test/Color/0.png",
        "nut/test/bad/0.png",
        "würfel/test/good/0.png",
    ];
    let folder = tree(&files);
    let set = DataSet::open(folder.path(), None, None, Split::Test).unwrap();
    let classes: Vec<&str> = set.classes.iter().map(|c| &*c.name).collect();
    assert_eq!(classes, ["bent lead", "color", "damage"]);
    assert_eq!((set.products["nut"].clone(), set.products["würfel"].clone()), (vec![0, 1, 2], vec![]));
    let of: Vec<_> = set.samples.iter().map(|s| set.class_of(s)).collect();
    assert_eq!(of, [Some(1), Some(2), Some(0), None]);
    assert_eq!(set.problems.iter().map(Problem::kind).collect::<Vec<_>>(), ["no_mask"; 2]);
}

#[test]
fn labels_that_name_no_defect_get_the_usual_classes() {
    let folder = tree(&["good/0.png", "NG/1.png", "NG/ground_truth/1.png"]);
    let opened = open(folder.path(), None, None, Split::Test).unwrap();
    let set = &opened.set;
    let classes: Vec<&str> = set.classes.iter().map(|c| &*c.name).collect();
    assert_eq!(classes, ["damage", "scratch", "hole", "contamination", "missing", "crack"]);
    assert!(set.products.values().all(Vec::is_empty), "types are unknown");
    let of: Vec<_> = set.samples.iter().map(|s| set.class_of(s)).collect();
    assert_eq!(of, [Some(0), None]);
    assert!(inspect(&opened, &|| ()).text().contains("types are not evaluated"));
}

#[test]
fn a_custom_description() {
    let folder = tree(&["test/dent/0.png", "ground_truth/dent/0.png", "test/good/0.png"]);
    let root = folder.path();
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    let product = crate::data::samples::folder_name(root);
    let with = |text: &str| {
        fs::write(file.path(), text).unwrap();
        Some(file.path())
    };
    let text = format!(
        "name = 'mine'\n[expected.test]\nimages = 2\ndefective = 1\n[[defects]]\nname = 'crack'\n[[defects]]\n\
         name = 'dented area'\ntrain = 'bump'\nlabels = ['den*']\n[products]\n'{product}' = ['dented area']\n"
    );
    let opened = open(root, None, with(&text), Split::Test).unwrap();
    assert_eq!((&*opened.set.name, opened.set.products[&product].clone()), ("mine", vec![1]));
    assert_eq!(opened.set.classes[1].train.as_deref(), Some("bump"));
    let text = inspect(&opened, &|| ()).text();
    assert!(
        text.contains("total: 2 images, 1 defective, as expected") && text.contains("no problems"),
        "{text}"
    );

    let path = file.path().file_name().unwrap().to_string_lossy().into_owned();
    let crack = "name = 'mine'\n[[defects]]\nname = 'crack'\n";
    refused(root, with(crack), &["dent/0.png", "'dent'", &path, "crack"]);
    let other = format!("{crack}[[defects]]\nname = 'dent'\n[products]\n'{product}' = ['crack']\n");
    refused(root, with(&other), &["'dent'", &product, &path, "single_type"]);
    refused(
        root,
        with(&format!("{crack}[products]\nnut = ['cut']\n")),
        &[&path, "products.nut", "'cut'", "crack"],
    );
    refused(
        root,
        with(&format!("{crack}[[defects]]\nname = 'cut'\nlabels = ['Crack']\n")),
        &["'crack' belongs to"],
    );
    refused(root, with("name = 'mine'\ndefects = []\n"), &[&path, "[[defects]]"]);
    refused(root, with("name = 'mine'\n[[defects]]\nnames = 'cut'\n"), &[&path, "line 3", "names"]);
    refused(root, Some(Path::new("mvtek")), &["mvtek", "no such file", "mvtec, visa"]);
}

#[test]
fn what_is_wrong_with_the_files_is_found_by_reading_them() {
    let folder = tree(&[
        "test/good/000.png",
        "test/good/a b.png",
        "test/hole/0.png",
        "test/hole/1.png",
        "test/hole/2.png",
        "ground_truth/hole/0_mask.png",
    ]);
    let root = folder.path();
    fs::copy(root.join("test/good/000.png"), root.join("test/good/ü.png")).unwrap();
    GrayImage::new(6, 4).save(root.join("ground_truth/hole/1_mask.png")).unwrap();
    GrayImage::from_pixel(4, 4, [1].into()).save(root.join("ground_truth/hole/2.tif")).unwrap();
    let whole = fs::read(root.join("test/hole/0.png")).unwrap();
    fs::write(root.join("test/good/a b.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(root.join("ground_truth/hole/0_mask.png"), "no image").unwrap();
    let opened = open(root, None, None, Split::Test).unwrap();
    let ticks = std::sync::atomic::AtomicUsize::new(0);
    let found = inspect(&opened, &|| {
        ticks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(ticks.into_inner(), 6);
    assert_eq!((found.readable, found.totals), (5, Totals { images: 6, defective: 3 }));
    assert_eq!(found.sizes, BTreeMap::from([("6x4".to_owned(), 5)]));
    let root = root.display();
    let problems: Vec<(&str, &str)> = found.problems.iter().map(|p| (p.kind, &*p.path)).collect();
    assert_eq!(
        problems,
        [
            ("unreadable", &*format!("{root}/test/good/a b.png")),
            ("duplicate", &format!("{root}/test/good/ü.png")),
            ("unreadable", &format!("{root}/ground_truth/hole/0_mask.png")),
            ("empty_mask", &format!("{root}/test/hole/1.png")),
            ("mask_everything", &format!("{root}/test/hole/2.png")),
            ("mask_size", &format!("{root}/test/hole/2.png")),
            ("mask_shape", &format!("{root}/test/hole/2.png")),
        ]
    );
    assert!(found.problems[1].message.contains("good/000.png"));
    assert!(found.problems[5].message.contains("6x4 and its mask 4x4"));
    let hole = &found.products.values().next().unwrap().defects["hole"];
    assert_eq!((hole.images, &*hole.class), (3, "hole"));
}

#[test]
fn names_are_one_whether_their_accents_are_characters_of_their_own() {
    // Each in Unicode's forms C and D.
    let forms = [
        ("br\u{fc}chig", "bru\u{308}chig"),
        ("\u{d6}l", "O\u{308}l"),
        ("fa\u{e7}ade_fendue", "fac\u{327}ade_fendue"),
    ];
    for (one, two) in forms.into_iter().flat_map(|(c, d)| [(c, d), (d, c), (c, c)]) {
        let folder = tree(&[&format!("nut/test/{one}/0.png"), &format!("nut/ground_truth/{one}/0.png")]);
        let text = format!("name = 'x'\n[[defects]]\nname = '{two}'\n[products]\nnut = ['{one}']\n");
        let path = folder.path().join("x.toml");
        fs::write(&path, text).unwrap();
        let set = DataSet::open(folder.path(), None, Some(&path), Split::Test).unwrap();
        assert_eq!(set.class_of(&set.samples[0]), Some(0), "{one:?} {two:?}");
        assert_eq!(set.products["nut"], [0]);
    }
    // Without a description they are one class.
    let folder = tree(&["a.png", "b.png"]);
    let table = "image,mask,defect\na.png,,br\u{fc}chig\nb.png,,Bru\u{308}chig\n";
    fs::write(folder.path().join("images.csv"), table).unwrap();
    let set = DataSet::open(folder.path(), None, None, Split::Test).unwrap();
    assert_eq!(set.classes.iter().map(|class| &*class.name).collect::<Vec<_>>(), ["br\u{fc}chig"]);
    // One name in two forms is the same name twice.
    let text = "name = 'x'\n[[defects]]\nname = '\u{d6}l'\n[[defects]]\nname = 'O\u{308}l'\n";
    assert!(Description::parse(text, Path::new("x")).is_err());
}
