//! This machine and the processes on it, as Linux tells: CPU time, memory, cores, limits.
//!
//! All of it from `/proc` or one system call; an unreadable figure is an error, never a zero.

use std::fs;

use anyhow::{Context, ensure};
use serde::Serialize;

/// What a result says about the machine; no name, no path.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Model as the kernel names it.
    pub cpu: String,
    /// Cores of the machine.
    pub cores: usize,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Kernel release.
    pub kernel: String,
    /// Open files a process may have.
    pub open_files: u64,
}

impl Machine {
    /// Reads it; what cannot be read is said to be unknown.
    pub fn read() -> Self {
        let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu_info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| kib_field(&text, "MemTotal:"));
        Self {
            cpu: model.map_or_else(|| "unknown".into(), |(_, name)| name.trim().into()),
            cores: cpu_info.lines().filter(|line| line.starts_with("processor")).count(),
            memory_mib: memory.unwrap_or_default() / 1_024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().into(),
            open_files: open_files().map_or(0, |limit| limit.rlim_cur),
        }
    }
}

/// CPU time of a process so far, all its live threads, nanoseconds (`/proc/PID/task/*/schedstat`). A thread that ends
/// takes its time with it, so this is for servers whose threads stay.
pub fn cpu_ns(pid: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the server is gone")? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        sum += text.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).context("schedstat")?;
    }
    Ok(sum)
}

/// Resident memory of a process, KiB.
pub fn resident_kib(pid: u32) -> anyhow::Result<u64> {
    status_kib(pid, "VmRSS:")
}

/// The most resident memory a process has had, KiB.
pub fn resident_peak_kib(pid: u32) -> anyhow::Result<u64> {
    status_kib(pid, "VmHWM:")
}

/// From now on the most resident memory is counted anew (`/proc/PID/clear_refs`, proc(5)).
pub fn forget_resident_peak(pid: u32) -> anyhow::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("clear_refs")
}

/// Open descriptors of a process.
pub fn descriptors(pid: u32) -> anyhow::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd")).context("the server is gone")?.count())
}

fn status_kib(pid: u32, field: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("the server is gone")?;
    kib_field(&text, field).context("no memory in /proc/PID/status")
}

fn kib_field(text: &str, field: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok())
}

/// Time the hypervisor gave to others while we wanted a core, all cores, clock ticks (10 ms) since boot.
pub fn stolen_ticks() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    text.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse().ok()).unwrap_or_default()
}

/// Lifts the soft limit on open files to the hard one and says what it is.
pub fn raise_open_files() -> anyhow::Result<u64> {
    let mut limit = open_files()?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `setrlimit` reads the struct it is given and keeps no pointer.
    #[allow(unsafe_code)]
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    ensure!(result == 0, "setrlimit: {}", std::io::Error::last_os_error());
    Ok(limit.rlim_cur)
}

fn open_files() -> anyhow::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `getrlimit` fills the struct it is given and keeps no pointer.
    #[allow(unsafe_code)]
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    ensure!(result == 0, "getrlimit: {}", std::io::Error::last_os_error());
    Ok(limit)
}

/// Keeps this thread, and those it starts from now on, on one core. Also used in a child between fork and exec, so it
/// neither allocates nor locks.
pub fn pin_to_core(core: usize) -> std::io::Result<()> {
    // SAFETY: a `cpu_set_t` of zeros is the empty set; `CPU_SET` checks its index against the set's size;
    // `sched_setaffinity` reads the set and keeps no pointer.
    #[allow(unsafe_code)]
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Lets this thread's sleeps end when asked, not up to 50 us later (the kernel's default slack).
pub fn sleep_precisely() {
    // SAFETY: PR_SET_TIMERSLACK takes one number and touches no memory. A failure costs precision only, and that shows
    // in the send lateness.
    #[allow(unsafe_code)]
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_000, 0, 0, 0);
    }
}

/// Has the kernel end this process when its parent's thread ends. For a child between fork and exec.
pub fn end_with_parent() {
    // SAFETY: PR_SET_PDEATHSIG takes one number and touches no memory.
    #[allow(unsafe_code)]
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM, 0, 0, 0);
    }
}

/// Asks a process that we started to end.
pub fn terminate(pid: u32) {
    // SAFETY: `kill` touches no memory; the process is our own child, not yet waited for, so the id is still its.
    #[allow(unsafe_code)]
    unsafe {
        libc::kill(pid as libc::pid_t, libc::SIGTERM);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn our_own_figures_can_be_read() {
        let pid = std::process::id();
        let before = cpu_ns(pid).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while cpu_ns(pid).unwrap() <= before {
            assert!(std::time::Instant::now() < deadline, "CPU time stands still");
        }
        assert!(resident_kib(pid).unwrap() > 100);
        assert!(resident_peak_kib(pid).unwrap() > 100);
        forget_resident_peak(pid).unwrap();
        assert!(descriptors(pid).unwrap() > 2);
        assert!(raise_open_files().unwrap() > 64);
        assert!(Machine::read().cores > 0);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(cpu_ns(u32::MAX).is_err());
        assert!(resident_kib(u32::MAX).is_err());
    }
}
