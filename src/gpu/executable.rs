//! What a driver's compiler made of a shader: its statistics and its machine code.

use serde::Serialize;

/// A compiled shader as its driver describes it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Executable {
    /// The driver's name for it: `Compute Shader`, …
    pub name: String,
    /// Invocations of a subgroup; 0 where the driver does not say.
    pub subgroup_size: u32,
    /// Counts, in the driver's order.
    pub statistics: Vec<Statistic>,
    /// Texts: the driver's intermediate languages and the machine code.
    #[serde(skip)]
    pub representations: Vec<Representation>,
}

/// One count of a driver.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Statistic {
    /// The driver's name for it.
    pub name: String,
    /// What it counts, in the driver's words.
    #[serde(skip)]
    pub description: String,
    /// Its value. (A hash of 64 bits loses its last digits; no count is as large.)
    pub value: f64,
}

/// A text that a driver hands out.
#[derive(Debug, Clone, PartialEq)]
pub struct Representation {
    /// The driver's name for it: `NIR Shader(s)`, `Assembly`, …
    pub name: String,
    /// The text.
    pub text: String,
}

impl Executable {
    /// The sum of the statistics with these names, where there is one: drivers name the same count differently.
    pub fn statistic(&self, names: &[&str]) -> Option<u64> {
        let mut found = self.statistics.iter().filter(|s| names.contains(&s.name.as_str())).peekable();
        found.peek()?;
        Some(found.map(|s| s.value.max(0.0) as u64).sum())
    }

    /// The machine code as text.
    pub fn assembly(&self) -> Option<&str> {
        let found = self.representations.iter().find(|r| r.name.contains("Assembly"));
        found.map(|r| r.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_found_under_any_of_its_names() {
        let statistic =
            |name: &str, value| Statistic { name: name.into(), description: String::new(), value };
        let executable = Executable {
            name: "Compute Shader".into(),
            subgroup_size: 64,
            statistics: vec![
                statistic("VGPRs", 84.0),
                statistic("Spilled VGPRs", 1.0),
                statistic("Spilled SGPRs", 2.0),
            ],
            representations: vec![Representation { name: "Assembly".into(), text: "s_endpgm".into() }],
        };
        assert_eq!(executable.statistic(&["VGPRs", "Register Count"]), Some(84));
        assert_eq!(executable.statistic(&["Spilled VGPRs", "Spilled SGPRs"]), Some(3));
        assert_eq!(executable.statistic(&["Stack Size"]), None);
        assert_eq!(executable.assembly(), Some("s_endpgm"));
    }
}
