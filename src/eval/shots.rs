//! Good photos that an evaluation compares with: some of each product's training images, drawn by a seed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use super::EvalError;
use super::plan::Plan;
use crate::dapo::learner::DapoError;
use crate::dapo::{ReferenceError, References};
use crate::data::sets::DataSet;
use crate::files::digest_of;
use crate::inspect::{GoodError, GoodOptions, Inspector};
use crate::words::plural;

/// Which good photos a run compares with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ShotsAbout {
    /// Good photos of each product.
    pub shots: usize,
    /// Seed of the draw; none where they were not drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Digest of their contents and of how they are kept.
    pub digest: String,
}

/// The good photos of each product, and the references of the one that was asked for last.
#[derive(Debug)]
pub struct Shots {
    /// What a run remembers of them.
    pub about: ShotsAbout,
    options: GoodOptions,
    /// Sets of photos, and which of them each product is compared with.
    sets: Vec<Vec<PathBuf>>,
    of: Vec<usize>,
    /// Images come product after product, so that one set at a time is on the device.
    learnt: Mutex<Option<Learnt>>,
}

#[derive(Debug)]
struct Learnt {
    device: usize,
    set: usize,
    references: Arc<References>,
}

/// The good training images of each product, by name.
pub type Pool = BTreeMap<String, Vec<PathBuf>>;

/// The good images of a data set's training part.
pub fn pool(train: &DataSet) -> Pool {
    let mut pool = Pool::new();
    for sample in train.samples.iter().filter(|sample| train.class_of(sample).is_none()) {
        pool.entry(sample.product.clone()).or_default().push(sample.image.clone());
    }
    pool.values_mut().for_each(|images| images.sort());
    pool
}

impl Shots {
    /// Draws `shots` of each product's images. Of one seed, fewer shots are among more.
    ///
    /// # Errors
    /// [`EvalError::Shots`] where a product has fewer.
    pub fn draw(
        plan: &Plan,
        pool: &Pool,
        shots: usize,
        seed: u64,
        options: GoodOptions,
    ) -> Result<Self, EvalError> {
        let draw = |name: &String| {
            let mut images = pool.get(name).cloned().unwrap_or_default();
            if images.len() < shots {
                return Err(EvalError::Shots(format!(
                    "{name}: {shots} good training images are needed, and the data set has {}; ask for fewer with --shots, \
                     or give photos of good parts with --good",
                    plural(images.len(), "one")
                )));
            }
            let mut rng = Pcg64Mcg::seed_from_u64(
                name.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
            );
            images.shuffle(&mut rng);
            images.truncate(shots);
            Ok(images)
        };
        let sets = plan.products.iter().map(|product| draw(&product.name)).collect::<Result<Vec<_>, _>>()?;
        let of = (0..sets.len()).collect();
        Ok(Self::new(sets, of, Some(seed), options))
    }

    /// The same photos for every product.
    pub fn same(plan: &Plan, photos: Vec<PathBuf>, options: GoodOptions) -> Self {
        Self::new(vec![photos], vec![0; plan.products.len()], None, options)
    }

    fn new(sets: Vec<Vec<PathBuf>>, of: Vec<usize>, seed: Option<u64>, options: GoodOptions) -> Self {
        let of_sets: String = sets.iter().map(|photos| options.digest(photos)).collect();
        let digest = digest_of(of_sets.as_bytes());
        let shots = sets.first().map_or(0, Vec::len);
        Self { about: ShotsAbout { shots, seed, digest }, options, sets, of, learnt: Mutex::default() }
    }

    /// The references of a product, for the detector that the inspector has now.
    ///
    /// # Errors
    /// Photos that cannot be read, or the device.
    pub(super) fn references(
        &self,
        inspector: &Inspector,
        product: usize,
    ) -> Result<Arc<References>, DapoError> {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        let (device, set) = (inspector.current().0, self.of[product]);
        if let Some(known) = learnt.as_ref().filter(|known| (known.device, known.set) == (device, set)) {
            return Ok(known.references.clone());
        }
        // The memory of the last ones is given back before that of the next ones is asked for.
        *learnt = None;
        let (references, good) =
            inspector.learn(self.sets[set].clone(), self.options, |_| ()).map_err(|error| match error {
                GoodError::Model(error) => error,
                GoodError::References(ReferenceError::Op(error)) => error.into(),
                other => DapoError::References(other.to_string()),
            })?;
        // An evaluation of four photos with three of them would be called one of four.
        if let Some(note) = good.notes.first() {
            return Err(DapoError::References(note.clone()));
        }
        let references = Arc::new(references);
        *learnt = Some(Learnt { device, set, references: references.clone() });
        Ok(references)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::plan::Product;

    fn plan() -> Plan {
        let product = |name: &str| Product { name: name.into(), classes: Vec::new() };
        Plan {
            data: Default::default(),
            classes: Vec::new(),
            products: vec![product("cup"), product("nut")],
            items: Vec::new(),
        }
    }

    fn photos(name: &str) -> Vec<PathBuf> {
        (0..6).map(|n| format!("{name}/{n}.png").into()).collect()
    }

    #[test]
    fn draws_are_repeated_by_seed_and_nested() {
        let pool = Pool::from([("cup".into(), photos("cup")), ("nut".into(), photos("nut"))]);
        let draw = |shots, seed| {
            Shots::draw(&plan(), &pool, shots, seed, GoodOptions::default()).expect("enough").sets
        };
        assert_eq!(draw(3, 7), draw(3, 7));
        assert!((0..4).any(|seed| draw(3, seed) != draw(3, 7)));
        for (two, four) in draw(2, 1).iter().zip(draw(4, 1)) {
            assert_eq!(two[..], four[..2]);
        }
        assert!(draw(6, 2)[0].iter().all(|photo| photo.starts_with("cup")));
        let places = |set: &[PathBuf]| {
            set.iter().map(|p| p.file_name().map(Into::into)).collect::<Vec<Option<PathBuf>>>()
        };
        let same = (0..4).filter(|&seed| places(&draw(6, seed)[0]) == places(&draw(6, seed)[1])).count();
        assert!(same < 4, "products are drawn apart");
    }

    #[test]
    fn too_few_images_are_named() {
        let pool = Pool::from([("cup".into(), photos("cup"))]);
        let error = Shots::draw(&plan(), &pool, 2, 0, GoodOptions::default()).expect_err("no nuts");
        assert!(error.to_string().starts_with("nut: 2 good training images"), "{error}");
    }
}
