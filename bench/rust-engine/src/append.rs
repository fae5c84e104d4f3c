//! The cases that write.

use crate::Outcome;
use crate::data::{FILL, KIB, Keys, MIB, append_key};
use crate::line::{Line, memory};
use simd_r_drive::{DataStore, traits::DataStoreWriter};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often memory is looked at while a store grows.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How many writers contend.
const WRITERS: u64 = 8;

fn fresh(path: &Path) -> std::io::Result<DataStore> {
    match std::fs::remove_file(path) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    DataStore::open(path)
}

/// One write for each value.
pub fn single(path: &Path, count: u64, size: usize) -> Outcome {
    let store = fresh(path)?;
    let (mut key, mut value) = (Vec::new(), vec![FILL; size]);
    let mut tail = 0;
    let begun = Instant::now();
    for n in 0..count {
        key.clear();
        append_key(&mut key, n);
        value[..8].copy_from_slice(&n.to_le_bytes());
        tail = store.write(&key, &value)?;
    }
    Ok(Line::since(begun, count, count * size as u64, tail))
}

/// Writes keys 0 to count in batches and returns the tail.
fn write_batches(store: &DataStore, count: u64, size: usize, batch: usize) -> std::io::Result<u64> {
    let mut keys = Keys::default();
    let mut values = vec![FILL; size * batch];
    let (mut tail, mut n) = (0, 0);
    while n < count {
        let m = (batch as u64).min(count - n);
        keys.fill(n..n + m);
        for (j, value) in values.chunks_exact_mut(size).take(m as usize).enumerate() {
            value[..8].copy_from_slice(&(n + j as u64).to_le_bytes());
        }
        let items: Vec<(&[u8], &[u8])> = keys.slices().into_iter().zip(values.chunks_exact(size)).collect();
        tail = store.batch_write(&items)?;
        n += m;
    }
    Ok(tail)
}

/// One write for each batch of values.
pub fn many(path: &Path, count: u64, size: usize, batch: usize) -> Outcome {
    let store = fresh(path)?;
    let begun = Instant::now();
    let tail = write_batches(&store, count, size, batch)?;
    Ok(Line::since(begun, count, count * size as u64, tail))
}

/// Writes values of 1 KiB and the first half of the keys once more.
pub fn half_twice(path: &Path, count: u64) -> Outcome {
    const BATCH: u64 = 100;
    let store = fresh(path)?;
    let begun = Instant::now();
    let mut tail = write_batches(&store, count, KIB, BATCH as usize)?;
    let value = vec![0xCD; KIB];
    let mut keys = Keys::default();
    let (half, mut n) = (count / 2, 0);
    while n < half {
        let m = BATCH.min(half - n);
        keys.fill(n..n + m);
        let items: Vec<(&[u8], &[u8])> = keys.slices().into_iter().map(|key| (key, &value[..])).collect();
        tail = store.batch_write(&items)?;
        n += m;
    }
    Ok(Line::since(begun, count + half, (count + half) * KIB as u64, tail))
}

/// Grows a store and looks at the memory that is no page of a file.
pub fn growth(path: &Path, count: u64) -> Outcome {
    let base = memory("RssAnon:");
    let store = fresh(path)?;
    let done = AtomicBool::new(false);
    let begun = Instant::now();
    let (tail, peak) = std::thread::scope(|scope| {
        let looker = scope.spawn(|| {
            let mut peak: f64 = 0.0;
            while !done.load(Ordering::Relaxed) {
                peak = peak.max(memory("RssAnon:"));
                std::thread::sleep(LOOK_EVERY);
            }
            peak.max(memory("RssAnon:"))
        });
        let tail = write_batches(&store, count, 8, 1024);
        done.store(true, Ordering::Relaxed);
        (tail, looker.join().expect("the looker does not panic"))
    });
    let line = Line::since(begun, count, count * 8, tail?).with("base_anon_mb", base).with("peak_anon_mb", peak);
    let open = memory("RssAnon:");
    drop(store);
    Ok(line.with("open_anon_mb", open))
}

/// Returns the same MiB again and again.
struct Pattern {
    bytes: Vec<u8>,
    left: u64,
}

impl Read for Pattern {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = into.len().min(self.bytes.len()).min(self.left as usize);
        into[..n].copy_from_slice(&self.bytes[..n]);
        self.left -= n as u64;
        Ok(n)
    }
}

/// One value from a stream.
pub fn stream(path: &Path, size: u64) -> Outcome {
    let store = fresh(path)?;
    let bytes = (0..MIB).map(|i| (i % 251 + 1) as u8).collect();
    let mut pattern = Pattern { bytes, left: size };
    let begun = Instant::now();
    let tail = store.write_stream(b"big", &mut pattern)?;
    Ok(Line::since(begun, 1, size, tail))
}

/// Deletes all keys of a store.
pub fn delete(path: &Path, count: u64) -> Outcome {
    let store = DataStore::open(path)?;
    let mut keys = Keys::default();
    let (mut tail, mut n) = (0, 0);
    let begun = Instant::now();
    while n < count {
        let m = 1024.min(count - n);
        keys.fill(n..n + m);
        tail = store.batch_delete(&keys.slices())?;
        n += m;
    }
    Ok(Line::since(begun, count, 0, tail))
}

/// Writers that wait for each other, each with keys of its own.
pub fn contend(path: &Path, each: u64, size: usize) -> Outcome {
    let store = fresh(path)?;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|t| {
                let store = &store;
                scope.spawn(move || -> std::io::Result<()> {
                    let mut value = vec![FILL; size];
                    for n in 0..each {
                        value[..8].copy_from_slice(&n.to_le_bytes());
                        store.write(format!("t{t}_{n}").as_bytes(), &value)?;
                    }
                    Ok(())
                })
            })
            .collect();
        writers.into_iter().try_for_each(|w| w.join().expect("a writer does not panic"))
    })?;
    let mut line = Line::since(begun, WRITERS * each, WRITERS * each * size as u64, 0);
    line.check = simd_r_drive::traits::DataStoreReader::len(&store)? as u64;
    Ok(line)
}
