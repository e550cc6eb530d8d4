use super::chart::PLOT;
use super::text::figure;
use super::*;

fn ceiling(name: &str, kind: CeilingKind, rate: f64) -> RooflineCeiling {
    RooflineCeiling { name: name.into(), kind, rate }
}

fn point(label: &str, family: &str, flops: f64, bytes: f64, seconds: f64) -> RooflinePoint {
    let (label, family, bound) = (label.into(), family.into(), "memory".into());
    RooflinePoint { label, family, flops, bytes, seconds, bound }
}

fn chart(points: Vec<RooflinePoint>) -> Roofline {
    let ceilings = vec![
        ceiling("multiply-add", CeilingKind::Arithmetic, 100e9),
        ceiling("add", CeilingKind::Arithmetic, 50e9),
        ceiling("read, cached", CeilingKind::Bandwidth, 60e9),
        ceiling("copy", CeilingKind::Bandwidth, 10e9),
    ];
    let (title, adapter, note) = ("Title".into(), "device X".into(), "median of 5".into());
    Roofline { title, adapter, note, ceilings, points }
}

/// Every number in attributes that place something.
fn numbers(svg: &str) -> Vec<f64> {
    let attribute = |rest: &str| rest.split('"').next().unwrap_or_default().to_owned();
    let names = [" x=\"", " y=\"", " d=\"", " width=\"", " height=\"", " transform=\"", " font-size=\""];
    let values = names.iter().flat_map(|name| svg.split(*name).skip(1).map(attribute));
    let plain = |text: String| text.replace(|c: char| !(c.is_ascii_digit() || ".-".contains(c)), " ");
    values
        .flat_map(|v| plain(v).split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .map(|n| n.parse().expect(&n))
        .collect()
}

/// Asserts that the SVG is well-formed, complete, and has only finite numbers of a sane size.
fn assert_sound(svg: &str) {
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a closed tag");
        let name =
            tag.split(|c: char| c.is_whitespace() || c == '/').find(|n| !n.is_empty()).expect("a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{part}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        for entity in text.split('&').skip(1) {
            let name = entity.split(';').next().expect("a name");
            assert!(["amp", "lt", "gt", "quot"].contains(&name), "{part}");
        }
        assert!(tag.matches('"').count() % 2 == 0 && !tag.contains('&'), "{tag}");
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    for bad in ["NaN", "inf", "<script", "href", "url("] {
        assert!(!svg.contains(bad), "{bad} in {svg}");
    }
    assert!(numbers(svg).iter().all(|n| n.abs() < 3000.0), "{svg}");
}

#[test]
fn names_are_escaped_and_cut_but_never_break_the_document() {
    let mut roofline = chart(vec![point("<b a=\"1\">&\u{0}\u{ffff}'", "a & b <c>", 1e9, 1e8, 0.1)]);
    roofline.title = "x < y & \"z\" ".repeat(40);
    roofline.adapter = "one-word".repeat(60);
    roofline.ceilings[0].name = "<&>".repeat(90);
    let svg = roofline.svg();
    assert_sound(&svg);
    assert!(svg.contains("&lt;b a=&quot;1&quot;&gt;&amp;\u{fffd}\u{fffd}'"), "{svg}");
    assert!(svg.contains("a &amp; b &lt;c&gt;") && svg.contains('…'));
}

#[test]
fn points_lie_inside_the_plot_wherever_they_are() {
    let [left, top, right, bottom] = PLOT;
    for scale in [1e-30, 1e-6, 1.0, 1e6, 1e60] {
        let points = vec![
            point("a", "a", 1e9 * scale, 1e8, 0.1),
            point("b", "b", 1e9, 1e8 * scale, 0.1),
            point("c", "c", 1e9, 1e8, 0.1 * scale),
            point("d", "d", 2e9, 3e8, 0.02),
        ];
        let roofline = chart(points);
        let chart = Chart::new(&roofline);
        assert_eq!(chart.plotted, 4);
        for entry in &chart.entries {
            let (x, y) = (chart.x.pixel(entry.intensity.log10()), chart.y.pixel(entry.gflops.log10()));
            assert!(x > left && x < right && y > top && y < bottom, "{scale}: {x} {y}");
        }
        assert_sound(&roofline.svg());
    }
}

#[test]
fn shares_are_of_the_copy_bandwidth_and_the_highest_arithmetic() {
    let points = vec![
        point("half of 100 GFLOP/s", "m", 50e9, 1e9, 1.0),
        point("a tenth of 1 flop/byte times 10 GB/s", "m", 1e9, 1e9, 1.0),
        point("copies 4 GB/s", "g", 0.0, 4e9, 1.0),
    ];
    let roofline = chart(points);
    let chart = Chart::new(&roofline);
    let shares: Vec<f64> = chart.entries.iter().map(|e| e.share.expect("a roof")).collect();
    assert_eq!(chart.plotted, 2, "the copy is in the key only");
    for (share, expected) in shares.iter().zip([0.5, 0.1, 0.4]) {
        assert!((share - expected).abs() < 1e-12, "{shares:?}");
    }
    let svg = roofline.svg();
    for words in
        [">50 %<", ">10 %<", ">40 %<", "ridge 10.0 flop/byte", "copy · 10.0 GB/s", "device X", "median of 5"]
    {
        assert!(svg.contains(words), "{words} is missing: {svg}");
    }
}

#[test]
fn the_key_keeps_those_with_the_most_time_and_counts_the_rest() {
    let points = (0..40).map(|i| point(&format!("case{i:02}"), "m", 1e9, 1e8, 0.1 + f64::from(i))).collect();
    let svg = chart(points).svg();
    assert_sound(&svg);
    assert!(svg.contains("case39") && svg.contains("case16") && !svg.contains("case15"));
    assert!(svg.contains("and 16 more with less time, left out"));
}

#[test]
fn missing_data_is_named() {
    let nothing = Roofline { ceilings: Vec::new(), ..chart(Vec::new()) };
    let no_bandwidth = Roofline {
        ceilings: vec![ceiling("fma", CeilingKind::Arithmetic, 1e9)],
        ..chart(vec![point("a", "a", 1e9, 1e8, 0.1)])
    };
    let bad_ceiling = Roofline {
        ceilings: vec![ceiling("copy", CeilingKind::Bandwidth, f64::NAN)],
        ..chart(vec![point("a", "a", 0.0, 1e8, 0.1)])
    };
    let bad = [
        (f64::NAN, 1.0, 1.0),
        (1.0, f64::INFINITY, 1.0),
        (1.0, 1.0, 0.0),
        (1.0, 0.0, 1.0),
        (-1.0, 1.0, 1.0),
        (1e300, 1.0, 1e-300),
        (1e-300, 1.0, 1e300),
    ];
    let bad_points = chart(bad.map(|(f, b, s)| point("a", "a", f, b, s)).to_vec());
    for (roofline, words) in [
        (&nothing, "no kernels were given; no arithmetic ceiling, so no roof; no bandwidth ceiling"),
        (&no_bandwidth, "no bandwidth ceiling, so no roof"),
        (&bad_ceiling, "1 of 1 ceiling without a positive rate"),
        (&bad_ceiling, "no kernel has arithmetic"),
        (&bad_points, "7 of 7 kernels without usable time, bytes or flops"),
        (&chart(Vec::new()), "no kernels were given"),
    ] {
        let svg = roofline.svg();
        assert_sound(&svg);
        assert!(svg.contains(words), "{words} is missing: {svg}");
    }
    assert!(nothing.svg().contains("nothing to draw"));
}

#[test]
fn figures_have_three_digits_and_lines_break_at_spaces() {
    let texts = [0.012_34, 4.567, 78.94, 1234.4, 0.0].map(figure);
    assert_eq!(texts, ["0.0123", "4.57", "78.9", "1234", "0"]);
    assert_eq!(wrap("aaa bbb ccc", 10.0, 40.0, 2), ["aaa", "bbb c…"]);
    assert_eq!(wrap("", 10.0, 40.0, 2), Vec::<String>::new());
}
