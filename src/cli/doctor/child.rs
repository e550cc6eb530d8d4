//! A step of `doctor` in a process of its own.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::process::wait;

/// A step that takes longer hangs: the longest ones take half a minute on a slow software device.
const LONGEST: Duration = Duration::from_secs(180);
/// Bytes of what a step says that are kept.
const KEPT: u64 = 1 << 16;

/// How a step ended.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Step {
    /// The words of the command line.
    pub command: String,
    /// Its exit code; absent when it was ended by a signal or took too long.
    pub code: Option<i32>,
    /// Why there is no exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Seconds that it took.
    pub seconds: f64,
    /// The end of what it said on standard error.
    pub said: String,
    /// What it printed.
    #[serde(skip)]
    pub printed: String,
}

impl Step {
    /// Runs this program with these words and variables.
    pub fn run(words: &[&str], variables: &[(&str, &str)]) -> Self {
        let shown = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect::<String>();
        let command = format!("{shown}dapo-wgpu {}", words.join(" "));
        let started = Instant::now();
        let failed = |reason: String| Self {
            command: command.clone(),
            code: None,
            ended: Some(reason),
            seconds: started.elapsed().as_secs_f64(),
            said: String::new(),
            printed: String::new(),
        };
        let run = || -> std::io::Result<Self> {
            let (output, errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
            let mut child = Command::new(std::env::current_exe()?)
                .args(words)
                .envs(variables.iter().copied())
                .stdin(Stdio::null())
                .stdout(output.try_clone()?)
                .stderr(errors.try_clone()?)
                .spawn()?;
            let status = wait(&mut child, LONGEST, || false)?;
            let code = status.and_then(|status| status.code());
            let ended = match (status, code) {
                (None, _) => Some(format!("it took longer than {} s and was ended", LONGEST.as_secs())),
                (Some(status), None) => Some(format!("it was ended: {status}")),
                (Some(_), Some(_)) => None,
            };
            Ok(Self {
                command: command.clone(),
                code,
                ended,
                seconds: started.elapsed().as_secs_f64(),
                said: read(errors, KEPT)?,
                printed: read(output, u64::MAX)?,
            })
        };
        run().unwrap_or_else(|error| failed(error.to_string()))
    }

    /// What it printed as JSON, if it is.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.printed).ok()
    }

    /// Whether it ended by itself with this code.
    pub fn ended_with(&self, code: i32) -> bool {
        self.code == Some(code)
    }

    /// Why it failed, in a line: its error, or how it was ended.
    pub fn reason(&self) -> String {
        let error = self.said.lines().find_map(|line| line.strip_prefix("error: "));
        error
            .map(str::to_owned)
            .or_else(|| self.ended.clone())
            .unwrap_or_else(|| format!("exit code {:?}", self.code))
    }
}

/// The end of a file.
fn read(mut file: File, most: u64) -> std::io::Result<String> {
    use std::io::{Seek as _, SeekFrom};
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
