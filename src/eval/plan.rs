//! What there is to do: the images of a data set in a fixed order, and the share of each machine.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::data::samples::{Mask, Problem};
use crate::data::sets::DataSet;
use crate::data::unique_names;
use crate::report::metrics::DataAbout;
use crate::report::results::LeftOut;

/// One image.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The file.
    pub image: PathBuf,
    /// Its path relative to the data set, with `/`.
    pub path: String,
    /// Its mask; a good image needs none.
    pub mask: Option<Mask>,
    /// Position among the products.
    pub product: usize,
    /// Position among all defect classes; none for a good image.
    pub class: Option<usize>,
}

/// A kind of part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its name.
    pub name: String,
    /// Which of all defect classes it can show, in order.
    pub classes: Vec<usize>,
}

/// All images, products one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// About the data set.
    pub data: DataAbout,
    /// All defect classes, for the decision good or defective.
    pub classes: Vec<String>,
    /// The products, by name.
    pub products: Vec<Product>,
    /// The images, by product and path.
    pub items: Vec<Item>,
}

/// The largest number of parts.
pub const MAX_SHARDS: usize = 100_000;

/// One of the equal parts of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((number, of)) if 1 <= number && number <= of && of <= MAX_SHARDS => Ok(Shard { number, of }),
            _ => Err("expected a part as i/n, such as 1/7, i from 1 to n".to_owned()),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Plan {
    /// The images of a data set in the order of evaluation: by product, then by path.
    pub fn of(set: &DataSet) -> Self {
        let mut names: Vec<&String> = set.samples.iter().map(|sample| &sample.product).collect();
        names.sort();
        names.dedup();
        let classes_of = |name: &String| set.products.get(name).cloned().unwrap_or_default();
        let mut items: Vec<Item> = set
            .samples
            .iter()
            .map(|sample| Item {
                path: relative(&sample.image, &set.root),
                image: sample.image.clone(),
                mask: sample.mask.clone(),
                product: names.binary_search(&&sample.product).unwrap_or(0),
                class: set.class_of(sample),
            })
            .collect();
        items.sort_by_cached_key(|item| (item.product, item.path.clone()));
        let mut hash = Sha256::new();
        for item in &items {
            let mask = item.mask.as_ref().map(|mask| mask.label(&set.root)).unwrap_or_default();
            let class = item.class.map_or("good", |c| &set.classes[c].name);
            hash.update(format!("{}\t{mask}\t{}\t{class}\n", item.path, names[item.product]));
        }
        Self {
            data: DataAbout {
                name: set.name.clone(),
                layout: set.layout.to_string(),
                images: items.len(),
                list_sha256: hash.finalize().iter().map(|b| format!("{b:02x}")).collect(),
                left_out: left_out(set),
                notes: notes(set),
            },
            classes: set.classes.iter().map(|class| class.name.clone()).collect(),
            products: names
                .iter()
                .map(|name| Product { name: (*name).clone(), classes: classes_of(name) })
                .collect(),
            items,
        }
    }

    /// Positions of the images of a part, in order. Parts take turns, so that each sees all products and none has
    /// all the slow images.
    pub fn part(&self, shard: Shard) -> Vec<usize> {
        (0..self.items.len()).filter(|i| i % shard.of == shard.number - 1).collect()
    }

    /// A name for the maps of each image, unlike all others: its path without extension, or with it where several images
    /// differ in it only.
    pub fn map_names(&self) -> Vec<String> {
        let one = Path::new("");
        let paths: Vec<(&Path, &Path)> = self.items.iter().map(|item| (one, Path::new(&item.path))).collect();
        unique_names(&paths)
    }

    /// Names of the classes of a product, normal first.
    pub fn names(&self, product: usize) -> Vec<String> {
        let defects = self.products[product].classes.iter().map(|&c| self.classes[c].clone());
        std::iter::once(crate::report::results::NORMAL.to_owned()).chain(defects).collect()
    }

    /// The class of an image among those of its product: 0 is normal.
    pub fn class_in_product(&self, item: &Item) -> usize {
        let place = |class| self.products[item.product].classes.iter().position(|&c| c == class);
        item.class.and_then(place).map_or(0, |at| at + 1)
    }
}

/// What the data set holds besides the images of the plan.
fn left_out(set: &DataSet) -> LeftOut {
    const NAMED: usize = 5;
    let mut found = LeftOut::new();
    for problem in &set.problems {
        let code = match problem {
            Problem::LeftOut { reason, .. } => reason.code(),
            Problem::Dropped { .. } | Problem::BrokenLink { .. } => problem.kind(),
            Problem::Entry { .. } | Problem::MissingFile { what: "image", .. } => problem.kind(),
            _ => continue,
        };
        let files = found.entry(code.to_owned()).or_default();
        files.count += 1;
        if files.first.len() < NAMED {
            files.first.push(match problem {
                Problem::MissingFile { file, .. } => file.clone(),
                Problem::Entry { place, .. } => place.clone(),
                _ => relative(problem.path(), &set.root),
            });
        }
    }
    found
}

/// Remarks about labels and boxes, without the folder of the data set, which may lie elsewhere on each machine.
fn notes(set: &DataSet) -> Vec<String> {
    const SHOWN: usize = 10;
    let of_labels =
        |problem: &&Problem| matches!(problem, Problem::LikeGood { .. } | Problem::BoxOutside { .. });
    let root = format!("{}{}", set.root.display(), std::path::MAIN_SEPARATOR);
    let all = || set.problems.iter().filter(of_labels);
    let text = |problem: &Problem| problem.to_string().replace(&root, "");
    let more = all().count().checked_sub(SHOWN).filter(|more| *more > 0);
    let more = more.map(|more| format!("{more} more of the kind; dapo-wgpu data inspect lists all"));
    all().take(SHOWN).map(text).chain(more).collect()
}

/// A path below `root`, with `/` on every system.
fn relative(path: &Path, root: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_by_number() {
        assert_eq!("2/7".parse(), Ok(Shard { number: 2, of: 7 }));
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0", "1/3/5", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn parts_make_the_whole() {
        let item = |n: usize| Item {
            image: format!("{n}.png").into(),
            path: format!("{n}.png"),
            mask: None,
            product: 0,
            class: None,
        };
        let plan = Plan {
            data: DataAbout::default(),
            classes: vec!["hole".into()],
            products: vec![Product { name: "nut".into(), classes: vec![0] }],
            items: (0..10).map(item).collect(),
        };
        let mut all: Vec<usize> = (1..=3).flat_map(|number| plan.part(Shard { number, of: 3 })).collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        assert_eq!(plan.names(0), ["normal", "hole"]);
    }
}
