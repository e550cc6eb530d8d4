//! The page of an evaluation in a real browser, at desktop and phone width: its script runs, the slider moves
//! what it should, and nothing is wider than the window.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dapo_wgpu::report::metrics::{
    Confusion, DataAbout, Figure, Figures, ImageRecord, Metrics, ProductMetrics, SCHEMA, TypeFigures,
};
use dapo_wgpu::report::results::{Adapter, FailedImage, Model, Program};
use dapo_wgpu::report::{EvaluationOptions, EvaluationPage, MapView, ReportImage, outline};
use serde_json::Value;

const PRODUCTS: [&str; 3] = ["leather", "metal_nut_with_a_very_long_name_for_a_product", "pill"];
const DEFECTS: [&str; 4] = ["broken", "contamination", "crack", "scratch"];
const IMAGES: usize = 360;

/// Numbers in 0..1 that only look random.
fn dice(i: usize) -> f32 {
    ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32
}

fn figures(shift: f64, undefined: Option<Figure>) -> Figures {
    let value = |figure: Figure| (figure, 0.9 - shift - 0.01 * figure.key().len() as f64);
    let values: BTreeMap<Figure, f64> =
        Figure::ALL.into_iter().filter(|f| Some(*f) != undefined).map(value).collect();
    let reason = "no defective image of this product has a mask, so no pixel is known to be defective";
    Figures {
        undefined: undefined.into_iter().map(|figure| (figure, reason.to_owned())).collect(),
        intervals: values.iter().map(|(f, v)| (*f, [v - 0.031, v + 0.027])).collect(),
        values,
        ..Figures::default()
    }
}

fn product(at: usize) -> ProductMetrics {
    let mut names = vec!["normal".to_owned()];
    names.extend(DEFECTS.map(str::to_owned));
    let count = |scale: u64| {
        let cell =
            |i: usize, j: usize| if i == j { 900 * scale } else { (dice(i * 7 + j) * 80.0) as u64 * scale };
        (0..names.len()).map(|i| (0..names.len()).map(|j| cell(i, j)).collect()).collect()
    };
    let kind = |i: usize| TypeFigures {
        auroc: Some(0.9 - 0.05 * i as f64),
        ap: (i != 2).then_some(0.4),
        f1: Some(0.3),
        support: 12_345 * i as u64,
    };
    ProductMetrics {
        figures: figures(0.05 * at as f64, (at == 1).then_some(Figure::Aupro)),
        images: IMAGES / 3,
        defective: IMAGES / 6,
        types: names.iter().enumerate().map(|(i, name)| (name.clone(), kind(i))).collect(),
        image_confusion: Some(Confusion { names: names.clone(), counts: count(1) }),
        pixel_confusion: Some(Confusion { names: names.clone(), counts: count(12_345) }),
        ..ProductMetrics::default()
    }
}

fn metrics() -> Metrics {
    let kind = |i: usize| TypeFigures { auroc: Some(0.8), ap: Some(0.3), f1: Some(0.2), support: i as u64 };
    Metrics {
        schema: SCHEMA.into(),
        program: Program { name: "dapo-wgpu".into(), version: "0.1.0".into() },
        method: "clip".into(),
        data: DataAbout {
            name: "MVTec-AD".into(),
            layout: "mvtec".into(),
            images: IMAGES + 1,
            list_sha256: "0123456789abcdef".repeat(4),
            ..DataAbout::default()
        },
        model: Some(Model {
            name: "dapo-nano".into(),
            path: String::new(),
            image_size: 128,
            patch_size: 8,
            embed_dim: 128,
            precision: "f32".into(),
            demonstration: true,
            weights_sha256: Some("fedcba9876543210".repeat(4)),
        }),
        adapter: Some(Adapter {
            name: "llvmpipe (LLVM 15.0.6, 256 bits)".into(),
            backend: "vulkan".into(),
            kind: "cpu (software)".into(),
            driver: "llvmpipe Mesa 22.3.6".into(),
            software: true,
        }),
        defects: DEFECTS.map(str::to_owned).to_vec(),
        settings: BTreeMap::from([("bootstrap".into(), 1000.into()), ("seed".into(), 7.into())]),
        mean: figures(0.05, None),
        products: PRODUCTS.iter().enumerate().map(|(i, name)| ((*name).to_owned(), product(i))).collect(),
        types: DEFECTS.iter().enumerate().map(|(i, name)| ((*name).to_owned(), kind(i))).collect(),
        failed: vec![FailedImage {
            path: "pill/test/crack/a_file_with_a_long_name_that_has_no_place_to_break_it_000123.png".into(),
            error: "the file ends in the middle of the picture".into(),
            hint: "copy it again".into(),
        }],
        notes: vec!["Made-up numbers that only show the page.".into()],
    }
}

fn record(index: usize) -> ImageRecord {
    let defective = index % 2 == 1;
    let score = 0.42 + 0.08 * dice(index) + if defective { 0.05 * dice(index + 7777) } else { 0.0 };
    let defect = DEFECTS[index % DEFECTS.len()];
    ImageRecord {
        index,
        path: format!(
            "{}/test/{}/{index:03}.png",
            PRODUCTS[index % 3],
            if defective { defect } else { "good" }
        ),
        product: PRODUCTS[index % 3].into(),
        truth: defective.then(|| defect.to_owned()),
        score: Some(score),
        predicted: Some(DEFECTS[(index / 3) % DEFECTS.len()].into()),
        error: None,
        remarks: Vec::new(),
        content: None,
        notes: Vec::new(),
    }
}

/// A sample picture with a made-up map of one spot.
fn pictures(index: usize) -> ReportImage {
    const SAMPLES: [&str; 4] =
        ["leather_good", "metal_nut_contamination", "pill_crack", "woven_fabric_thread"];
    let file = format!("docs/samples/{}.png", SAMPLES[index / 2 % SAMPLES.len()]);
    let thumbnail =
        image::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a sample").to_rgb8();
    let spot = |x: usize, y: usize| {
        let (dx, dy) = (x as f32 - 32.0 * dice(index * 31 + 5), y as f32 - 32.0 * dice(index * 17 + 3));
        (-(dx * dx + dy * dy) / 30.0).exp()
    };
    let values: Vec<f32> = (0..1024).map(|i| spot(i % 32, i / 32)).collect();
    let map = MapView::new(&values, 32, 32).expect("a map");
    let (heat, colours) = (map.layer(192, 192), map.colours(256, 256));
    let class_maps = DEFECTS.map(|name| (name.to_owned(), colours.clone())).to_vec();
    let mask: Vec<bool> = values.iter().map(|&value| value > 0.5).collect();
    let truth = Some(outline(&mask, 32, thumbnail.width(), thumbnail.height()));
    ReportImage { thumbnail, heat, class_maps, truth, likeness: Vec::new() }
}

fn page() -> String {
    let command = "dapo-wgpu evaluate data/mvtec --model models/vit-l-14-336 --out out/mvtec".to_owned();
    let mut page = EvaluationPage::new(EvaluationOptions {
        command,
        threshold: 0.4625,
        max_inline: 6,
        ..Default::default()
    });
    for record in (0..IMAGES).map(record) {
        let picture = page.would_keep(&record).then(|| pictures(record.index));
        page.push(&record, picture.as_ref()).expect("push");
    }
    page.html(&metrics())
}

/// Chromium, by any of its names.
fn browser() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        let version =
            Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    })
}

/// Records every error from the first line on.
const BEFORE: &str = "<script>const faults = []; addEventListener('error', (e) => faults.push(e.message));\
                      addEventListener('securitypolicyviolation', (e) => faults.push(e.blockedURI));</script>";

/// Uses the page as a reader would, and posts what it saw to the enclosing page.
const AFTER: &str = r#"<script>
addEventListener("load", () => {
  const byId = (id) => document.getElementById(id);
  const use = (id, value, event) => { byId(id).value = value; byId(id).dispatchEvent(new Event(event)); };
  const state = () => ({
    value: byId("threshold-value").textContent,
    words: byId("threshold-words").textContent,
    cells: [...byId("counts").rows[1].cells].slice(1).map((cell) => cell.textContent),
    verdicts: [...document.querySelectorAll(".item .verdict")].map((v) => v.textContent).join(),
    flags: document.querySelectorAll(".item.flag").length,
    mark: document.querySelector("[data-mark=roc]").getAttribute("transform"),
  });
  // Boxes that scroll by themselves may hold wider things.
  const wide = () => [...document.querySelectorAll("body *")]
    .filter((e) => !e.parentElement.closest(".scroll, svg") && !e.classList.contains("skip"))
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5)
    .map((e) => `${e.tagName}.${e.className}`);
  const seen = { width: innerWidth, start: state(), panels: [] };
  use("threshold", 0, "input");
  seen.lowest = state();
  use("threshold", byId("threshold").max, "input");
  seen.highest = state();
  byId("threshold-reset").click();
  seen.reset = state();
  for (const option of byId("group").options) {
    use("group", option.value, "change");
    const shown = [...document.querySelectorAll(".panel")].filter((p) => !p.hidden).map((p) => p.dataset.group);
    seen.panels.push({ shown: shown.join(), wide: wide(), sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth });
  }
  use("opacity-all", 0, "input");
  seen.opacity = [...new Set([...document.querySelectorAll(".heat")].map((h) => h.style.opacity))].join();
  for (const d of document.querySelectorAll("details")) d.open = true;
  seen.wideWhenOpen = wide();
  seen.unnamed = [...document.querySelectorAll("input, select, button")]
    .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim())).length;
  seen.faults = faults;
  parent.postMessage(JSON.stringify(seen), "*");
});
</script>"#;

/// Loads the page in a window of this width and answers what [`AFTER`] saw.
fn visit(browser: &str, page: &Path, width: u32) -> Value {
    let profile = tempfile::tempdir().expect("a folder");
    // A window has a least width; a frame has none.
    let frame = page.with_extension(format!("{width}.html"));
    let name = page.file_name().and_then(|n| n.to_str()).expect("a name");
    let script = "onmessage = (e) => { document.title = e.data; }";
    let html = format!(
        "<!DOCTYPE html><title>nothing</title><script>{script}</script>\
         <iframe src=\"{name}\" style=\"width:{width}px;height:900px;border:0\"></iframe>"
    );
    fs::write(&frame, html).expect("write");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1600,1000",
        ])
        .args(["--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", frame.display()))
        .stderr(Stdio::null())
        .output()
        .expect("the browser runs");
    let dom = String::from_utf8_lossy(&output.stdout);
    let title =
        dom.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or_default();
    let title = title.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&title).unwrap_or_else(|e| panic!("{e}; the page said {title:?}"))
}

#[test]
fn the_page_works_in_a_browser_at_desktop_and_phone_width() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("evaluation_page");
    fs::create_dir_all(&folder).expect("a folder");
    let html = page();
    assert_eq!(html, page(), "the same bytes for the same inputs");
    fs::write(folder.join("report.html"), &html).expect("write");
    let Some(browser) = browser() else {
        let words = "tests/evaluation_page.rs: NOT RUN: there is no chromium, chromium-browser or google-chrome on the \
                     path, so the page of an evaluation was not tried in a browser (Debian: apt-get install chromium)";
        // The test harness hides what a passing test prints.
        writeln!(std::io::stderr(), "{words}").expect("standard error");
        return;
    };
    let probed = html
        .replacen("<meta charset", &format!("{BEFORE}<meta charset"), 1)
        .replace("</body>", &format!("{AFTER}</body>"));
    let file = folder.join("probed.html");
    fs::write(&file, probed).expect("write");
    for width in [1280, 390] {
        let seen = visit(browser, &file, width);
        assert_eq!(seen["width"], width, "{seen:#}");
        assert_eq!(seen["faults"], Value::Array(Vec::new()), "{seen:#}");
        assert_eq!(seen["start"], seen["reset"], "the button goes back");
        assert_eq!(seen["start"]["value"], "0.4625");
        let (half, all) = ((IMAGES / 2).to_string(), IMAGES / 2);
        assert_eq!(seen["lowest"]["cells"], serde_json::json!([half, half, half, "0", "50.0", "100.0"]));
        assert_eq!(seen["highest"]["cells"], serde_json::json!([half, half, "0", half, "–", "0.0"]));
        let words = format!(
            "{all} false alarms among {all} good images, 0 misses among {all} defective ones; precision 50.0 %, recall 100.0 %"
        );
        assert_eq!(seen["lowest"]["words"], words.as_str());
        let verdicts = |state: &str| seen[state]["verdicts"].as_str().expect("words").to_owned();
        assert!(!verdicts("lowest").contains("missed") && verdicts("lowest").contains("found"));
        assert!(!verdicts("highest").contains("found") && verdicts("highest").contains("missed"));
        assert_eq!(seen["highest"]["flags"], 0);
        assert_ne!(seen["lowest"]["mark"], seen["highest"]["mark"], "the mark on the curve moves");
        assert_eq!(seen["opacity"], "0");
        assert_eq!(seen["unnamed"], 0, "every control has a name");
        let panels = seen["panels"].as_array().expect("panels");
        assert_eq!(panels.len(), 1 + PRODUCTS.len());
        for (i, panel) in panels.iter().enumerate() {
            assert_eq!(panel["shown"], i.to_string(), "one panel at a time");
            assert_eq!(panel["wide"], Value::Array(Vec::new()), "wider than {width} px");
            assert_eq!(panel["sideways"], 0, "the page scrolls sideways at {width} px");
        }
        assert_eq!(seen["wideWhenOpen"], Value::Array(Vec::new()), "wider than {width} px");
    }
}
