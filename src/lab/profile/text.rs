//! A summary as text tables.

use super::{Clock, Purpose, Summary};
use crate::words::plural;

const MIB: f64 = (1 << 20) as f64;

impl Summary {
    /// How launches were timed and what that means.
    pub fn note(&self) -> &'static str {
        match self.clock {
            Clock::Timestamps => {
                "launches timed by the device's timestamps; each is a pass of its own, and each submit is waited for:\n\
                 this says where the time goes, not how long a run takes"
            }
            Clock::Wall => {
                "launches timed by the host's clock (no working timestamps); each is submitted and waited for alone,\n\
                 and its time includes that: this says roughly where the time goes, not how long a run takes"
            }
        }
    }

    /// The tables.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.note());
        let part = |seconds: f64| 100.0 * seconds / self.wall.max(f64::MIN_POSITIVE);
        let compiling =
            format!("; {} compiled in {:.3} s", plural(self.pipelines, "pipeline"), self.compiling);
        let times = [
            (self.running, "launches", ""),
            (self.idle, "gaps between launches of one submit", ""),
            (self.between, "before, between and after submits", compiling.as_str()),
        ];
        text += &format!("{:>9.3} s of wall-clock time, of which\n", self.wall);
        for (seconds, what, more) in times {
            text += &format!("{seconds:>9.3} s {:5.1}%  {what}{more}\n", part(seconds));
        }
        text += &format!(
            "launches: {}, submits: {}; {:.3} GFLOP, {:.2} MiB moved by kernels; {:.3} MiB uploaded, {:.3} MiB read back\n",
            self.launches,
            self.submits,
            self.work.flops * 1e-9,
            self.work.bytes / MIB,
            self.uploaded as f64 / MIB,
            self.downloaded as f64 / MIB
        );
        text + "\n" + &self.kernel_table() + "\n" + &self.scope_table() + "\n" + &self.memory_table()
    }

    fn kernel_table(&self) -> String {
        let mut text = format!(
            "{:>6} {:>10} {:>8} {:>9} {:>9} {:>10}  {:12} variant\n",
            "share", "ms", "launches", "GFLOP/s", "GB/s", "MiB", "kernel"
        );
        for k in &self.kernels {
            text += &format!(
                "{:5.1}% {:10.3} {:8} {:9.2} {:9.2} {:10.2}  {:12} {}\n",
                100.0 * k.share,
                k.seconds * 1e3,
                k.launches,
                k.gflops,
                k.gbytes,
                k.work.bytes / MIB,
                k.kernel,
                k.variant
            );
        }
        text
    }

    fn scope_table(&self) -> String {
        let mut text = format!(
            "{:>6} {:>10} {:>6} {:>10} {:>8} {:>14} {:>13}  scope (total: with the scopes inside of it; self: without)\n",
            "total", "ms", "self", "ms", "count", "launches each", "submits each"
        );
        for s in &self.scopes {
            text += &format!(
                "{:5.1}% {:10.3} {:5.1}% {:10.3} {:8} {:>14} {:>13}  {}\n",
                100.0 * s.share,
                s.seconds * 1e3,
                100.0 * s.self_share,
                s.self_seconds * 1e3,
                s.count,
                s.launches,
                s.submits,
                s.path.join(" / ")
            );
        }
        if self.outside > 0 {
            let (share, ms) = (100.0 * self.outside_share, self.outside_seconds * 1e3);
            let launches = plural(self.outside, "launch");
            text +=
                &format!("{:>6} {:>10} {share:5.1}% {ms:10.3} {:>8} {launches} in no scope\n", "", "", "");
        }
        text
    }

    fn memory_table(&self) -> String {
        let mut text = format!("{:>12}  memory\n", "peak MiB");
        let mut line = |bytes: u64, what: &str| text += &format!("{:12.3}  {what}\n", bytes as f64 / MIB);
        for purpose in Purpose::ALL {
            line(self.memory.peak.of(purpose), purpose.name());
        }
        line(self.memory.peak_total, "all of these at one time");
        line(self.memory.peak_held, "held, with buffers kept for reuse");
        text
    }
}
