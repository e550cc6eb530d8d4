//! The output files of a run: `results.json`, maps as `.npy`, overlays as PNG, self-contained HTML pages, tables, charts.

pub mod atomic;
mod date;
mod detection;
mod document;
pub mod evaluation;
mod ledger;
pub mod metrics;
pub mod npy;
pub mod overlay;
mod page_parts;
mod pictures;
pub mod results;
mod results_file;
mod roofline;
pub mod tables;
mod text;
mod trace;
mod training;

pub use atomic::{AtomicFile, WriteError, sweep, write_atomic};
pub use date::today;
pub use detection::{ReportBuilder, ReportOptions};
pub use evaluation::{EvaluationOptions, EvaluationPage};
pub use ledger::{Ledger, LedgerError, Lock};
pub use npy::{NpyArray, NpyData, NpyError, npy_as_f32, read_npy, read_npy_as_f32, write_npy};
pub use overlay::{MapView, OverlayError};
pub use pictures::{ReportError, ReportImage};
pub use results::{ImageResult, Results};
pub use results_file::ResultsError;
pub use roofline::{CeilingKind, Roofline, RooflineCeiling, RooflinePoint, SweepChart, SweepLine};
pub use text::shell_command;
pub use trace::{Trace, TraceCounter, TraceSlice, TraceTrack};
pub use training::TrainingPage;
