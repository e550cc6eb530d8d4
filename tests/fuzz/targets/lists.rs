//! Lists of labelled images, and descriptions of data sets.

use std::path::Path;

use dapo_wgpu::data::samples::{GoodWords, Layout, Mask, Split, is_unnamed};
use dapo_wgpu::data::sets::{Description, open_with};
use serde_json::json;

use super::{Desk, Form, Target, plain};

pub fn targets() -> Vec<Target> {
    vec![
        plain("index_csv", Form::Text, indices, |input, desk| {
            listed(input, desk, Layout::Index, "images.csv")
        }),
        plain("visa_csv", Form::Text, splits, visa),
        plain("meta_json", Form::Json, metas, |input, desk| listed(input, desk, Layout::Meta, "meta.json")),
        plain("coco_json", Form::Json, cocos, |input, desk| {
            listed(input, desk, Layout::Coco, "_annotations.coco.json")
        }),
        plain("real_iad_json", Form::Json, real_iads, real_iad),
        plain("description", Form::Text, descriptions, description),
        plain("labels", Form::Text, labels, words),
    ]
}

/// Images that lists can name. They are listed, not decoded.
fn images(desk: &Desk, folder: &str) {
    if !desk.path().join(folder).exists() {
        for name in ["a.png", "b.png", "c/d.png", "images/e.png", "c/Data/Images/Anomaly/0.JPG", "m.png"] {
            desk.file(&format!("{folder}/{name}"), b"not decoded");
        }
    }
}

fn listed(input: &[u8], desk: &Desk, layout: Layout, name: &str) -> bool {
    let folder = layout.to_string();
    images(desk, &folder);
    let list = desk.file(&format!("{folder}/{name}"), input);
    let root = list.parent().expect("a folder");
    look(root, None);
    look(root, Some(layout))
}

fn look(root: &Path, layout: Option<Layout>) -> bool {
    let mut valid = false;
    for split in [Split::Test, Split::Train] {
        let found = open_with(root, layout, None, split, &["fine".to_owned()]);
        let Ok(found) = found else { continue };
        valid = true;
        for sample in &found.set.samples {
            // Boxes are drawn at the size that the list gives.
            if let Some(mask @ Mask::Boxes { width, height, .. }) = &sample.mask
                && u64::from(*width) * u64::from(*height) < 1 << 16
            {
                let _ = mask.read();
            }
        }
        let _ = found.set.problems.iter().map(ToString::to_string).count();
    }
    valid
}

fn indices() -> Vec<Vec<u8>> {
    vec![
        b"image,mask,defect,product\na.png,,good,nut\nb.png,m.png,bent lead,nut\nc/d.png,m.png,\"cut, deep\",bolt\n"
            .to_vec(),
        b"\xef\xbb\xbfdefect;image\n".to_vec(),
        b"defect,image,mask\nok,a.png,\n".to_vec(),
    ]
}

fn visa(input: &[u8], desk: &Desk) -> bool {
    images(desk, "visa");
    let [splits, labels] = super::bytes::split(input)[..] else { return false };
    desk.file("visa/split_csv/1cls.csv", splits);
    desk.file("visa/c/image_anno.csv", labels);
    look(&desk.path().join("visa"), Some(Layout::Visa))
}

fn splits() -> Vec<Vec<u8>> {
    let splits = b"object,split,label,image,mask\nc,test,anomaly,c/Data/Images/Anomaly/0.JPG,m.png\n";
    let labels = b"image,label,mask\nc/Data/Images/Anomaly/0.JPG,\"bent,melded\",m.png\n";
    vec![super::bytes::joined(&[splits, labels])]
}

fn metas() -> Vec<Vec<u8>> {
    let items = json!({"nut": [
        {"img_path": "a.png", "mask_path": "", "cls_name": "nut", "specie_name": "good", "anomaly": 0},
        {"img_path": "b.png", "mask_path": "m.png", "cls_name": "nut", "specie_name": "bent", "anomaly": "1"},
        {"img_path": "c/d.png", "anomaly": true}], "bolt": []});
    vec![json!({"train": {}, "test": items}).to_string().into(), items.to_string().into()]
}

fn cocos() -> Vec<Vec<u8>> {
    let whole = json!({
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}, {"id": 2, "file_name": "b.png"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1.5, 2, 10, 8.25]},
            {"id": 2, "image_id": 1, "category_id": 3, "bbox": [30, 20, 100, 80]}],
        "categories": [{"id": 3, "name": "bent"}, {"id": 4, "name": "good"}]});
    vec![whole.to_string().into()]
}

fn real_iad(input: &[u8], desk: &Desk) -> bool {
    if !desk.path().join("real").exists() {
        for name in ["OK/S0001/a_C1_.jpg", "NG/AK/S0001/b_C1_.jpg", "NG/AK/S0001/b_C1_.png"] {
            desk.file(&format!("real/nut/{name}"), b"not decoded");
        }
    }
    desk.file("real/nut.json", input);
    look(&desk.path().join("real"), Some(Layout::RealIad))
}

fn real_iads() -> Vec<Vec<u8>> {
    let whole = json!({"meta": {"prefix": "nut/", "normal_class": "OK"},
        "train": [{"category": "nut", "anomaly_class": "OK", "image_path": "OK/S0001/a_C1_.jpg", "mask_path": null}],
        "test": [{"category": "nut", "anomaly_class": "AK", "image_path": "NG/AK/S0001/b_C1_.jpg",
            "mask_path": "NG/AK/S0001/b_C1_.png"}]});
    vec![whole.to_string().into()]
}

/// A description as `--classes` takes it, on a small data set.
fn description(input: &[u8], desk: &Desk) -> bool {
    images(desk, "described");
    desk.file("described/images.csv", &indices()[0]);
    let path = desk.file("described.toml", input);
    let root = desk.path().join("described");
    Description::load(&path).is_ok() && open_with(&root, None, Some(&path), Split::Test, &[]).is_ok()
}

fn descriptions() -> Vec<Vec<u8>> {
    let own = "name = 'x'\nsingle_type = true\ngood = ['fine']\nlist = 'meta.json'\n[expected.test]\nimages = 3\n\
               defective = 2\n[[defects]]\nname = 'bent'\ntrain = 'bent part'\nlabels = ['bent*', '*cut*']\n\
               [products]\nnut = ['bent']\nbolt = []\n";
    vec![own.into(), include_bytes!("../../../configs/datasets/mpdd.toml").to_vec()]
}

/// A label, and words that a user adds for "good".
fn words(input: &[u8], _: &Desk) -> bool {
    let text = String::from_utf8_lossy(input);
    let (added, label) = text.split_once('\n').unwrap_or(("", &text));
    let good = GoodWords::with(added.split(','));
    let _ = (good.means(label), good.defect(label), good.resembled(label), is_unnamed(label));
    let names: Vec<(&Path, &Path)> = text.lines().map(|line| (Path::new(""), Path::new(line))).collect();
    let unique = dapo_wgpu::data::unique_names(&names);
    assert_eq!(unique.len(), names.len());
    let is_below = |name: &String| {
        let mut parts = Path::new(name).components();
        parts.all(|part| matches!(part, std::path::Component::Normal(_)))
    };
    assert!(unique.iter().all(is_below), "{unique:?}");
    true
}

fn labels() -> Vec<Vec<u8>> {
    ["fine,i.O.\nnot_good parts", "\ndefect-free\nx/../y.png\nx.png", "a\n0.0\n0.bmp\n0.png"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}
