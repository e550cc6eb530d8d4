//! Preparing inputs on background threads, in order, a bounded number ahead of their use.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::files::stop;

/// Time between two looks at whether the program is to stop.
const LOOK: Duration = Duration::from_millis(50);
/// Time that threads have to end.
const ENDING: Duration = Duration::from_secs(1);

/// Prepares `jobs` in their order on `workers` threads, at most `ahead` of them before they are asked for. Dropping
/// the iterator stops the threads. Both numbers count as 1 where they are 0. Once [the program is to stop](stop), the
/// iterator ends where it would have to wait.
pub fn read_ahead<J, T>(
    jobs: impl IntoIterator<Item = J>,
    ahead: usize,
    workers: usize,
    prepare: impl Fn(J) -> T + Send + Sync + 'static,
) -> ReadAhead<impl Iterator<Item = J>, J, T>
where
    J: Clone + Send + 'static,
    T: Send + 'static,
{
    ReadAhead::new(jobs.into_iter(), ahead.max(1), workers.max(1), Arc::new(prepare))
}

type Prepare<J, T> = dyn Fn(J) -> T + Send + Sync;

struct Order<J, T> {
    job: J,
    reply: Sender<T>,
}

/// Prepared inputs in order; see [`read_ahead`].
pub struct ReadAhead<I, J, T> {
    jobs: I,
    ahead: usize,
    /// Inputs under way, in order. The job is kept for the case that no thread answers.
    waiting: VecDeque<(J, Receiver<T>)>,
    /// `None` once the threads are to stop.
    orders: Option<Sender<Order<J, T>>>,
    threads: Vec<JoinHandle<()>>,
    cancelled: Arc<AtomicBool>,
    prepare: Arc<Prepare<J, T>>,
}

impl<I: Iterator<Item = J>, J: Clone + Send + 'static, T: Send + 'static> ReadAhead<I, J, T> {
    fn new(jobs: I, ahead: usize, workers: usize, prepare: Arc<Prepare<J, T>>) -> Self {
        let cancelled = Arc::new(AtomicBool::new(false));
        let (orders, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        // No more threads than there are jobs, where their number is known.
        let workers = workers.min(jobs.size_hint().1.unwrap_or(workers).max(1));
        let spawn = |number: usize| {
            let (prepare, receiver) = (Arc::clone(&prepare), Arc::clone(&receiver));
            let cancelled = Arc::clone(&cancelled);
            let builder = thread::Builder::new().name(format!("read-ahead-{number}"));
            builder.spawn(move || work(&receiver, &cancelled, &*prepare)).ok()
        };
        // Where the system denies every thread, inputs are prepared on the caller's own, see `next`.
        let threads = (0..workers).map_while(spawn).collect();
        Self { jobs, ahead, waiting: VecDeque::new(), orders: Some(orders), threads, cancelled, prepare }
    }

    /// Hands out work until enough is under way.
    fn refill(&mut self) {
        while self.waiting.len() < self.ahead {
            let Some(job) = self.jobs.next() else { return };
            let (reply, answer) = channel();
            if let Some(orders) = &self.orders {
                // Fails where no thread is left; `next` notices the missing answer.
                let _ = orders.send(Order { job: job.clone(), reply });
            }
            self.waiting.push_back((job, answer));
        }
    }
}

fn work<J, T>(orders: &Mutex<Receiver<Order<J, T>>>, cancelled: &AtomicBool, prepare: &Prepare<J, T>) {
    loop {
        // The lock guards a queue that is sound whenever it is released, so a poisoned one can still be used.
        let order = orders.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Order { job, reply }) = order else { return };
        if cancelled.load(Ordering::Relaxed) {
            return;
        }
        // Fails only where the receiver is gone, which needs no handling.
        let _ = reply.send(prepare(job));
    }
}

impl<I: Iterator<Item = J>, J: Clone + Send + 'static, T: Send + 'static> Iterator for ReadAhead<I, J, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.refill();
        let (job, answer) = self.waiting.pop_front()?;
        let prepared = loop {
            match answer.recv_timeout(LOOK) {
                Ok(prepared) => break prepared,
                Err(RecvTimeoutError::Disconnected) => break (self.prepare)(job),
                // A file on a network that does not answer must not keep the program from ending.
                Err(RecvTimeoutError::Timeout) if stop::is_requested() => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        self.refill();
        Some(prepared)
    }
}

impl<I, J, T> Drop for ReadAhead<I, J, T> {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.orders = None;
        let started = Instant::now();
        for thread in self.threads.drain(..) {
            // One that waits for a file ends with the program.
            while stop::is_requested() && !thread.is_finished() && started.elapsed() < ENDING {
                thread::sleep(LOOK / 10);
            }
            if thread.is_finished() || !stop::is_requested() {
                // A thread that panicked has nothing left to clean up.
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn order_is_kept_for_any_number_of_threads() {
        for (ahead, workers) in [(1, 1), (6, 3), (50, 8), (0, 0)] {
            let squares: Vec<u64> = read_ahead(0..200u64, ahead, workers, |n| {
                thread::sleep(std::time::Duration::from_micros(n % 7 * 30));
                n * n
            })
            .collect();
            assert_eq!(squares, (0..200).map(|n| n * n).collect::<Vec<u64>>());
        }
        assert_eq!(read_ahead(0..0, 4, 2, |n: u8| n).count(), 0);
    }

    #[test]
    fn looking_ahead_is_bounded_and_dropping_stops() {
        let prepared = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&prepared);
        let mut inputs = read_ahead(0.., 6, 2, move |n: usize| {
            counter.fetch_add(1, Ordering::Relaxed);
            n
        });
        assert_eq!(inputs.next(), Some(0));
        assert_eq!(inputs.waiting.len(), 6);
        drop(inputs);
        assert!(prepared.load(Ordering::Relaxed) <= 7);
    }

    #[test]
    fn without_threads_the_caller_prepares() {
        let mut inputs = read_ahead(0..3, 2, 1, |n: u8| n + 1);
        inputs.orders = None;
        assert_eq!(inputs.collect::<Vec<_>>(), [1, 2, 3]);
    }
}
