use super::*;

fn run(text: &'static str, defines: &[(&'static str, Define)]) -> Result<String, String> {
    let includes: Includes = |name| (name == "a.wgsl").then_some(("a.wgsl", "fn included() {}"));
    expand("t.wgsl", text, defines, includes, "var<immediate> params: Params;").map(|e| e.code())
}

#[test]
fn constants_loops_and_expressions_unroll() {
    let code =
        run("#for i in 0..N\nlet x$i = ${i * 4 + (N - 1)};\n#end", &[("N", Define::Number(2))]).unwrap();
    assert_eq!(code, "const N: u32 = 2u;\nlet x0 = 1;\nlet x1 = 5;\n");
}

#[test]
fn conditionals_nest_and_choose() {
    let text = "#if A\n#if !B\nboth\n#else\nonly a\n#end\n#else\nneither\n#end";
    let flags = |a, b| [("A", Define::Flag(a)), ("B", Define::Number(b))];
    assert!(run(text, &flags(true, 0)).unwrap().ends_with("both\n"));
    assert!(run(text, &flags(true, 1)).unwrap().ends_with("only a\n"));
    assert!(run(text, &flags(false, 1)).unwrap().ends_with("neither\n"));
}

#[test]
fn includes_params_and_types_are_spliced() {
    let code = run("#include \"a.wgsl\"\n#params\nvar x: $T;", &[("T", Define::Type("f32"))]).unwrap();
    assert_eq!(code, "alias T = f32;\nfn included() {}\nvar<immediate> params: Params;\nvar x: f32;\n");
}

#[test]
fn enables_rise_to_the_top_once_and_only_where_they_are_kept() {
    let text = "var a: f32;\n#if ON\n#enable f16\n#enable f16\n#else\n#enable other\n#end";
    let code = run(text, &[("N", Define::Number(2)), ("ON", Define::Flag(true))]).unwrap();
    assert_eq!(code, "enable f16;\nconst N: u32 = 2u;\nvar a: f32;\n");
    let expanded = expand("t.wgsl", "a\n#enable f16", &[], |_| None, "").unwrap();
    assert_eq!(expanded.origin(1).as_deref(), Some("t.wgsl:2"));
}

#[test]
fn mistakes_are_reported_with_file_and_line() {
    for (text, part) in [
        ("ok\n#if A\n#end", "t.wgsl:2: 'A'"),
        ("#if", "no #end"),
        ("x\n$MISSING", "t.wgsl:2: '$MISSING'"),
        ("#what", "unknown directive"),
        ("a\n#enable", "t.wgsl:2: expected `#enable NAME`"),
        ("#enable f16;", "expected `#enable NAME`"),
        ("#include \"b.wgsl\"", "no shader file 'b.wgsl'"),
        ("#for i in 0..9\n", "no #end"),
        ("${1/0}", "division by zero"),
    ] {
        let message = run(text, &[]).unwrap_err();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn lines_know_their_origin() {
    let expanded = expand("t.wgsl", "a\n#for i in 0..2\nb\n#end", &[], |_| None, "").unwrap();
    assert_eq!(expanded.origin(3).as_deref(), Some("t.wgsl:3"));
    assert_eq!(expanded.origin(9), None);
}
