//! A plan's images through a detector: good or defective among all classes, types among those of each product.

use std::sync::OnceLock;

use super::content::content;
use super::plan::{Item, Plan};
use super::shots::Shots;
use crate::dapo::learner::DapoError;
use crate::dapo::{ClassEmbeddings, Detection, Detector, MapChannels};
use crate::data::samples::{Mask, MaskRemark, Truth};
use crate::data::{Frame, ImageError, MaskRule, Tile, read_ahead};
use crate::inspect::{Batches, Inspector, MAX_LOSSES, ReadPhoto, merge};

/// What was found in one image.
#[derive(Debug, Clone)]
pub struct Detections {
    /// Among all classes. Its maps have the channel of normal only, unless there are no `types`.
    pub binary: Detection,
    /// Among the classes of the image's product, for methods that name types.
    pub types: Option<Detection>,
}

/// An image of the plan, with its mask.
#[derive(Debug, Clone)]
pub struct LabelledPhoto {
    /// Position in the plan.
    pub index: usize,
    /// Position of its product.
    product: usize,
    /// Which pixels are defective, [size, size]; none where a defective image has no mask.
    pub mask: Option<Vec<bool>>,
    /// What is odd about it.
    pub remarks: Vec<MaskRemark>,
    /// Digests of the files, see [`content`].
    pub content: String,
}

/// An inspector with the classes of a plan.
#[derive(Debug)]
pub struct Evaluator<'a> {
    pub(super) inspector: &'a Inspector,
    pub(super) plan: &'a Plan,
    /// Whether the method names types of defects.
    pub(super) types: bool,
    /// Good photos of each product to compare with.
    shots: Option<&'a Shots>,
    /// The classes of each product on each device in turn.
    subsets: [OnceLock<Subsets>; 1 + MAX_LOSSES],
}

/// The classes of each product, for methods that name types.
type Subsets = Vec<Option<ClassEmbeddings>>;

impl<'a> Evaluator<'a> {
    /// `types` says whether the method names types of defects.
    pub fn new(inspector: &'a Inspector, plan: &'a Plan, types: bool) -> Self {
        Self { inspector, plan, types, shots: None, subsets: Default::default() }
    }

    /// Compares images with good photos of their products, too.
    pub fn with_shots(self, shots: Option<&'a Shots>) -> Self {
        Self { shots, ..self }
    }

    /// The detector in use, and the classes of each product on its device.
    fn current(&self) -> Result<(&Detector, &Subsets), DapoError> {
        let (at, detector) = self.inspector.current();
        if let Some(known) = self.subsets[at].get() {
            return Ok((detector, known));
        }
        let subset = |classes: &Vec<usize>| {
            let asked = self.types && !classes.is_empty();
            asked.then(|| detector.subset(classes)).transpose()
        };
        let found = self.plan.products.iter().map(|product| subset(&product.classes));
        let found = found.collect::<Result<Subsets, DapoError>>()?;
        Ok((detector, self.subsets[at].get_or_init(|| found)))
    }

    /// Inspects images of the plan, by position, in this order.
    pub fn inspect(&self, indices: Vec<usize>) -> Batches<'_, LabelledPhoto, Detections> {
        let reader = self.inspector.reader();
        let preprocess = reader.preprocess();
        let size = preprocess.size;
        let read = move |(index, item): (usize, Item)| -> ReadPhoto<LabelledPhoto> {
            let (mut mask, mut remarks) = (None, Vec::new());
            let content = content(&item);
            let photo = reader.read(&item.image).and_then(|photo| {
                let mut photo = photo;
                let (cells, odd, note) = labels(item.mask.as_ref(), item.class, size, &photo.info.frame)?;
                photo.info.notes.extend(note.map(str::to_owned));
                (mask, remarks) = (cells, odd);
                Ok(photo)
            });
            ReadPhoto { job: LabelledPhoto { index, product: item.product, mask, remarks, content }, photo }
        };
        let items: Vec<(usize, Item)> =
            indices.into_iter().map(|index| (index, self.plan.items[index].clone())).collect();
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        // One image has many tiles.
        let ahead =
            if self.inspector.tiling().is_some() { 2 } else { 2 * self.inspector.batch().max(threads) };
        let photos = read_ahead(items, ahead, threads, read);
        let model = |pixels: &[f32], photos: &[&LabelledPhoto]| self.detect(pixels, photos);
        // Batches of one size: the result of an image does not depend on its batch or on the part of the run.
        Batches::new(photos, preprocess, self.inspector.batch(), model, join).padded()
    }

    /// One batch: the features of its images once, then a classification for each set of classes.
    fn detect(&self, pixels: &[f32], photos: &[&LabelledPhoto]) -> Result<Vec<Detections>, DapoError> {
        let (detector, subsets) = self.current()?;
        let features = match self.shots {
            None => detector.encode_images(pixels)?,
            Some(_) => detector.encode_to_compare(pixels)?,
        };
        let mut products: Vec<usize> = photos.iter().map(|photo| photo.product).collect();
        products.dedup();
        let channels = match products.iter().all(|&product| subsets[product].is_some()) {
            true => MapChannels::Normal,
            false => MapChannels::All,
        };
        // Each image has the result that it has among images of its own product.
        let mut found: Vec<Option<Detections>> = photos.iter().map(|_| None).collect();
        let mut together = None;
        for of in products {
            let references = self.shots.map(|shots| shots.references(self.inspector, of)).transpose()?;
            let classify = |classes: &ClassEmbeddings, channels| match &references {
                None => detector.classify(&features, classes, channels),
                Some(references) => detector.classify_against(references, &features, classes, channels),
            };
            // Without references the products of a batch differ in their types only.
            let binary = match (&together, &references) {
                (Some(known), None) => Vec::clone(known),
                _ => classify(detector.classes(), channels)?,
            };
            let types =
                subsets[of].as_ref().map(|classes| classify(classes, MapChannels::All)).transpose()?;
            let types =
                types.map_or_else(|| vec![None; photos.len()], |all| all.into_iter().map(Some).collect());
            together = references.is_none().then(|| binary.clone());
            for (((slot, photo), binary), types) in found.iter_mut().zip(photos).zip(binary).zip(types) {
                if photo.product == of {
                    *slot = Some(Detections { binary, types });
                }
            }
        }
        // Every product of the batch was among them.
        Ok(found.into_iter().flatten().collect())
    }

    /// The detection that names the type of an image, and the names of its classes after normal.
    pub(super) fn named<'d>(
        &self,
        photo: &LabelledPhoto,
        detections: &'d Detections,
    ) -> (&'d Detection, Vec<String>) {
        match &detections.types {
            Some(types) => (types, self.plan.names(photo.product).split_off(1)),
            None => (&detections.binary, self.plan.classes.clone()),
        }
    }
}

/// Which pixels are defective, none in a good image and unknown in a defective one without a mask; what is odd about the
/// mask, and what a user should know of its frame.
type Labels = (Option<Vec<bool>>, Vec<MaskRemark>, Option<&'static str>);

fn labels(mask: Option<&Mask>, class: Option<usize>, size: u32, frame: &Frame) -> Result<Labels, ImageError> {
    Ok(match (mask, class) {
        (_, None) => (Some(vec![false; size as usize * size as usize]), Vec::new(), None),
        (None, Some(_)) => (None, Vec::new(), None),
        (Some(mask), Some(_)) => {
            let Truth { cells, remarks, note, .. } = mask.truth([size; 2], MaskRule::Half, Some(frame))?;
            (Some(cells.into_iter().map(|value| value > 0.0).collect()), remarks, note)
        }
    })
}

/// One result of the whole and the tiles.
fn join(whole: Detections, size: (u32, u32), tiles: Vec<(Tile, Detections)>) -> Detections {
    let (mut binary, mut types) = (Vec::new(), Vec::new());
    for (tile, part) in tiles {
        binary.push((tile, part.binary));
        types.extend(part.types.map(|t| (tile, t)));
    }
    Detections {
        binary: merge(whole.binary, size, binary),
        types: whole.types.map(|whole| merge(whole, size, types)),
    }
}
