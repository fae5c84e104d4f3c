//! The line of JSON that a case gives.

use std::time::Instant;

/// What one run of a case has given.
pub struct Line {
    pub ops: u64,
    pub bytes: u64,
    pub seconds: f64,
    /// Equal for equal work.
    pub check: u64,
    /// What only some cases have.
    pub extra: Vec<(&'static str, f64)>,
}

impl Line {
    /// Ends the time that began at `begun`.
    pub fn since(begun: Instant, ops: u64, bytes: u64, check: u64) -> Line {
        Line { ops, bytes, seconds: begun.elapsed().as_secs_f64(), check, extra: Vec::new() }
    }

    pub fn with(mut self, name: &'static str, value: f64) -> Line {
        self.extra.push((name, value));
        self
    }

    pub fn print(&self, case: &str) {
        let mut text = format!(
            "{{\"case\":\"{case}\",\"ops\":{},\"bytes\":{},\"seconds\":{:.9},\"ops_per_s\":{:.0},\"mb_per_s\":{:.1},\"rss_mb\":{:.1},\"anon_mb\":{:.1},\"check\":{}",
            self.ops,
            self.bytes,
            self.seconds,
            self.ops as f64 / self.seconds,
            self.bytes as f64 / 1e6 / self.seconds,
            memory("VmRSS:"),
            memory("RssAnon:"),
            self.check,
        );
        for (name, value) in &self.extra {
            text += &format!(",\"{name}\":{value:.1}");
        }
        println!("{text}}}");
    }
}

/// Returns a size from the status of this process in MiB.
pub fn memory(name: &str) -> f64 {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1024.0
}
