//! A run as a time line that opens in Perfetto (ui.perfetto.dev) and in Chrome's tracing page.
//!
//! The file is the JSON form of Chrome's trace-event format: complete events, counters and names, in microseconds.

use serde_json::{Map, Value, json};

/// The one process of a trace.
const PROCESS: u32 = 1;

/// A time line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// What ran, as a title.
    pub title: String,
    /// Remarks about the whole, such as the adapter.
    pub about: Map<String, Value>,
    /// Tracks from top to bottom.
    pub tracks: Vec<TraceTrack>,
    /// Counters, each with its values in the order of time.
    pub counters: Vec<TraceCounter>,
}

/// Slices in one row: of any two, one lies within the other or they do not overlap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceTrack {
    /// Name of the row.
    pub name: String,
    /// In any order; of slices with the same times, the outer one first.
    pub slices: Vec<TraceSlice>,
}

/// A span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSlice {
    /// What is written on it.
    pub name: String,
    /// Start in seconds.
    pub start: f64,
    /// End in seconds, not before the start.
    pub end: f64,
    /// Details that are shown when it is selected.
    pub args: Map<String, Value>,
}

/// Numbers that change in time: one curve a value.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceCounter {
    /// Name of the counter.
    pub name: String,
    /// Time in seconds, and the values by name.
    pub values: Vec<(f64, Map<String, Value>)>,
}

impl Trace {
    /// The file's text.
    pub fn json(&self) -> String {
        let mut events = vec![name("process_name", 0, &self.title)];
        for (thread, track) in (1..).zip(&self.tracks) {
            events.push(name("thread_name", thread, &track.name));
            let args = json!({"sort_index": thread});
            events.push(
                json!({"ph": "M", "name": "thread_sort_index", "pid": PROCESS, "tid": thread, "args": args}),
            );
            events.extend(track.events(thread));
        }
        for counter in &self.counters {
            events.extend(counter.values.iter().map(|(at, values)| {
                json!({"ph": "C", "name": counter.name, "pid": PROCESS, "ts": micros(nanos(*at)), "args": values})
            }));
        }
        json!({"displayTimeUnit": "ms", "otherData": self.about, "traceEvents": events}).to_string()
    }
}

impl TraceTrack {
    fn events(&self, thread: u32) -> Vec<Value> {
        // Viewers put a slice under the one before it that has not ended: outer ones come first.
        let mut slices: Vec<(u64, u64, &TraceSlice)> =
            self.slices.iter().map(|s| (nanos(s.start), nanos(s.end), s)).collect();
        slices.sort_by_key(|&(start, end, _)| (start, std::cmp::Reverse(end)));
        let event = |(start, end, slice): (u64, u64, &TraceSlice)| {
            json!({
                "ph": "X", "name": slice.name, "pid": PROCESS, "tid": thread,
                "ts": micros(start), "dur": micros(end.saturating_sub(start)), "args": slice.args,
            })
        };
        slices.into_iter().map(event).collect()
    }
}

/// Whole nanoseconds, the viewers' own unit. Rounding keeps the order of times, so slices that nest still do.
fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

fn name(what: &str, thread: u32, name: &str) -> Value {
    json!({"ph": "M", "name": what, "pid": PROCESS, "tid": thread, "args": {"name": name}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(name: &str, start: f64, end: f64) -> TraceSlice {
        TraceSlice { name: name.into(), start, end, args: Map::new() }
    }

    fn parsed(trace: &Trace) -> Vec<Value> {
        let json: Value = serde_json::from_str(&trace.json()).expect("JSON");
        json["traceEvents"].as_array().expect("events").clone()
    }

    #[test]
    fn outer_slices_come_first_and_times_are_whole_nanoseconds() {
        let slices = vec![
            slice("forward", 1e-6, 3.000_000_4e-6),
            slice("block", 1e-6, 2e-6),
            slice("same times", 1e-6, 2e-6),
            slice("early", 0.0, 1e-6),
        ];
        let track = TraceTrack { name: "device".into(), slices };
        let events = parsed(&Trace { tracks: vec![track], ..Trace::default() });
        let slices: Vec<&Value> = events.iter().filter(|e| e["ph"] == "X").collect();
        let names: Vec<&str> = slices.iter().filter_map(|e| e["name"].as_str()).collect();
        assert_eq!(names, ["early", "forward", "block", "same times"]);
        assert_eq!((&slices[1]["ts"], &slices[1]["dur"]), (&json!(1.0), &json!(2.0)));
    }

    #[test]
    fn tracks_and_counters_are_named() {
        let at = |bytes: u64| Map::from_iter([("weights".to_owned(), bytes.into())]);
        let counter = TraceCounter { name: "memory".into(), values: vec![(0.5, at(7)), (1.0, at(9))] };
        let track = |name: &str| TraceTrack { name: name.into(), slices: vec![] };
        let trace = Trace {
            title: "embed".into(),
            about: Map::from_iter([("adapter".to_owned(), "llvmpipe".into())]),
            tracks: vec![track("launches"), track("host")],
            counters: vec![counter],
        };
        let events = parsed(&trace);
        let named = |what: &str| -> Vec<(&Value, &Value)> {
            let named = events.iter().filter(|e| e["name"] == what);
            named.map(|e| (&e["tid"], &e["args"]["name"])).collect()
        };
        assert_eq!(named("process_name"), [(&json!(0), &json!("embed"))]);
        assert_eq!(named("thread_name"), [(&json!(1), &json!("launches")), (&json!(2), &json!("host"))]);
        let counts: Vec<&Value> = events.iter().filter(|e| e["ph"] == "C").collect();
        assert_eq!(counts.len(), 2);
        assert_eq!((&counts[0]["ts"], &counts[0]["args"]["weights"]), (&json!(500_000.0), &json!(7)));
        assert!(trace.json().contains("llvmpipe"));
    }
}
