//! The cases that open a store, and compact it.

use crate::Outcome;
use crate::data::KIB;
use crate::line::{self, Line};
use simd_r_drive::{DataStore, traits::DataStoreReader};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Instant;

/// Drops the pages of a file from the system's cache.
fn drop_cache(path: &Path) -> std::io::Result<()> {
    let file = File::open(path)?;
    file.sync_all()?;
    // Safety: the descriptor is open, and the call touches no memory.
    match unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) } {
        0 => Ok(()),
        code => Err(std::io::Error::from_raw_os_error(code)),
    }
}

/// Opens a store, with the file in the cache or not.
pub fn open(path: &Path, cold: bool) -> Outcome {
    if cold {
        drop_cache(path)?;
    }
    let size = std::fs::metadata(path)?.len();
    let begun = Instant::now();
    let store = DataStore::open(path)?;
    let mut line = Line::since(begun, 0, size, 0);
    line.ops = store.len()? as u64;
    line.check = line.ops;
    Ok(line)
}

/// The memory of an open store that is no page of a file.
pub fn memory(path: &Path) -> Outcome {
    let base = line::memory("RssAnon:");
    let begun = Instant::now();
    let store = DataStore::open(path)?;
    let mut line = Line::since(begun, 0, 0, 0).with("base_anon_mb", base);
    line.ops = store.len()? as u64;
    line.check = line.ops;
    let line = line.with("open_anon_mb", line::memory("RssAnon:")).with("vmhwm_mb", line::memory("VmHWM:"));
    drop(store);
    Ok(line)
}

/// Compacts a store with values of 1 KiB.
pub fn compact(path: &Path) -> Outcome {
    let before = std::fs::metadata(path)?.len();
    let mut store = DataStore::open(path)?;
    let live = store.len()? as u64;
    let begun = Instant::now();
    store.compact()?;
    let mut line = Line::since(begun, live, live * KIB as u64, 0);
    line.check = std::fs::metadata(path)?.len();
    let after = line.check as f64;
    Ok(line.with("file_before", before as f64).with("file_after", after))
}
