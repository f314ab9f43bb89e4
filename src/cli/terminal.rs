//! Standard output and error: colours only on a terminal, and no panic where the reader has gone.

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anstream::AutoStream;
use anstyle::AnsiColor;
pub use anstyle::Style;

use super::clock;

/// What matters in a line: names, headings.
pub const STRONG: Style = Style::new().bold();
/// What is above a part of an output.
pub const HEADING: Style = Style::new().bold().underline();
/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What works and should be changed.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// What is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What can be skipped: places, defaults.
pub const FAINT: Style = Style::new().dimmed();
/// What is worth knowing.
pub const NOTE: Style = AnsiColor::Cyan.on_default().bold();

/// How long a command may be silent.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often progress is told anew.
const PACE: Duration = Duration::from_millis(100);
/// Back to the beginning of the line, which is emptied.
const ERASE: &str = "\r\x1b[K";

/// Why a command could not do its work: exit code 2.
#[derive(Debug)]
pub enum Failure {
    /// Whoever read our output has gone; nobody is left to be told.
    ClosedPipe,
    /// What went wrong, and what to do next.
    Message(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Message(error.to_string()),
        }
    }
}

/// Where a command writes. Text may hold styles; they are taken out where no terminal would show them, and with
/// `NO_COLOR`.
pub struct Terminal {
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
    progress: Progress,
}

/// A line on standard error that is replaced as the work goes on.
struct Progress {
    /// Whether standard error is a terminal that can erase a line.
    can_show: bool,
    /// When the command began, or when it was last shown, and how long that stays so.
    since: Instant,
    pause: Duration,
    is_shown: bool,
}

impl Terminal {
    pub fn new() -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let progress = Progress {
            can_show: io::stderr().is_terminal() && !is_dumb,
            since: clock::mark(),
            pause: PATIENCE,
            is_shown: false,
        };
        Self { out: AutoStream::auto(io::stdout()), err: AutoStream::auto(io::stderr()), progress }
    }

    /// Writes to standard output: what the command was asked for, and nothing else.
    pub fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.clear();
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// Writes a line to standard error: remarks.
    pub fn note(&mut self, text: &str) {
        self.clear();
        // Whoever does not read errors is no reason to have another one.
        let _ = writeln!(self.err, "{text}");
    }

    /// Writes an error to standard error.
    pub fn error(&mut self, text: &str) {
        self.note(&format!("{BAD}error{BAD:#}: {text}"));
    }

    /// Tells how far a long work is, such as "12000 of 40000 requests": on standard error, if that is a terminal, and
    /// once the command has taken more than a second. To be called as often as is convenient.
    pub fn progress(&mut self, text: impl FnOnce() -> String) {
        if !self.progress.can_show || self.progress.since.elapsed() < self.progress.pause {
            return;
        }
        self.progress.since = clock::mark();
        self.progress.pause = PACE;
        self.progress.is_shown = true;
        let _ = write!(io::stderr(), "{ERASE}{}", text()).and_then(|()| io::stderr().flush());
    }

    /// Does work that cannot tell how far it is, and says `what` is waited for if it takes more than a second.
    pub fn waiting<T>(&mut self, what: &str, work: impl FnOnce() -> T) -> T {
        if !self.progress.can_show {
            return work();
        }
        self.clear();
        let (done, is_done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                if is_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    let _ = write!(io::stderr(), "{what} …").and_then(|()| io::stderr().flush());
                    let _ = is_done.recv();
                    let _ = write!(io::stderr(), "{ERASE}").and_then(|()| io::stderr().flush());
                }
            });
            let result = work();
            drop(done);
            result
        })
    }

    /// Whether standard output is a terminal, where a person looks, and not a file or a program.
    pub fn is_watched(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Takes the line of progress away.
    fn clear(&mut self) {
        if std::mem::take(&mut self.progress.is_shown) {
            let _ = write!(io::stderr(), "{ERASE}").and_then(|()| io::stderr().flush());
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.clear();
    }
}
