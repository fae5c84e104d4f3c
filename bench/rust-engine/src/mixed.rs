//! Readers beside a writer.

use crate::Outcome;
use crate::data::{FILL, SplitMix, append_key};
use crate::line::Line;
use simd_r_drive::{
    DataStore,
    traits::{DataStoreReader, DataStoreWriter},
};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How many reads a reader makes between two looks at the clock's flag.
const READS_BETWEEN: u64 = 64;
/// Where the numbers of the writer's keys begin.
const WRITTEN_FROM: u64 = 10_000_000;
/// The size of the values that are written.
const WRITTEN_SIZE: usize = 128;

fn read_until(stop: &AtomicBool, store: &DataStore, count: u64, seed: u64) -> std::io::Result<u64> {
    let mut order = SplitMix(seed);
    let mut key = Vec::new();
    let (mut reads, mut seen) = (0, 0u64);
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..READS_BETWEEN {
            key.clear();
            append_key(&mut key, order.next() % count);
            let entry = store.read(&key)?.ok_or(std::io::ErrorKind::NotFound)?;
            seen = seen.wrapping_add(u64::from(entry.as_slice()[0]) + entry.size() as u64);
        }
        reads += READS_BETWEEN;
    }
    std::hint::black_box(seen);
    Ok(reads)
}

fn write_until(stop: &AtomicBool, store: &DataStore) -> std::io::Result<u64> {
    let (mut key, mut value) = (Vec::new(), vec![FILL; WRITTEN_SIZE]);
    let mut writes = 0u64;
    while !stop.load(Ordering::Relaxed) {
        key.clear();
        append_key(&mut key, WRITTEN_FROM + writes);
        value[..8].copy_from_slice(&writes.to_le_bytes());
        store.write(&key, &value)?;
        writes += 1;
    }
    Ok(writes)
}

/// Counts reads, and writes when there is a writer, for a time.
pub fn run(path: &Path, count: u64, readers: u64, writer: bool, time: Duration) -> Outcome {
    let store = DataStore::open(path)?;
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let (reads, writes) = std::thread::scope(|scope| {
        let (stop, store) = (&stop, &store);
        let readers: Vec<_> =
            (0..readers).map(|t| scope.spawn(move || read_until(stop, store, count, 100 + t))).collect();
        let writer = writer.then(|| scope.spawn(move || write_until(stop, store)));
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        let reads: std::io::Result<u64> =
            readers.into_iter().map(|r| r.join().expect("a reader does not panic")).sum();
        let writes = writer.map_or(Ok(0), |w| w.join().expect("the writer does not panic"));
        (reads, writes)
    });
    let (reads, writes) = (reads?, writes?);
    let line = Line::since(begun, reads + writes, writes * WRITTEN_SIZE as u64, 0);
    let seconds = line.seconds;
    Ok(line.with("reads_per_s", reads as f64 / seconds).with("writes_per_s", writes as f64 / seconds))
}
