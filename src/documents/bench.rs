//! The roofline of a benchmark.

use crate::lab::bench::{BenchReport, Kind};
use crate::report::{CeilingKind, Roofline, RooflineCeiling, RooflinePoint};

/// What was measured, as a chart of its kernels and models below the ceilings of the device.
pub fn roofline(report: &BenchReport) -> Roofline {
    let c = &report.ceilings;
    let ceiling = |name, kind, rate| RooflineCeiling { name, kind, rate };
    // A pipeline also waits for files: it has no place among rates of the device.
    let shown = report.timings.iter().filter(|t| t.kind != Kind::Pipeline);
    Roofline {
        title: "Kernels on the roofline".to_owned(),
        adapter: report.device.adapter.line(),
        note: report.note(),
        ceilings: [
            ("multiply-add", CeilingKind::Arithmetic, Some(c.multiply_add)),
            ("copy", CeilingKind::Bandwidth, Some(c.copy)),
            ("read", CeilingKind::Bandwidth, Some(c.read)),
            ("cache", CeilingKind::Bandwidth, c.cache),
            ("workgroup memory", CeilingKind::Bandwidth, c.workgroup),
        ]
        .into_iter()
        .filter_map(|(name, kind, rate)| Some(ceiling(name.to_owned(), kind, rate?)))
        .chain(c.matrix.iter().map(|units| {
            let name = format!("matrix units {0}×{0} {1}", units.edge, units.factors);
            ceiling(name, CeilingKind::Arithmetic, units.rate)
        }))
        .collect(),
        points: shown
            .map(|t| RooflinePoint {
                label: t.case.clone(),
                family: t.kernel.clone(),
                flops: t.work.flops,
                bytes: t.work.bytes,
                seconds: t.spread.median,
                bound: t.bound.name().to_owned(),
            })
            .collect(),
    }
}
