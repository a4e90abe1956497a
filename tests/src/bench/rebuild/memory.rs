//! Peak memory of this process, where the system reports it (Linux).
//!
//! It must never fail a run: elsewhere the result says that the value is unknown.

use std::fs;

/// Resets the peak when written to `/proc/self/clear_refs`.
const RESET_PEAK: &str = "5";

/// Tracks the peak from its start on.
pub(super) struct PeakMemory {
    at_start_mib: Option<u64>,
}

impl PeakMemory {
    pub(super) fn start() -> Self {
        let reset = fs::write("/proc/self/clear_refs", RESET_PEAK);
        Self { at_start_mib: reset.ok().and_then(|()| read_mib("VmRSS:")) }
    }

    /// The peak since the start, as text.
    pub(super) fn describe(&self) -> String {
        match (self.at_start_mib, read_mib("VmHWM:")) {
            (Some(start), Some(peak)) => {
                format!("peak RSS during the first rebuild: {peak} MiB, of which {start} MiB before it began")
            }
            (_, _) => "peak RSS: unknown on this system".to_owned(),
        }
    }
}

fn read_mib(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}
