//! The shaders as browsers get them, for `make test-web`, which hands them to the compiler of a browser.

use std::io::Write as _;

use dapo_wgpu::gpu::pipeline::browser_text;

use super::collect;

/// Writes every shader to the file that `DAPO_SHADERS` names, one line of JSON each.
#[test]
#[ignore = "writes a file for make test-web"]
fn shaders_are_written_for_browsers() {
    let path = std::env::var("DAPO_SHADERS").expect("DAPO_SHADERS names a file");
    let mut file = std::fs::File::create(path).expect("a new file");
    let (shaders, _) = collect();
    for shader in &shaders {
        // Browsers offer fewer bytes of immediates than parameters have: a uniform holds them.
        let code = shader.spec.expand(false).expect("expanded").code();
        let line = serde_json::json!({
            "file": shader.spec.file,
            "case": shader.case,
            "cooperative": code.contains("enable wgpu_cooperative_matrix"),
            "code": browser_text(&code),
        });
        writeln!(file, "{line}").expect("written");
    }
    assert!(shaders.len() > 100, "only {} shaders were found", shaders.len());
}
