//! A detector and its successors on devices that were opened after a loss.

use std::sync::OnceLock;

use crate::dapo::Detector;

/// Devices that may be lost in a run before it gives up.
pub const MAX_LOSSES: usize = 3;

/// The detectors of a run. Those before the last one stay until the end, so that references to them hold; the memory of
/// their devices is gone.
#[derive(Debug)]
pub(super) struct Detectors {
    first: Box<Detector>,
    later: [OnceLock<Detector>; MAX_LOSSES],
}

impl Detectors {
    /// One that was not lost yet.
    pub fn new(first: Detector) -> Self {
        Self { first: Box::new(first), later: Default::default() }
    }

    /// The number of losses so far, and the detector that is in use.
    pub fn current(&self) -> (usize, &Detector) {
        let later = self.later.iter().map_while(OnceLock::get).enumerate().last();
        later.map_or((0, &*self.first), |(at, detector)| (at + 1, detector))
    }

    /// The detector that is in use.
    pub fn into_current(self) -> Detector {
        self.later.into_iter().map_while(OnceLock::into_inner).last().unwrap_or(*self.first)
    }

    /// Adds a successor; `false` where there were [`MAX_LOSSES`].
    pub fn renew(&self, detector: Detector) -> bool {
        let mut next = Some(detector);
        for place in &self.later {
            next = next.and_then(|detector| place.set(detector).err());
        }
        next.is_none()
    }
}
