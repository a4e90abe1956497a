//! The settings of the private server, rewritten at every start.
//!
//! They must never weaken durability (`fsync`, `synchronous_commit`, `full_page_writes`), open a network port, or let a
//! statement or its values into the server's log.

use std::path::Path;

use crate::server_dir::PORT;

/// Name of the file next to `postgresql.conf`, which includes it.
pub(crate) const FILE_NAME: &str = "daybook.conf";

/// Settings that are the same on every machine. Users put their own below the include in `postgresql.conf`.
const FIXED: &str = "\
# Written by daybook at every start; changes here are lost. Put your own settings below the include in postgresql.conf.
listen_addresses = ''
unix_socket_permissions = 0700

# An acknowledged booking survives a crash of the machine.
fsync = on
synchronous_commit = on
full_page_writes = on

# A clinic's machine is small, and daybook runs on it too.
max_connections = 200
shared_buffers = '256MB'
work_mem = '16MB'
maintenance_work_mem = '128MB'
max_wal_size = '4GB'
checkpoint_timeout = '15min'
jit = off

timezone = 'UTC'
log_timezone = 'UTC'

# This order of levels puts ERROR below LOG. Errors of statements quote values, and values are patients' details.
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_statement = none
log_min_duration_statement = -1
log_destination = 'stderr'
logging_collector = off
";

/// The contents of the file. `socket_dir` is the folder's name in the server's processes.
pub(crate) fn text(socket_dir: &Path) -> String {
    let folder = socket_dir.to_string_lossy().replace('\'', "''");
    format!("{FIXED}\nport = {PORT}\nunix_socket_directories = '\"{folder}\"'\n")
}
