//! Reads a whole data set and reports its contents.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::data_set::DataSet;
use super::description::{Description, Totals};
use super::open::Opened;
use crate::data::error::ImageError;
use crate::data::image::{ReadInfo, ReadOptions, with_photo};
use crate::data::samples::{Mask, MaskRemark, Problem, Sample, Split, same_shape, view};
use crate::data::tally::ReadTally;
use crate::files::read_regular;
use crate::words::plural;

/// Value of [`Inspection::schema`].
pub const SCHEMA: &str = "dapo-wgpu/data/1";

/// Problems of one kind that are printed.
const SHOWN: usize = 20;

/// Contents of a data set. Unreadable images are counted, too.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Inspection {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// Name of the data set.
    pub name: String,
    /// Its folder.
    pub root: String,
    /// Its layout.
    pub layout: String,
    /// The split that was read.
    pub split: &'static str,
    /// File or name of the description; absent where the classes are the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Numbers of images.
    pub totals: Totals,
    /// Expected numbers of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Totals>,
    /// Images that can be read.
    pub readable: usize,
    /// All classes in order.
    pub classes: Vec<String>,
    /// Each product.
    pub products: BTreeMap<String, ProductFacts>,
    /// Images of each size, `WIDTHxHEIGHT`.
    pub sizes: BTreeMap<String, usize>,
    /// Images of each view, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub views: BTreeMap<String, usize>,
    /// Its problems.
    pub problems: Vec<ProblemRecord>,
    /// Notes for the reader.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A product.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProductFacts {
    /// Good images.
    pub good: usize,
    /// Defective images by their labels.
    pub defects: BTreeMap<String, LabelFacts>,
    /// Its classes in order.
    pub classes: Vec<String>,
}

/// A label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LabelFacts {
    /// Its class.
    pub class: String,
    /// Images with it.
    pub images: usize,
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProblemRecord {
    /// See [`Problem::kind`].
    pub kind: &'static str,
    /// The file or folder concerned.
    pub path: String,
    /// What is wrong and how to fix it.
    pub message: String,
}

/// Facts about one image.
struct Read {
    info: Option<ReadInfo>,
    digest: Option<[u8; 32]>,
    problems: Vec<Problem>,
}

/// Reads every image and mask; `tick` is called after each.
pub fn inspect(opened: &Opened, tick: &(dyn Fn() + Sync)) -> Inspection {
    let Opened { set, description, split } = opened;
    let reads: Vec<Read> = set
        .samples
        .par_iter()
        .map(|sample| {
            let found = read(sample);
            tick();
            found
        })
        .collect();
    let mut problems = set.problems.clone();
    let (mut sizes, mut views) = (BTreeMap::new(), BTreeMap::new());
    let mut first: HashMap<[u8; 32], &Path> = HashMap::new();
    let (mut readable, mut tally) = (0, ReadTally::default());
    for (sample, found) in set.samples.iter().zip(reads) {
        problems.extend(found.problems);
        if let Some(info) = found.info {
            readable += 1;
            tally.add(&info);
            let (width, height) = info.frame.size;
            *sizes.entry(format!("{width}x{height}")).or_default() += 1;
        }
        if let Some(view) = view(&sample.image) {
            *views.entry(view.to_owned()).or_default() += 1;
        }
        if let Some(digest) = found.digest {
            match first.get(&digest) {
                Some(of) => {
                    problems.push(Problem::Duplicate { image: sample.image.clone(), of: (*of).to_owned() });
                }
                None => drop(first.insert(digest, &sample.image)),
            }
        }
    }
    let expected = description.as_ref().and_then(|d| match split {
        Split::Train => d.expected.train,
        Split::Test => d.expected.test,
    });
    let record = |p: &Problem| ProblemRecord {
        kind: p.kind(),
        path: p.path().display().to_string(),
        message: p.to_string(),
    };
    Inspection {
        schema: SCHEMA,
        name: set.name.clone(),
        root: set.root.display().to_string(),
        layout: set.layout.to_string(),
        split: split.name(),
        description: description.as_ref().map(|d| d.origin.display().to_string()),
        totals: Totals {
            images: set.samples.len(),
            defective: set.samples.iter().filter(|s| s.defect.is_some()).count(),
        },
        expected,
        readable,
        classes: set.classes.iter().map(|class| class.name.clone()).collect(),
        products: products(set),
        sizes,
        views,
        problems: problems.iter().map(record).collect(),
        notes: notes(set, description.as_ref()).into_iter().chain(tally.lines()).collect(),
    }
}

/// Reads one image and its mask.
fn read(sample: &Sample) -> Read {
    let mut problems = Vec::new();
    let unreadable =
        |path: &Path, e: &ImageError| Problem::Unreadable { path: path.into(), reason: e.to_string() };
    let image = with_photo(&sample.image, ReadOptions::default(), |_, info| info);
    let mut info = match image {
        Ok(info) => Some(info),
        Err(e) => {
            problems.push(unreadable(&sample.image, &e));
            None
        }
    };
    let mask = sample.mask.as_ref().filter(|_| sample.defect.is_some());
    let size = info.as_ref().map(|info| info.frame.size);
    let mut pixels = |mask: &Mask| {
        let (pixels, note) = mask.read_for(info.as_ref().map(|info| &info.frame))?;
        if let Some(info) = &mut info {
            info.notes.extend(note.map(str::to_owned));
        }
        Ok::<_, ImageError>(pixels)
    };
    match mask.map(|mask| (mask, pixels(mask))) {
        None => {}
        Some((mask, Err(e))) => {
            let path = match mask {
                Mask::File(path) => path,
                Mask::Boxes { .. } => &sample.image,
            };
            problems.push(unreadable(path, &e));
        }
        Some((_, Ok(mask))) => {
            let image = || sample.image.clone();
            problems.extend(mask.remarks.iter().map(|remark| match remark {
                MaskRemark::Empty => Problem::EmptyMask { image: image() },
                remark => Problem::Mask { image: image(), remark: *remark },
            }));
            let mask_size = mask.image.dimensions();
            if let Some(image_size) = size.filter(|size| *size != mask_size) {
                problems.push(Problem::MaskSize { image: image(), image_size, mask_size });
                if !same_shape(image_size, mask_size) {
                    problems.push(Problem::Mask { image: image(), remark: MaskRemark::Shape });
                }
            }
            if let Some(size) = mask.vanishes_at() {
                problems.push(Problem::MaskVanishes { image: image(), size });
            }
        }
    }
    let bytes = read_regular(&sample.image).ok().filter(|bytes| !bytes.is_empty());
    Read { info, digest: bytes.map(|bytes| Sha256::digest(bytes).into()), problems }
}

/// The images of each product, counted.
fn products(set: &DataSet) -> BTreeMap<String, ProductFacts> {
    let name = |class: usize| set.classes[class].name.clone();
    let facts = |(product, classes): (&String, &Vec<usize>)| {
        let classes = classes.iter().map(|&class| name(class)).collect();
        (product.clone(), ProductFacts { classes, ..ProductFacts::default() })
    };
    let mut found: BTreeMap<String, ProductFacts> = set.products.iter().map(facts).collect();
    for sample in &set.samples {
        let product = found.entry(sample.product.clone()).or_default();
        match &sample.defect {
            None => product.good += 1,
            Some(label) => {
                let facts = product.defects.entry(label.clone()).or_default();
                facts.class = set.class_of(sample).map_or_else(String::new, name);
                facts.images += 1;
            }
        }
    }
    found
}

/// Notes on what a reader may not expect.
fn notes(set: &DataSet, description: Option<&Description>) -> Vec<String> {
    let mut notes = Vec::new();
    if description.is_none() {
        if let Some(more) = Description::of_more_than(set.products.keys()) {
            notes.push(format!(
                "if this is a part of {name}, give its classes with --description {name}",
                name = more.name
            ));
        }
        if !set.classes.is_empty() && set.products.values().all(Vec::is_empty) {
            notes.push("labels do not name the defects: types are not evaluated".to_owned());
        }
    }
    notes
}

impl Inspection {
    /// The report as text.
    pub fn text(&self) -> String {
        let mut lines = vec![
            format!("{} ({}, layout {}, images for {})", self.name, self.root, self.layout, self.split),
            match &self.description {
                Some(origin) => format!("description: {origin}"),
                None => "description: none; the classes are the labels".to_owned(),
            },
            format!(
                "classes: {}",
                if self.classes.is_empty() { "none".into() } else { self.classes.join(", ") }
            ),
        ];
        lines.extend(self.products.iter().map(|(name, facts)| product_line(name, facts)));
        lines.push(format!("image sizes: {}", most(&self.sizes)));
        if !self.views.is_empty() {
            lines.push(format!("views: {}", most(&self.views)));
        }
        let Totals { images, defective } = self.totals;
        lines.push(match self.expected {
            None => format!("total: {}, {defective} defective", plural(images, "image")),
            Some(expected) if expected == self.totals => {
                format!("total: {}, {defective} defective, as expected", plural(images, "image"))
            }
            Some(expected) => format!(
                "total: {}, {defective} defective; expected {} and {}",
                plural(images, "image"),
                expected.images,
                expected.defective
            ),
        });
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        let mut by_kind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for problem in &self.problems {
            by_kind.entry(problem.kind).or_default().push(&problem.message);
        }
        if by_kind.is_empty() {
            lines.push("no problems".to_owned());
        }
        for (kind, messages) in by_kind {
            lines.push(format!("problem {kind}: {}", messages.len()));
            lines.extend(messages.iter().take(SHOWN).map(|message| format!("  {message}")));
            if messages.len() > SHOWN {
                lines.push(format!("  and {} more, which --json lists", messages.len() - SHOWN));
            }
        }
        lines.join("\n") + "\n"
    }
}

/// The most frequent of several counts, and how many others there are.
fn most(counts: &BTreeMap<String, usize>) -> String {
    const SHOWN: usize = 6;
    let mut counts: Vec<(&String, &usize)> = counts.iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(**n)); // stable: equal ones stay in the order of their names
    let mut parts: Vec<String> = counts.iter().take(SHOWN).map(|(name, n)| format!("{name} ({n})")).collect();
    if counts.len() > SHOWN {
        let others: usize = counts[SHOWN..].iter().map(|(_, n)| **n).sum();
        parts.push(format!("{} ({others})", plural(counts.len() - SHOWN, "other")));
    }
    parts.join(", ")
}

/// A product in a line.
fn product_line(name: &str, facts: &ProductFacts) -> String {
    let mut parts = vec![format!("{} good", facts.good)];
    parts.extend(facts.defects.iter().map(|(label, facts)| match facts.class == *label {
        true => format!("{} {label}", facts.images),
        false => format!("{} {label} ({})", facts.images, facts.class),
    }));
    format!("  {name}: {}", parts.join(", "))
}
