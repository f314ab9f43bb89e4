//! Programs that are not Envoy: where they are, how they are started, and what ends them.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::launch::Process;
use crate::harness::wait_for;
use crate::peer::Absent;

const TIMEOUT: Duration = Duration::from_secs(20);

/// A file of the folder that `make peers` fills.
pub fn find(name: &str) -> Result<PathBuf, Absent> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder =
        std::env::var_os("HOOKWARDEN_PEERS").map_or_else(|| root.join(".venv/peers/bin"), |path| root.join(path));
    let path = folder.join(name);
    if path.exists() { Ok(path) } else { Err(Absent::Missing(format!("{name}, which make peers provides"))) }
}

/// A folder for a program, which is removed with its [`Process`].
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for this program");
    folder
}

/// Starts a program and waits until it listens. It is killed when the returned value is dropped or this process ends.
pub fn start(command: &mut Command, folder: &Path, address: SocketAddr) -> Result<Process, Absent> {
    let log = folder.join("log");
    let output = File::options().create(true).append(true).open(&log).expect("a log file");
    command.stdin(Stdio::null()).stdout(output.try_clone().expect("a second handle")).stderr(output);
    let child = command.spawn().map_err(|error| Absent::Broken(format!("{:?}: {error}", command.get_program())))?;
    let mut process = Process::watched(child, folder.to_owned(), Vec::new());
    let listens = wait_for(TIMEOUT, || {
        if process.exited().is_some() {
            return Some(false);
        }
        TcpStream::connect(address).is_ok().then_some(true)
    });
    if listens == Some(true) {
        return Ok(process);
    }
    let printed = std::fs::read_to_string(&log).unwrap_or_default();
    Err(Absent::Broken(format!("{:?} does not listen on {address}:\n{printed}", command.get_program())))
}

pub fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    // All are open at once, so that they differ.
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("a bound address"))
}
