//! The readers on trees of files whose contents do not matter.

mod labels;
mod layouts;
mod lists;

use std::fs;
use std::path::Path;

use super::*;

/// Files below a temporary folder, each with its own name as contents.
fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    folder
}

/// Image, mask, product and defect as one line each, with paths relative to the root.
fn lines(root: &Path, samples: &[Sample]) -> Vec<String> {
    let relative = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    let line = |sample: &Sample| {
        let mask = match &sample.mask {
            Some(Mask::File(path)) => relative(path),
            Some(Mask::Boxes { boxes, .. }) => format!("{boxes:?}"),
            None => "-".into(),
        };
        let defect = sample.defect.as_deref().unwrap_or("-");
        format!("{} {mask} {} {defect}", relative(&sample.image), sample.product)
    };
    samples.iter().map(line).collect()
}

/// The problems as `KIND PATH`, sorted.
fn problems(root: &Path, problems: &[Problem]) -> Vec<String> {
    let line = |problem: &Problem| {
        let path = problem.path().strip_prefix(root).unwrap_or(problem.path());
        format!("{} {}", problem.kind(), path.to_string_lossy().replace('\\', "/"))
    };
    let mut lines: Vec<String> = problems.iter().map(line).collect();
    lines.sort();
    lines
}

#[track_caller]
fn refused(root: &Path, layout: Option<Layout>, words: &[&str]) {
    let message = read(root, layout, Split::Test).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

const PRODUCTS: [&str; 13] = [
    "nut/test/scratch/000.png",
    "nut/test/scratch/001.JPG",
    "nut/test/scratch-deep/000.png",
    "nut/test/good/000.png",
    "nut/train/good/007.png",
    "nut/ground_truth/scratch/000_mask.png",
    "nut/ground_truth/scratch/001.BMP",
    "nut/ground_truth/scratch-deep/000_mask.png",
    "nut/test/scratch/notes.txt",
    "nut/test/.cache/0.png",
    "ein Würfel/test/loch rund/a b.png",
    "ein Würfel/ground_truth/loch rund/a b_mask.tif",
    "papers/readme.txt",
];

#[test]
fn products_with_their_masks() {
    let folder = tree(&PRODUCTS);
    let root = folder.path();
    let samples = read(root, None, Split::Test).unwrap();
    assert_eq!(
        lines(root, &samples),
        [
            "ein Würfel/test/loch rund/a b.png ein Würfel/ground_truth/loch rund/a b_mask.tif ein Würfel loch rund",
            "nut/test/good/000.png - nut -",
            // '-' sorts before '/'.
            "nut/test/scratch-deep/000.png nut/ground_truth/scratch-deep/000_mask.png nut scratch-deep",
            "nut/test/scratch/000.png nut/ground_truth/scratch/000_mask.png nut scratch",
            "nut/test/scratch/001.JPG nut/ground_truth/scratch/001.BMP nut scratch",
        ]
    );
    let train = read(root, Some(Layout::Mvtec), Split::Train).unwrap();
    assert_eq!(lines(root, &train), ["nut/train/good/007.png - nut -"]);
    // One product is a data set, too.
    let one = read(&root.join("nut"), None, Split::Test).unwrap();
    assert_eq!(one, samples[1..]);
}

#[test]
fn a_defective_image_needs_its_mask() {
    let folder = tree(&["test/hole/7.png", "ground_truth/hole/8_mask.png"]);
    refused(folder.path(), None, &["test/hole/7.png", "'hole'", "7_mask.png"]);
    let folder = tree(&["test/hole/7.png"]);
    refused(folder.path(), None, &["ground_truth/hole/7_mask.png"]);
}

#[test]
fn nothing_to_read_says_what_is_expected() {
    let folder = tree(&["photos/0.png"]);
    refused(folder.path(), None, &["images.csv", "ground_truth", "test/DEFECT"]);
    refused(folder.path(), Some(Layout::Index), &["images.csv", "no such file"]);
    refused(folder.path(), Some(Layout::Mvtec), &["no image in the test part", "mvtec"]);
    refused(&folder.path().join("away"), None, &["away", "no such file or folder"]);
    refused(tree(&["train/good/0.png"]).path(), None, &["no image in the test part"]);
    refused(tree(&["images.npy", "labels.csv"]).path(), None, &["synth without --shards"]);
}

#[test]
fn names_of_layouts() {
    for layout in Layout::ALL {
        assert_eq!(layout.to_string().parse::<Layout>().unwrap(), layout);
    }
    let message = "voc".parse::<Layout>().unwrap_err().to_string();
    assert!(message.contains("'voc'") && message.contains("mvtec") && message.contains("index"));
}

/// A folder with a table and three images with masks.
fn indexed(table: &str) -> tempfile::TempDir {
    let folder = tree(&["a/1.png", "a/2, wide.png", "ü.jpg", "m/1.png", "m/2.png"]);
    fs::write(folder.path().join("images.csv"), table).unwrap();
    folder
}

#[test]
fn a_table_in_any_order_of_columns() {
    let table = "\u{feff}note,Defect, image ,mask,product\r\n\
                 x,deep cut,\"a/2, wide.png\",m/2.png,nut\r\n\
                 \"two\nlines\",Good,ü.jpg,,\r\n\
                 ,crack,a/1.png,m/1.png,bolt\r\n";
    let folder = indexed(table);
    let root = folder.path();
    let samples = read(root, None, Split::Test).unwrap();
    let name = folder_name(root);
    let expected = [
        "a/1.png m/1.png bolt crack".into(),
        "a/2, wide.png m/2.png nut deep cut".into(),
        format!("ü.jpg - {name} -"),
    ];
    assert_eq!(lines(root, &samples), expected);
    // The table itself may be named, and has no splits.
    assert_eq!(read(&root.join("images.csv"), None, Split::Train).unwrap(), samples);
}

#[test]
fn a_table_without_products_takes_the_name_of_its_folder() {
    let folder = indexed("image,mask,defect\na/1.png,,\nü.jpg,,normal\n");
    let samples = read(folder.path(), None, Split::Test).unwrap();
    assert!(samples.iter().all(|s| s.product == folder_name(folder.path()) && s.defect.is_none()));
}

#[test]
fn faults_of_a_table_name_the_line() {
    let check = |table: &str, words: &[&str]| refused(indexed(table).path(), None, words);
    check("image,mask\na/1.png,\n", &["images.csv", "no column 'defect'"]);
    check("", &["no column 'image'"]);
    check("image,mask,defect\n", &["no image", "index"]);
    check(
        "image,mask,defect\na/1.png,m/1.png,cut\na/9.png,,\n",
        &["line 3", "image \"a/9.png\" does not exist"],
    );
    check("image,mask,defect\na/1.png,m/9.png,cut\n", &["line 2", "mask \"m/9.png\" does not exist"]);
    check("image,mask,defect\na/1.png,,cut\n", &["line 2", "'cut'", "no mask"]);
    check("image,mask,defect\n,,cut\n", &["line 2", "image is empty"]);
    check("image,mask,defect\na/1.png,,\nü.jpg,,\na/../a/1.png,,\n", &["line 4", "already in line 2"]);
    check("image,mask,defect\na/1.png,,,\n", &["images.csv", "line: 2"]);
    let folder = indexed("");
    fs::write(folder.path().join("images.csv"), b"image,mask,defect\n\xff,,\n").unwrap();
    refused(folder.path(), None, &["UTF-8"]);
}

#[cfg(unix)]
#[test]
fn links_are_followed() {
    let folder = tree(&["store/abc", "nut/ground_truth/cut/0_mask.png", "nut/ground_truth/cut/1_mask.png"]);
    let root = folder.path();
    fs::create_dir_all(root.join("nut/test/cut")).unwrap();
    for name in ["0.png", "1.png"] {
        std::os::unix::fs::symlink("../../../store/abc", root.join("nut/test/cut").join(name)).unwrap();
    }
    std::os::unix::fs::symlink("nut", root.join("bolt")).unwrap();
    assert_eq!(read(&root.join("bolt"), None, Split::Test).unwrap().len(), 2);
    assert_eq!(read(&root.join("nut"), None, Split::Test).unwrap()[0].defect.as_deref(), Some("cut"));
}

#[test]
fn what_is_no_image_of_the_set_is_listed() {
    let folder = tree(&[
        "nut/test/good/0.png",
        "nut/test/good/face_mask.png",
        "nut/test/good/0_mask.png",
        "nut/test/good/a.gif",
        "nut/test/good/notes.txt",
        "nut/test/overlays/x.png",
        "nut/test/cut/0.png",
        "nut/ground_truth/cut/0_mask.png",
    ]);
    let root = folder.path();
    fs::write(root.join("nut/test/results.json"), "{\"schema\": \"dapo-wgpu/results/1\"}").unwrap();
    fs::write(root.join("nut/test/good/photo"), b"\xff\xd8\xff\xe0 JPEG").unwrap();
    let found = list(root, None, Split::Test).unwrap();
    let expected = [
        "nut/test/cut/0.png nut/ground_truth/cut/0_mask.png nut cut",
        "nut/test/good/0.png - nut -",
        "nut/test/good/face_mask.png - nut -",
    ];
    assert_eq!(lines(root, &found.samples), expected);
    assert_eq!(
        problems(root, &found.problems),
        [
            "left_out nut/test/good/0_mask.png",
            "left_out nut/test/good/a.gif",
            "left_out nut/test/good/photo",
            "left_out nut/test/overlays",
        ]
    );
    // Beside a defective image, a mask is what it should be.
    let folder = tree(&["good/0.png", "bad/1.png", "bad/1_mask.png", "bad/gas_mask.png"]);
    let found = list(folder.path(), None, Split::Test).unwrap();
    assert_eq!(found.samples.len(), 3);
    assert_eq!(problems(folder.path(), &found.problems), ["no_mask bad/gas_mask.png"]);
}
