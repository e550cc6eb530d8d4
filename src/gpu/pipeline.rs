//! A shader variant and its bindings.

use super::error::GpuError;
use super::template::{self, Define, Includes};

/// How a shader uses a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<storage, read>`
    Read,
    /// `var<storage, read_write>`
    ReadWrite,
    /// `var NAME: texture_storage_2d<rgba32float, read>`
    StorageTexture,
}

/// A shader with everything that makes it a variant; the key of the pipeline cache.
#[derive(Debug, Clone)]
pub struct ShaderSpec {
    /// File name below `shaders/`; names the kernel in errors and profiles.
    pub file: &'static str,
    /// The file's text.
    pub text: &'static str,
    /// Constants, flags and types of this variant.
    pub defines: Vec<(&'static str, Define)>,
    /// Resolves the files of `#include`.
    pub includes: Includes,
}

impl ShaderSpec {
    /// The expanded WGSL, with parameters as immediates or as a uniform.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when the template is malformed.
    pub fn expand(&self, immediates: bool) -> Result<template::Expanded, GpuError> {
        let declaration = if immediates {
            "var<immediate> params: Params;"
        } else {
            "@group(1) @binding(0) var<uniform> params: Params;"
        };
        template::expand(self.file, self.text, &self.defines, self.includes, declaration)
            .map_err(|message| GpuError::Shader { name: self.file.to_owned(), message })
    }
}

/// WGSL as browsers want it: the extension that the text uses is named, which naga refuses. On the first line, so that
/// line numbers stay.
pub fn browser_text(code: &str) -> String {
    let begins_function = |rest: &str| rest.starts_with(|c: char| c.is_ascii_uppercase());
    let begins_builtin =
        |rest: &str| rest.split_once(')').is_some_and(|(name, _)| name.trim().contains("subgroup"));
    let uses_subgroups = |line: &str| {
        let line = line.split_once("//").map_or(line, |(code, _)| code);
        ["subgroup", "quad"].iter().any(|name| line.split(name).skip(1).any(begins_function))
            || line.split("@builtin(").skip(1).any(begins_builtin)
    };
    match code.lines().any(uses_subgroups) {
        true => format!("enable subgroups; {code}"),
        false => code.to_owned(),
    }
}

/// The storage bindings of group 0, in order of their numbers, read from the WGSL: there is no second list that could
/// differ from the shader.
///
/// # Errors
/// A message when the numbers are not 0, 1, 2, … in order.
pub(super) fn bindings(code: &str) -> Result<Vec<Access>, String> {
    let mut found = Vec::new();
    for line in code.lines() {
        let Some(rest) = line.trim_start().strip_prefix("@group(0) @binding(") else { continue };
        let (number, rest) = rest.split_once(')').ok_or("malformed @binding")?;
        if number.parse() != Ok(found.len()) {
            return Err(format!("binding {number} is out of order"));
        }
        let access = match rest.trim_start() {
            r if r.starts_with("var<storage, read_write>") => Access::ReadWrite,
            r if r.starts_with("var<storage, read>") => Access::Read,
            r if r.starts_with("var ") && r.contains(": texture_storage_2d<rgba32float, read>") => {
                Access::StorageTexture
            }
            _ => return Err(format!("binding {number} is neither a storage buffer nor a storage texture")),
        };
        found.push(access);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_read_off_the_shader() {
        let code = "@group(0) @binding(0) var<storage, read> a: array<f32>;\n\
                    @group(0) @binding(1) var<storage, read_write> b: array<f32>;";
        assert_eq!(bindings(code), Ok(vec![Access::Read, Access::ReadWrite]));
        let texture = "@group(0) @binding(0) var b: texture_storage_2d<rgba32float, read>;   // [k, n]";
        assert_eq!(bindings(texture), Ok(vec![Access::StorageTexture]));
        assert!(bindings("@group(0) @binding(1) var<storage, read> a: array<f32>;").is_err());
        assert!(bindings("@group(0) @binding(0) var<uniform> a: f32;").is_err());
    }

    #[test]
    fn browsers_are_told_of_subgroups_where_there_are_some() {
        let code = "fn f() { _ = subgroupAdd(1u); }";
        assert_eq!(browser_text(code), format!("enable subgroups; {code}"));
        assert!(browser_text("fn f() { _ = quadSwapX(1u); }").starts_with("enable subgroups; fn"));
        assert!(browser_text("fn f(@builtin(num_subgroups) n: u32) {}").starts_with("enable subgroups; fn"));
        for code in ["fn f() {} // subgroupAdd", "fn f() { let subgroup = 1u; }"] {
            assert_eq!(browser_text(code), code);
        }
    }
}
