//! A small process that outlives this one and stops the server if this process was killed.
//!
//! It must never stop a server that others use, nor another cluster's server: it first takes the usage lock exclusively,
//! and then checks the server's working directory.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::Error;
use crate::server_dir::ServerDir;

/// Waits until its standard input closes, which happens when this process ends, and then does the same as
/// `PrivatePostgres::stop`. $1: usage lock, $2: pid file, $3: cluster. It waits 5 s for the lock, since the kernel
/// closes the files of a dead process one by one, and 120 s for the server, before it stops it without its checkpoint.
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
[ ! -e "$2" ] || kill -QUIT "$pid"
"#;

/// The running watcher. Dropping it ends it without stopping the server.
#[derive(Debug)]
pub(crate) struct Watcher {
    child: Child,
}

impl Watcher {
    /// Starts the process in its own process group, out of reach of a Ctrl-C in the terminal.
    pub(crate) fn spawn(server_dir: &ServerDir) -> Result<Self, Error> {
        let shell = "/bin/sh";
        let mut command = Command::new(shell);
        command.args(["-c", SCRIPT, "daybook-postgres-watcher"]);
        command.args([server_dir.usage_lock(), server_dir.pid_file(), server_dir.cluster_dir()]);
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

    /// Simulates the end of this process, and returns when the watcher has ended.
    #[cfg(test)]
    pub(crate) fn outlive(mut self) -> std::io::Result<std::process::ExitStatus> {
        // `wait` first closes the child's standard input.
        self.child.wait()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The kill must come before its input closes, or the watcher would try to stop the server. Its `cat` ends when
        // the input closes.
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            tracing::debug!("the watcher of the private PostgreSQL had already ended");
        }
    }
}
