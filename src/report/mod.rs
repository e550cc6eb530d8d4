//! Everything a run leaves behind: `results.json`, maps as `.npy`, overlays as PNG and one self-contained HTML page.

pub mod atomic;
mod check;
mod date;
pub mod evaluation;
pub mod html;
mod ledger;
mod markup;
pub mod metrics;
pub mod npy;
pub mod overlay;
mod page;
mod page_images;
mod page_parts;
pub mod results;
mod roofline;
pub mod tables;
mod trace;
mod training;

pub use atomic::{AtomicFile, WriteError, sweep, write_atomic};
pub use check::ResultsError;
pub use date::today;
pub use evaluation::{EvaluationOptions, EvaluationPage};
pub use html::{ReportBuilder, ReportError, ReportImage, ReportOptions, shell_command};
pub use ledger::{Ledger, LedgerError, Lock};
pub use npy::{NpyArray, NpyData, NpyError, npy_as_f32, read_npy, write_npy};
pub use overlay::{MapView, OverlayError, Scaling};
pub use results::{ImageResult, Results};
pub use roofline::{CeilingKind, Roofline, RooflineCeiling, RooflinePoint};
pub use trace::{Trace, TraceCounter, TraceSlice, TraceTrack};
pub use training::TrainingPage;
