//! How to open a device: which adapter, and how its shaders are compiled.

use super::summary::AdapterSummary;

/// Which adapter to use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The fastest kind first: discrete, integrated, virtual, software; native APIs before OpenGL.
    #[default]
    Auto,
    /// The index that `dapo-wgpu devices` prints.
    Index(usize),
    /// A case-insensitive part of the adapter's name or driver.
    Name(String),
}

impl From<&str> for AdapterChoice {
    /// A number is an index, `auto` is automatic, anything else is a part of a name.
    fn from(text: &str) -> Self {
        match text.trim() {
            "" | "auto" => AdapterChoice::Auto,
            t => t.parse().map_or_else(|_| AdapterChoice::Name(t.to_owned()), AdapterChoice::Index),
        }
    }
}

/// Whether shaders run with the validator's run-time checks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ShaderMode {
    /// Index clamps, loop bounds and zeroed workgroup memory: for tests and bug reports.
    Checked,
    /// None of these: our own shaders, each proven in checked mode.
    #[default]
    Trusted,
}

/// Says which of the adapters found is used, by its index, where the choice is automatic and there are several.
pub type Arbiter = fn(&[AdapterSummary]) -> Option<usize>;

/// How to open a device.
#[derive(Debug, Clone, Default)]
pub struct GpuOptions {
    /// Which adapter.
    pub adapter: AdapterChoice,
    /// Checked or trusted shaders. `DAPO_CHECKED=1` forces checked.
    pub mode: ShaderMode,
    /// Asked where the choice is automatic, before the order of [`AdapterChoice::Auto`].
    pub arbiter: Option<Arbiter>,
    /// A folder where the driver's compiled pipelines are kept from one process to the next, a file a driver; `None`
    /// keeps none. Only drivers of Vulkan have them, and most keep a cache of their own besides.
    pub driver_cache: Option<std::path::PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choice_is_parsed_from_an_index_or_a_name() {
        assert_eq!(AdapterChoice::from("1"), AdapterChoice::Index(1));
        assert_eq!(AdapterChoice::from("RTX"), AdapterChoice::Name("RTX".into()));
        assert_eq!(AdapterChoice::from("auto"), AdapterChoice::Auto);
    }
}
