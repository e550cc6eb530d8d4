//! Who is told of a defective image, after its line is written: a command, a server.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::line::Line;
use crate::cli::Failure;
use crate::cli::process::wait;
use crate::cli::say::{complain, detail};
use crate::report::results::{ImageResult, Verdict};

/// The most time that a command may take.
const LONGEST: Duration = Duration::from_secs(30);
/// The most time of one attempt to reach a server, and how many there are.
const TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;

/// Options for being told.
#[derive(Debug, Clone, clap::Args)]
pub struct NotifyArgs {
    /// Command of the shell to run for each defective image, with its line on standard input and in DEFECT_IMAGE, DEFECT_SCORE
    /// and DEFECT_TYPE; it may take 30 seconds, and its failure ends nothing
    #[arg(long, value_name = "CMD")]
    on_defect: Option<String>,
    /// Address to send the line of each defective image to, by POST as JSON
    #[arg(long, value_name = "URL", value_parser = address)]
    webhook: Option<String>,
}

fn address(text: &str) -> Result<String, String> {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    if is_web { Ok(text.to_owned()) } else { Err("expected http://… or https://…".to_owned()) }
}

impl NotifyArgs {
    /// Tells of a line if its image is defective. What goes wrong is said.
    ///
    /// # Errors
    /// A line that cannot be made into JSON.
    pub fn tell(&self, line: &Line, interrupted: &AtomicBool) -> Result<(), Failure> {
        let ImageResult::Scored(image) = &line.result else { return Ok(()) };
        if image.verdict != Some(Verdict::Defective) || (self.on_defect.is_none() && self.webhook.is_none()) {
            return Ok(());
        }
        let text = serde_json::to_string(line).map_err(|e| Failure::new(e.to_string()))? + "\n";
        let about = [
            ("DEFECT_IMAGE", image.path.clone()),
            ("DEFECT_SCORE", image.score.to_string()),
            ("DEFECT_TYPE", image.defect_type.clone()),
        ];
        for (what, outcome) in [
            ("--on-defect", self.on_defect.as_ref().map(|command| run(command, &text, &about, interrupted))),
            ("--webhook", self.webhook.as_ref().map(|url| post(url, &text, interrupted))),
        ] {
            match outcome {
                Some(Err(reason)) => complain!("error: {what}: {}: {reason}", image.path),
                Some(Ok(())) => detail!("{what}: told of {}", image.path),
                None => {}
            }
        }
        Ok(())
    }
}

/// Runs a command of the shell with a text on its standard input.
fn run(command: &str, text: &str, about: &[(&str, String)], interrupted: &AtomicBool) -> Result<(), String> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut child = Command::new(shell)
        .args([flag, command])
        .envs(about.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        // A command that does not read its input is fine; a line fits into a pipe.
        let _ = input.write_all(text.as_bytes());
    }
    match wait(&mut child, LONGEST, || interrupted.load(Ordering::Relaxed)).map_err(|e| e.to_string())? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("the command ended with {status}")),
        None if interrupted.load(Ordering::Relaxed) => {
            Err("the command was ended, as this program is".to_owned())
        }
        None => Err(format!("the command took longer than {} s and was ended", LONGEST.as_secs())),
    }
}

/// Sends a text to a server, again where it does not answer.
fn post(url: &str, text: &str, interrupted: &AtomicBool) -> Result<(), String> {
    let agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().new_agent();
    let mut reason = String::new();
    for _ in 0..ATTEMPTS {
        match agent.post(url).header("Content-Type", "application/json").send(text) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string(),
        }
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    Err(reason)
}
