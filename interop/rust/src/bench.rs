//! Measures calls over one connection.

use crate::{Failure, connect, say};
use serde_json::json;
use simd_r_drive_ws_client::{AsyncDataStoreReader, AsyncDataStoreWriter, WsClient};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many keys a batch has.
const BATCH: usize = 100;

/// Of how many calls one is a write, in the operation mixed.
const MIXED_ROUND: usize = 10;

/// What all workers share.
struct Load {
    client: Arc<WsClient>,
    op: String,
    /// A batch of keys at least, and one for each call in flight.
    keys: Vec<Vec<u8>>,
    /// The value of each key: noise, so that nothing can be made smaller.
    values: Vec<Vec<u8>>,
}

/// Keeps `conc` calls in flight for some seconds and prints one line.
pub async fn run(
    address: &str,
    op: &str,
    size: &str,
    conc: &str,
    seconds: &str,
) -> Result<(), Failure> {
    let (size, conc): (usize, usize) = (size.parse()?, conc.parse()?);
    let time = Duration::try_from_secs_f64(seconds.parse()?)?;
    let keys = conc.max(BATCH);
    let load = Arc::new(Load {
        client: connect(address).await?,
        op: op.to_string(),
        keys: (0..keys)
            .map(|i| format!("bench-{i:05}").into_bytes())
            .collect(),
        values: (0..keys).map(|i| noise(i as u64, size)).collect(),
    });
    load.write_all().await?;
    let begun = Instant::now();
    let workers: Vec<_> = (0..conc)
        .map(|worker| tokio::spawn(work(load.clone(), worker, begun + time)))
        .collect();
    let mut micros = Vec::new();
    for worker in workers {
        micros.append(&mut worker.await??);
    }
    let calls_per_s = micros.len() as f64 / begun.elapsed().as_secs_f64();
    micros.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize];
    say(&json!({
        "impl": "rust", "op": op, "size": size, "conc": conc, "calls": micros.len(),
        "calls_per_s": calls_per_s, "p50_us": quantile(0.5), "p99_us": quantile(0.99),
    }));
    Ok(())
}

/// Makes one call after the other until the deadline, at least one, and returns
/// how long each took in microseconds.
async fn work(load: Arc<Load>, worker: usize, deadline: Instant) -> Result<Vec<f64>, Failure> {
    let mut micros = Vec::new();
    let mut before = Instant::now();
    while micros.is_empty() || before < deadline {
        let n = worker + micros.len();
        load.call(load.op_of(n), n % load.keys.len()).await?;
        let now = Instant::now();
        micros.push((now - before).as_secs_f64() * 1e6);
        before = now;
    }
    Ok(micros)
}

/// Returns bytes that differ for each seed, by splitmix64.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed << 32;
    let mut bytes = Vec::with_capacity(size + 7);
    while bytes.len() < size {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

impl Load {
    /// Returns the operation of a call: of ten that are mixed, one is a write.
    fn op_of(&self, n: usize) -> &str {
        match self.op.as_str() {
            "mixed" if n % MIXED_ROUND == MIXED_ROUND - 1 => "write",
            "mixed" => "read",
            op => op,
        }
    }

    /// Makes one call and looks at its answer. A batch is the first keys.
    async fn call(&self, op: &str, i: usize) -> Result<(), Failure> {
        let (key, value) = (&self.keys[i], &self.values[i]);
        let intact = match op {
            "read" => self.client.read(key).await?.as_ref() == Some(value),
            "write" => self.client.write(key, value).await? > 0,
            "exists" => self.client.exists(key).await?,
            "batch_read" => {
                let keys: Vec<&[u8]> = self.keys[..BATCH].iter().map(Vec::as_slice).collect();
                let values = self.client.batch_read(&keys).await?;
                values
                    .iter()
                    .map(Option::as_ref)
                    .eq(self.values[..BATCH].iter().map(Some))
            }
            "batch_write" => self.batch_write(0..BATCH).await? > 0,
            op => return Err(format!("unknown op {op}").into()),
        };
        if intact {
            Ok(())
        } else {
            Err("an answer is not what was stored".into())
        }
    }

    /// Writes every key, a batch at a time.
    async fn write_all(&self) -> Result<(), Failure> {
        for first in (0..self.keys.len()).step_by(BATCH) {
            self.batch_write(first..self.keys.len().min(first + BATCH))
                .await?;
        }
        Ok(())
    }

    /// Writes some keys by one call.
    async fn batch_write(&self, which: Range<usize>) -> Result<u64, Failure> {
        let entries: Vec<(&[u8], &[u8])> = which
            .map(|i| (self.keys[i].as_slice(), self.values[i].as_slice()))
            .collect();
        Ok(self.client.batch_write(&entries).await?)
    }
}
