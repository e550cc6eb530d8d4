//! What this build of the program is made of.

use serde::{Deserialize, Serialize};

/// Version, commit and libraries of a build; part of reports that go with a bug of a driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BuildInfo {
    /// The version of dapo-wgpu.
    pub version: String,
    /// The commit of its sources, `with changes` where files differ from it; empty where it is not known.
    pub commit: String,
    /// The features that are on.
    pub features: Vec<String>,
    /// The version of wgpu; empty where it is not known.
    pub wgpu: String,
    /// The version of naga, which translates the shaders; empty where it is not known.
    pub naga: String,
    /// What it was compiled for, such as `x86_64-unknown-linux-gnu`.
    pub target: String,
    /// `release` or `debug`.
    pub profile: String,
}

impl BuildInfo {
    /// This build.
    pub fn own() -> Self {
        let features = [
            ("cli", cfg!(feature = "cli")),
            ("fetch", cfg!(feature = "fetch")),
            ("isa", cfg!(feature = "isa")),
            ("synth", cfg!(feature = "synth")),
        ];
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: env!("BUILD_COMMIT").to_owned(),
            features: features.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()).collect(),
            wgpu: env!("BUILD_WGPU").to_owned(),
            naga: env!("BUILD_NAGA").to_owned(),
            target: env!("BUILD_TARGET").to_owned(),
            profile: env!("BUILD_PROFILE").to_owned(),
        }
    }

    /// A line for each, as `--version` prints them below the version.
    pub fn lines(&self) -> Vec<String> {
        let known = |text: &str| if text.is_empty() { "not known".to_owned() } else { text.to_owned() };
        vec![
            format!("commit    {}", known(&self.commit)),
            format!("features  {}", known(&self.features.join(" "))),
            format!("wgpu      {}", known(&self.wgpu)),
            format!("naga      {}", known(&self.naga)),
            format!("target    {} ({})", self.target, self.profile),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_knows_its_libraries() {
        let own = BuildInfo::own();
        let is_version =
            |text: &str| text.split('.').count() == 3 && text.starts_with(|c: char| c.is_ascii_digit());
        assert!(is_version(&own.version) && is_version(&own.wgpu) && is_version(&own.naga), "{own:?}");
        assert!(own.features.contains(&"cli".to_owned()) == cfg!(feature = "cli"));
        assert_eq!(own.lines().len(), 5);
    }
}
