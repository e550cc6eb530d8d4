use super::*;
use crate::report::evaluation::tests::metrics;

fn run(name: &str, change: impl FnOnce(&mut Metrics)) -> (String, Metrics) {
    let mut metrics = metrics();
    change(&mut metrics);
    (name.to_owned(), metrics)
}

fn auroc(value: f64) -> impl FnOnce(&mut Metrics) {
    move |metrics| {
        metrics.mean.values.insert(Figure::ImageAuroc, value);
    }
}

#[test]
fn the_spread_is_that_of_a_sample() {
    // 0.80, 0.90 and 0.85: mean 0.85, squares 0.0025 twice, divided by 2: 0.05.
    let runs = [run("a", auroc(0.80)), run("b", auroc(0.90)), run("c", auroc(0.85))];
    let table = runs_table(&runs, TableFormat::Markdown);
    assert!(table.contains("| 3 | 85.0 ± 5.0 |"), "{table}");
    assert!(table.ends_with(": a, b, c\n"), "{table}");
    let one = runs_table(&runs[..1], TableFormat::Markdown);
    assert!(one.contains("| 1 | 80.0 |"), "one run has no spread: {one}");
}

#[test]
fn only_comparable_runs_are_averaged() {
    let runs = [
        run("a", |_| ()),
        run("b", |m| m.method = "dapo".into()),
        run("c", |m| m.data.list_sha256 = "another list".into()),
        run("d", |m| m.model.as_mut().expect("a model").image_size = 518),
        run("e", |_| ()),
    ];
    let table = runs_table(&runs, TableFormat::Markdown);
    let counts: Vec<&str> =
        table.lines().skip(2).take(4).map(|l| l.split(" | ").nth(3).expect("runs")).collect();
    assert_eq!(counts, ["2", "1", "1", "1"], "{table}");
}

#[test]
fn a_figure_that_some_runs_lack_is_marked() {
    let lacking = run("b", |m| m.mean.values.retain(|figure, _| *figure != Figure::ImageAuroc));
    let table = runs_table(&[run("a", auroc(0.5)), lacking], TableFormat::Markdown);
    assert!(table.contains("| 50.0 (1 of 2) |"), "{table}");
    let empty = run("a", |m| m.mean.values.clear());
    assert!(runs_table(&[empty], TableFormat::Latex).contains(" & -- & -- & "));
}

#[test]
fn names_are_escaped_as_each_format_wants() {
    let runs = [run("x%y", |m| m.data.name = "a_b|c&\\\"d\",\ne".into())];
    let latex = runs_table(&runs, TableFormat::Latex);
    assert!(latex.contains("\\texttt{a\\_b|c\\&\\textbackslash{}\"d\", e} & "), "{latex}");
    assert_eq!(latex.lines().filter(|l| l.starts_with('%')).count(), 2, "a note stays one comment: {latex}");
    let markdown = runs_table(&runs, TableFormat::Markdown);
    assert!(markdown.contains("| a\\_b\\|c&\\\\\"d\", e |"), "{markdown}");
    let csv = runs_table(&runs, TableFormat::Csv);
    assert!(csv.contains("\n\"a_b|c&\\\"\"d\"\",\ne\",clip,"), "{csv}");
}

#[test]
fn every_row_has_every_column() {
    let runs = [run("a", |_| ()), run("b", |m| m.products.retain(|name, _| name != "bottle"))];
    for text in [
        metrics_csv(&runs[0].1),
        products_table(&runs, TableFormat::Csv),
        runs_table(&runs, TableFormat::Csv),
    ] {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().expect("rows of one length");
        assert!(!rows.is_empty(), "{text}");
    }
    for format in [TableFormat::Markdown, TableFormat::Latex] {
        let text = products_table(&runs, format);
        let mark = if format == TableFormat::Latex { " & " } else { " | " };
        let widths: Vec<usize> =
            text.lines().filter(|l| l.contains(mark)).map(|l| l.matches(mark).count()).collect();
        assert_eq!(widths.len(), 4, "headings, two products, mean: {text}");
        assert!(widths.iter().all(|w| *w == widths[0]), "{text}");
    }
}

#[test]
fn metrics_csv_has_fractions_and_a_mean() {
    let metrics = metrics();
    let text = metrics_csv(&metrics);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][..4], ["product", "images", "defective", "image_auroc"]);
    assert_eq!(rows[1][..4], ["bottle", "5", "3", "0.875"]);
    assert_eq!(rows[3][..4], ["mean", "9", "5", "0.8125"]);
    assert_eq!(rows[2][9], "", "no AUPRO, no value");
}

#[test]
fn errors_say_what_is_wrong_with_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("metrics.json");
    let message = |text: &str| {
        std::fs::write(&path, text).expect("write");
        read_metrics(folder.path()).expect_err("cannot be used").to_string()
    };
    assert!(message("{").contains("metrics.json' is not a metrics.json: EOF"));
    assert!(
        message(r#"{"schema": "dapo-wgpu/results/1"}"#).contains("field 'schema' is 'dapo-wgpu/results/1'")
    );
    let short = message(&format!(r#"{{"schema": "{}"}}"#, super::super::metrics::SCHEMA));
    assert!(short.contains("missing field `program`"), "{short}");
    let all = serde_json::to_string(&metrics()).expect("JSON");
    std::fs::write(&path, all).expect("write");
    assert_eq!(read_metrics(&path).expect("metrics"), metrics());
    let missing = read_metrics(&folder.path().join("none")).expect_err("missing").to_string();
    assert!(missing.contains("cannot read") && missing.contains("none"), "{missing}");
}

#[test]
fn names_are_no_formulas_and_numbers_stay_numbers() {
    for name in ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"] {
        let mut runs = [run("a", |m| (m.data.name, m.method) = (name.into(), name.into()))];
        let metrics = &mut runs[0].1;
        let product = metrics.products.values().next().expect("a product").clone();
        metrics.products.insert(name.into(), product);
        metrics.mean.values.insert(Figure::ImageAuroc, -0.25);
        let guarded = format!("'{name}");
        let fields = |text: &str| -> Vec<String> {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let records = reader.records().map(|record| record.expect("a row"));
            records.flat_map(|row| row.iter().map(str::to_owned).collect::<Vec<_>>()).collect()
        };
        for text in [
            metrics_csv(metrics),
            products_table(&runs, TableFormat::Csv),
            runs_table(&runs, TableFormat::Csv),
        ] {
            let fields = fields(&text);
            assert!(fields.contains(&guarded) && fields.contains(&"-0.25".to_owned()), "{text}");
            assert!(!fields.iter().any(|field| field == name), "{text}");
        }
    }
}
