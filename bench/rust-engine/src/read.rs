//! The cases that read.

use crate::Outcome;
use crate::data::{Keys, SplitMix, append_key};
use crate::line::Line;
use simd_r_drive::{DataStore, traits::DataStoreReader};
use std::path::Path;
use std::time::Instant;

/// How many keys one call reads.
const BATCH: usize = 100;

/// What is done with a value.
pub type Use = fn(&[u8]) -> u64;

/// Looks at the first byte.
pub fn first(value: &[u8]) -> u64 {
    u64::from(value[0])
}

/// Looks at all bytes.
pub fn sum(value: &[u8]) -> u64 {
    value.iter().fold(0, |sum, &byte| sum.wrapping_add(u64::from(byte)))
}

/// Reads keys in the order of `seed` and returns the sum and the bytes.
fn read_some(store: &DataStore, count: u64, reads: u64, seed: u64, look: Use) -> std::io::Result<(u64, u64)> {
    let mut order = SplitMix(seed);
    let mut key = Vec::new();
    let (mut check, mut bytes) = (0u64, 0);
    for _ in 0..reads {
        key.clear();
        append_key(&mut key, order.next() % count);
        let entry = store.read(&key)?.ok_or(std::io::ErrorKind::NotFound)?;
        let value = entry.as_slice();
        bytes += value.len() as u64;
        check = check.wrapping_add(look(value));
    }
    Ok((check, bytes))
}

/// Reads at random after a round to warm up; each of several threads makes
/// `reads` in an order of its own.
pub fn random(path: &Path, count: u64, reads: u64, threads: u64, look: Use) -> Outcome {
    let store = DataStore::open(path)?;
    read_some(&store, count, reads, 41, look)?;
    let begun = Instant::now();
    let parts = std::thread::scope(|scope| {
        let store = &store;
        let others: Vec<_> =
            (1..threads).map(|t| scope.spawn(move || read_some(store, count, reads, 42 + t, look))).collect();
        let mut parts = vec![read_some(store, count, reads, 42, look)];
        parts.extend(others.into_iter().map(|t| t.join().expect("a reader does not panic")));
        parts.into_iter().collect::<Result<Vec<_>, _>>()
    })?;
    let check = parts.iter().fold(0u64, |sum, part| sum.wrapping_add(part.0));
    Ok(Line::since(begun, threads * reads, parts.iter().map(|part| part.1).sum(), check))
}

/// Reads many keys by each call.
pub fn batches(path: &Path, count: u64, calls: u64) -> Outcome {
    let store = DataStore::open(path)?;
    let mut keys = Keys::default();
    let mut run = |seed: u64| -> std::io::Result<(u64, u64)> {
        let mut order = SplitMix(seed);
        let (mut check, mut bytes) = (0u64, 0);
        for _ in 0..calls {
            keys.fill((0..BATCH).map(|_| order.next() % count));
            for entry in store.batch_read(&keys.slices())? {
                let entry = entry.ok_or(std::io::ErrorKind::NotFound)?;
                bytes += entry.as_slice().len() as u64;
                check = check.wrapping_add(first(entry.as_slice()));
            }
        }
        Ok((check, bytes))
    };
    run(42)?;
    let begun = Instant::now();
    let (check, bytes) = run(43)?;
    Ok(Line::since(begun, calls * BATCH as u64, bytes, check))
}

/// Iterates over all live entries after a round to warm up.
pub fn iterate(path: &Path, look: Use) -> Outcome {
    let store = DataStore::open(path)?;
    let run = || {
        let (mut count, mut bytes, mut check) = (0, 0, 0u64);
        for entry in store.iter_entries() {
            count += 1;
            bytes += entry.as_slice().len() as u64;
            check = check.wrapping_add(look(entry.as_slice()));
        }
        (count, bytes, check)
    };
    run();
    let begun = Instant::now();
    let (count, bytes, check) = run();
    Ok(Line::since(begun, count, bytes, check))
}
