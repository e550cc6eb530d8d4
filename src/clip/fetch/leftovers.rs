//! What a failed download leaves, and what a file without a known checksum must look like.

use std::path::Path;

use super::transfer::Transfer;
use super::types::FetchError;
use crate::clip::config::{ClipConfig, Layout};

impl Transfer<'_> {
    /// Checks a file without a known checksum: that a configuration is one of a CLIP, and another `.json` an object.
    pub(super) fn check_form(&self, path: &Path) -> Result<(), FetchError> {
        let wrong = |reason: String| FetchError::Form { url: self.url.clone(), reason };
        if let Some(layout) =
            [Layout::HuggingFace, Layout::OpenClip].into_iter().find(|l| l.config_file() == self.name)
        {
            return ClipConfig::from_file(path, layout).map(drop).map_err(|e| wrong(e.to_string()));
        }
        if !self.name.ends_with(".json") {
            return Ok(());
        }
        let bytes = std::fs::read(path).map_err(|e| FetchError::io(path, e))?;
        let parsed = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes);
        parsed.map(drop).map_err(|e| wrong(format!("not JSON: {e}")))
    }

    /// Removes a part with which nothing can be begun: an empty one, one without a checksum that would reveal that its
    /// rest belongs to another file, one that is too long.
    pub(super) fn clean(&self, part: &Path, error: &FetchError) {
        let is_empty = std::fs::metadata(part).is_ok_and(|found| found.len() == 0);
        let is_useless = match error {
            FetchError::Busy { .. } => false,
            FetchError::TooLong { .. } => true,
            FetchError::Interrupted { .. } | FetchError::Slow { .. } => is_empty || self.expected.is_none(),
            _ => is_empty,
        };
        if is_useless {
            std::fs::remove_file(part).ok();
        }
    }
}
