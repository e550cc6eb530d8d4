use super::*;
use crate::clip::{Clip, ClipOptions, embedded};
use crate::gpu::{ByPurpose, Gpu, GpuOptions, LaunchLabel, Scope, Submit};

fn span(kernel: &str, scope: Option<usize>, submit: usize, (start, seconds): (f64, f64)) -> Span {
    let label = LaunchLabel { kernel: kernel.into(), variant: "tile".into(), case: format!("{kernel} n=1") };
    let work = Work { flops: 4e9, bytes: 1e9 };
    Span { label, work, grid: [1, 1, 1], scope, memory: ByPurpose::default(), submit, start, seconds }
}

fn scope(name: &str, detail: &str, parent: Option<usize>) -> Scope {
    Scope { name: name.into(), detail: detail.into(), parent }
}

/// Two forwards of one name, the first of two blocks over two submits, and one launch in no scope.
fn hand_made() -> Profile {
    Profile {
        scopes: vec![
            scope("forward", "×2", None),
            scope("block", "0", Some(0)),
            scope("block", "1", Some(0)),
            scope("forward", "×1", None),
        ],
        spans: vec![
            span("patches", Some(0), 0, (1.0, 1.0)),
            span("matmul", Some(1), 0, (2.5, 2.0)),
            span("matmul", Some(1), 0, (4.5, 2.0)),
            span("matmul", Some(2), 1, (10.0, 4.0)),
            span("matmul", Some(3), 2, (20.0, 0.5)),
            // Begins before the one before it has ended.
            span("softmax", None, 2, (20.25, 0.5)),
        ],
        submits: vec![
            Submit { start: 0.5, seconds: 7.0 },
            Submit { start: 9.0, seconds: 6.0 },
            Submit { start: 19.0, seconds: 3.0 },
        ],
        clock: Clock::Timestamps,
        wall: 25.0,
        uploaded: 100,
        downloaded: 50,
        pipelines: 3,
        compiling: 0.5,
        memory: PoolStats::default(),
    }
}

#[test]
fn kernels_are_added_up_and_the_longest_comes_first() {
    let summary = Summary::of(&hand_made());
    assert_eq!((summary.launches, summary.submits, summary.outside), (6, 3, 1));
    assert_eq!(summary.work, Work { flops: 24e9, bytes: 6e9 });
    let names: Vec<&str> = summary.kernels.iter().map(|k| k.kernel.as_str()).collect();
    assert_eq!(names, ["matmul", "patches", "softmax"]);
    let matmul = &summary.kernels[0];
    assert_eq!((matmul.launches, matmul.seconds, matmul.share), (4, 8.5, 0.85));
    assert_eq!(matmul.work, Work { flops: 16e9, bytes: 4e9 });
    assert_eq!((matmul.gflops, matmul.gbytes), (16.0 / 8.5, 4.0 / 8.5));
}

#[test]
fn the_parts_of_the_wall_clock_are_the_whole() {
    let summary = Summary::of(&hand_made());
    assert_eq!(summary.running, 1.0 + 4.0 + 4.0 + 0.75, "overlapping launches run in the same time");
    assert_eq!(summary.idle, 0.5, "before the second launch; between submits is not idle time of one");
    assert_eq!(summary.running + summary.idle + summary.between, summary.wall);
}

#[test]
fn scopes_of_one_name_are_added_up() {
    let share = |path: &[&str], count, launches, submits, seconds, self_seconds| ScopeShare {
        path: path.iter().map(|&name| name.to_owned()).collect(),
        count,
        launches,
        submits,
        seconds,
        share: seconds / 10.0,
        self_seconds,
        self_share: self_seconds / 10.0,
    };
    let spread = |min, max| Range { min, max };
    assert_eq!(
        Summary::of(&hand_made()).scopes,
        [
            share(&["forward"], 2, spread(1, 4), spread(1, 2), 9.5, 1.5),
            share(&["forward", "block"], 2, spread(1, 2), spread(1, 1), 8.0, 8.0),
        ]
    );
}

#[test]
fn the_self_times_of_nested_scopes_are_the_whole() {
    let mut profile = hand_made();
    profile.scopes.push(scope("attention", "", Some(1)));
    profile.spans[2].scope = Some(4);
    let summary = Summary::of(&profile);
    let total: f64 = summary.scopes.iter().map(|s| s.share).sum();
    let own: f64 = summary.scopes.iter().map(|s| s.self_share).sum();
    assert!(total > 1.8, "scopes lie in each other: {total}");
    assert!((own + summary.outside_share - 1.0).abs() < 1e-12, "{own}");
    assert!(summary.scopes.iter().all(|s| s.self_share <= s.share));
    let text = summary.text();
    assert!(text.contains("self: without") && text.contains("1 launch in no scope"), "{text}");
}

#[test]
fn extents_nest_and_do_not_overlap() {
    let mut profile = hand_made();
    profile.scopes.push(scope("forward", "without a launch", None));
    let timeline = timeline(&profile.spans);
    assert_eq!(timeline[4..], [(20.0, 20.5), (20.5, 20.75)]);
    let expected = [Some((1.0, 14.0)), Some((2.5, 6.5)), Some((10.0, 14.0)), Some((20.0, 20.5)), None];
    assert_eq!(extents(&profile, &timeline), expected);
}

#[test]
fn an_empty_profile_has_no_strange_numbers() {
    let empty = Profile { spans: vec![], scopes: vec![], submits: vec![], wall: 0.0, ..hand_made() };
    let summary = Summary::of(&empty);
    assert_eq!((summary.launches, summary.between), (0, 0.0));
    assert!(!summary.text().contains("NaN") && !summary.text().contains("inf"), "{}", summary.text());
}

/// The overheads of the two towers: at most 8 launches a block, and one submit a forward of the embedded model.
#[test]
fn a_block_is_at_most_eight_launches_and_a_forward_one_submit() {
    let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
    let folder = embedded::unpack().expect("the embedded model");
    let clip = Clip::open(&gpu, &folder, ClipOptions::default()).expect("the model opens");
    let config = clip.config();
    let (vision_depth, text_depth) = (config.vision.tower.layers, config.text.tower.layers);
    let pixels = vec![0.5; 2 * 3 * clip.vision().image_size().pow(2)];
    gpu.start_profile().expect("the device works");
    for _ in 0..2 {
        clip.encode_images(&pixels).expect("features");
    }
    clip.encode_texts(&["a nut", "a scratch"]).expect("features");
    let profile = gpu.end_profile().expect("the device works").expect("a profile");
    assert_eq!(profile.scopes[0].label(), "vision forward ×2");
    assert_eq!(profile.scopes[1].label(), "block 0");

    let summary = Summary::of(&profile);
    let found: Vec<(Vec<&str>, usize)> =
        summary.scopes.iter().map(|s| (s.path.iter().map(String::as_str).collect(), s.count)).collect();
    let expected = [
        (vec!["vision forward"], 2),
        (vec!["vision forward", "block"], 2 * vision_depth),
        (vec!["text forward"], 1),
        (vec!["text forward", "block"], text_depth),
    ];
    assert_eq!(found, expected);
    for (forward, depth) in [(0, vision_depth), (2, text_depth)] {
        let (forward, block) = (&summary.scopes[forward], &summary.scopes[forward + 1]);
        assert!(block.launches.max <= 8, "{block:?}");
        assert_eq!(forward.submits, Range { min: 1, max: 1 }, "{forward:?}");
        // What is around the blocks: patches or token rows, positions, norms, projections.
        assert!(forward.launches.max <= block.launches.max * depth + 8, "{forward:?}");
        assert!(forward.share > 0.0 && forward.seconds >= block.seconds);
    }
    assert_eq!(summary.outside, 0);
    assert!(summary.memory.peak.weights > 0 && summary.memory.peak.activations > 0);
    // Scopes that were open when a profile ended do not disturb the next one.
    let guard = {
        gpu.start_profile().expect("the device works");
        let guard = gpu.scope("left", "open");
        gpu.end_profile().expect("the device works");
        guard
    };
    gpu.start_profile().expect("the device works");
    let inner = gpu.scope("inner", "");
    drop(guard);
    clip.encode_texts(&["a nut"]).expect("features");
    drop(inner);
    let profile = gpu.end_profile().expect("the device works").expect("a profile");
    assert_eq!(profile.scopes[1].parent, Some(0), "{:?}", profile.scopes);
}
