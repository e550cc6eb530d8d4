//! From labels to classes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use super::class::{Class, class_of, words};
use super::data_set::DataSet;
use super::description::Description;
use crate::data::samples::{self, Layout, Problem, SampleError, Split, is_unnamed};

/// Classes where labels do not name the defects. The first is the class of such labels.
const USUAL: [&str; 6] = ["damage", "scratch", "hole", "contamination", "missing", "crack"];

/// Classes without a description: the labels in words, in the order of the words.
pub(super) fn take_labels(set: &mut DataSet) {
    let labels: BTreeSet<&String> = set.samples.iter().filter_map(|sample| sample.defect.as_ref()).collect();
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for label in labels {
        let name = if is_unnamed(label) { USUAL[0].to_owned() } else { words(label) };
        by_name.entry(name).or_default().push(label.clone());
    }
    let of_type = !by_name.values().flatten().all(|label| is_unnamed(label));
    let class = |(name, labels)| Class { labels, ..Class::named(name) };
    set.classes = by_name.into_iter().map(class).collect();
    if of_type {
        occurring(set, |_| true);
    } else if !set.classes.is_empty() {
        set.classes.extend(USUAL[1..].iter().map(|name| Class::named(*name)));
    }
}

/// Classes as described.
pub(super) fn describe(set: &mut DataSet, description: &Description) -> Result<(), SampleError> {
    set.classes = description.defects.clone();
    let listed: BTreeMap<&String, Vec<usize>> = description
        .products
        .iter()
        .map(|(product, names)| {
            (product, names.iter().filter_map(|name| description.class_named(name)).collect())
        })
        .filter(|(_, classes): &(_, Vec<usize>)| !classes.is_empty())
        .collect();
    if description.single_type {
        keep_single(set, &listed);
    } else {
        check(set, description, &listed)?;
    }
    occurring(set, |product| !listed.contains_key(product));
    for (product, classes) in &mut set.products {
        if let Some(listed) = listed.get(product) {
            classes.clone_from(listed);
        }
    }
    Ok(())
}

/// Sets the classes of the products that are `wanted` to those that occur.
fn occurring(set: &mut DataSet, wanted: impl Fn(&String) -> bool) {
    let mut found: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for sample in &set.samples {
        found.entry(sample.product.clone()).or_default().extend(set.class_of(sample));
    }
    for (product, classes) in found.into_iter().filter(|(product, _)| wanted(product)) {
        set.products.insert(product, classes.into_iter().collect());
    }
}

/// Checks that each label has a class, and that the description lists this class for the product.
fn check(
    set: &DataSet,
    description: &Description,
    listed: &BTreeMap<&String, Vec<usize>>,
) -> Result<(), SampleError> {
    let origin = || description.origin.display().to_string();
    for sample in &set.samples {
        let Some(label) = &sample.defect else { continue };
        let Some(class) = set.class_of(sample) else {
            let known: Vec<&str> = set.classes.iter().map(|class| &*class.name).collect();
            return Err(SampleError::UnknownLabel {
                label: label.clone(),
                image: sample.image.clone(),
                description: origin(),
                known: known.join(", "),
            });
        };
        if listed.get(&sample.product).is_some_and(|classes| !classes.contains(&class)) {
            return Err(SampleError::NotOfProduct {
                label: label.clone(),
                class: set.classes[class].name.clone(),
                image: sample.image.clone(),
                product: sample.product.clone(),
                description: origin(),
            });
        }
    }
    Ok(())
}

/// Leaves out the images that do not show exactly one class of their product.
fn keep_single(set: &mut DataSet, listed: &BTreeMap<&String, Vec<usize>>) {
    let several: HashMap<PathBuf, Vec<String>> = set
        .problems
        .iter()
        .filter_map(|problem| match problem {
            Problem::SeveralLabels { image, labels } => Some((image.clone(), labels.clone())),
            _ => None,
        })
        .collect();
    let classes = set.classes.clone();
    let mut dropped = Vec::new();
    set.samples.retain(|sample| {
        let Some(label) = &sample.defect else { return true };
        let labels = several.get(&sample.image).cloned().unwrap_or_else(|| vec![label.clone()]);
        let found: BTreeSet<Option<usize>> = labels.iter().map(|label| class_of(&classes, label)).collect();
        let listed = listed.get(&sample.product);
        let problem = match (found.len(), found.first().copied().flatten()) {
            (1, Some(class)) if listed.is_none_or(|listed| listed.contains(&class)) => return true,
            (1, Some(class)) => format!("'{}' is not a class of {}", classes[class].name, sample.product),
            (1, None) => format!("the label '{label}' belongs to no class"),
            _ => format!("several kinds of defects ({})", labels.join(", ")),
        };
        dropped.push(Problem::Dropped { path: sample.image.clone(), rule: problem });
        false
    });
    forget(set, dropped);
}

/// Leaves out the images that the list `name` beside them does not name, if there is such a list.
pub(super) fn keep_listed(set: &mut DataSet, name: &str) -> Result<(), SampleError> {
    let path = set.root.join(name);
    if !path.is_file() {
        return Ok(());
    }
    let listed = samples::list(&path, Some(Layout::Meta), Split::Test)?;
    let named: HashSet<PathBuf> = listed.samples.into_iter().map(|sample| sample.image).collect();
    let mut dropped = Vec::new();
    set.samples.retain(|sample| {
        let kept = named.contains(&sample.image);
        if !kept {
            let rule = format!("{name} does not name it");
            dropped.push(Problem::Dropped { path: sample.image.clone(), rule });
        }
        kept
    });
    forget(set, dropped);
    Ok(())
}

/// Replaces the problems of images that were left out.
fn forget(set: &mut DataSet, dropped: Vec<Problem>) {
    let gone: HashSet<PathBuf> = dropped.iter().map(|problem| problem.path().to_owned()).collect();
    set.problems.retain(|problem| !gone.contains(problem.path()));
    set.problems.extend(dropped);
}
