//! Ctrl-C and SIGTERM: every wait ends, in bounded time.
//!
//! A command that has something to finish says so by [`watch_interrupt`]; it has [`GRACE`] for it. All others end at once:
//! their files appear whole or not at all.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::say::say;
use crate::files::stop;

/// Time that a command has to finish what is under way. What is not finished by then is done again by the next run.
const GRACE: Duration = Duration::from_secs(20);

/// Time that what is said may take to be read.
const READING: Duration = Duration::from_millis(500);

/// What the command at work finishes.
static FINISHING: Mutex<Option<&'static str>> = Mutex::new(None);

/// Heeds signals from now on.
pub fn heed_signals() {
    // Without a handler a signal simply stops the program, which is safe too.
    let _ = ctrlc::set_handler(noticed);
}

/// Set when the user presses Ctrl-C: what is under way is finished and written.
pub fn watch_interrupt(what: &'static str) -> &'static AtomicBool {
    *FINISHING.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    heed_signals();
    stop::flag()
}

fn noticed() {
    let finishing = *FINISHING.lock().unwrap_or_else(PoisonError::into_inner);
    let again = stop::request();
    match finishing {
        Some(what) if !again => {
            let ending = thread::Builder::new().name("ending".to_owned());
            let ends = ending.spawn(|| {
                thread::sleep(GRACE);
                say_in_time(format!(
                    "stopped: this took longer than {} seconds; what was kept before is there",
                    GRACE.as_secs()
                ));
                std::process::exit(130);
            });
            say_in_time(format!("\ninterrupted: {what} (again to stop at once)"));
            if ends.is_ok() {
                return;
            }
        }
        // Twice: the user does not want to wait.
        Some(_) => {}
        None => say_in_time("\ninterrupted".to_owned()),
    }
    std::process::exit(130);
}

/// Says something, but does not wait for a reader of standard error that does not read.
fn say_in_time(text: String) {
    let (sender, said) = channel();
    let saying = thread::Builder::new().name("say".to_owned()).spawn(move || {
        say!("{text}");
        // Nobody waits for it any more where this fails.
        let _ = sender.send(());
    });
    if saying.is_ok() {
        let _ = said.recv_timeout(READING);
    }
}
