//! A small process that outlives us and stops the server when we are gone, in whatever way we went.
//!
//! It must never stop a server that others use, nor one that is not ours: it takes the lease exclusively first, and then
//! looks at what the server works on.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::Error;
use super::postmaster::pid_file;
use super::server_dir::Home;

/// Waits until our end of its standard input closes, which it does with our last breath; then does what
/// `PrivatePostgres::stop` does. $1 lease, $2 pid file, $3 cluster. Bounds: 5 s for the lease (the kernel may close our
/// files one after the other), 120 s for the server.
const SCRIPT: &str = r#"
cat >/dev/null
exec 8>>"$1" || exit 1
tries=50
until flock -n -x 8; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 0
    sleep 0.1
done
read -r pid <"$2" || exit 0
if [ -e /proc/self/cwd ] && ! [ "/proc/$pid/cwd" -ef "$3" ]; then exit 0; fi
kill -INT "$pid" || exit 0
tries=1200
while [ -e "$2" ] && [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    sleep 0.1
done
"#;

/// The running watcher. Dropping it ends it without stopping the server.
#[derive(Debug)]
pub(super) struct Watcher {
    child: Child,
}

impl Watcher {
    /// Starts it, in a process group of its own: a Ctrl-C is not for it. Its standard input stays open as long as we live.
    pub(super) fn spawn(home: &Home) -> Result<Self, Error> {
        let shell = "/bin/sh";
        let mut command = Command::new(shell);
        command.args(["-c", SCRIPT, "daybook-postgres-watcher"]);
        command.arg(home.lease()).arg(pid_file(&home.cluster())).arg(home.cluster());
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .current_dir("/");
        let child = command.spawn().map_err(Error::io("run", shell.as_ref()))?;
        Ok(Self { child })
    }

    /// What our death looks like to it; returns when it has done its work.
    #[cfg(test)]
    pub(super) fn outlive(mut self) -> std::io::Result<std::process::ExitStatus> {
        // Waiting closes its standard input first.
        self.child.wait()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Killed before its input closes, or it would take our orderly end for a death. It leaves `cat` behind for the
        // moment until that input closes.
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            tracing::debug!("the watcher of the private PostgreSQL had already ended");
        }
    }
}
