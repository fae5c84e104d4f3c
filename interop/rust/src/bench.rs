//! Measures calls over one connection.

use crate::{Failure, connect, say};
use serde_json::json;
use simd_r_drive_ws_client::{AsyncDataStoreReader, AsyncDataStoreWriter, WsClient};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many keys there are; a batch is all of them.
const KEYS: usize = 100;

/// What all workers share.
struct Load {
    client: Arc<WsClient>,
    op: String,
    keys: Vec<Vec<u8>>,
    value: Vec<u8>,
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
    let load = Arc::new(Load {
        client: connect(address).await?,
        op: op.to_string(),
        keys: (0..KEYS)
            .map(|i| format!("bench-{i:03}").into_bytes())
            .collect(),
        value: (0..size).map(|i| (i * 31 + 1) as u8).collect(),
    });
    load.batch_write().await?;
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
        "impl": "rust", "op": op, "size": size, "conc": conc, "calls_per_s": calls_per_s,
        "p50_us": quantile(0.5), "p99_us": quantile(0.99),
    }));
    Ok(())
}

/// Makes one call after the other until the deadline, at least one, and returns
/// how long each took in microseconds.
async fn work(load: Arc<Load>, worker: usize, deadline: Instant) -> Result<Vec<f64>, Failure> {
    let mut micros = Vec::new();
    let mut before = Instant::now();
    while micros.is_empty() || before < deadline {
        load.call(&load.keys[(worker + micros.len()) % KEYS])
            .await?;
        let now = Instant::now();
        micros.push((now - before).as_secs_f64() * 1e6);
        before = now;
    }
    Ok(micros)
}

impl Load {
    /// Makes one call and looks at its answer.
    async fn call(&self, key: &[u8]) -> Result<(), Failure> {
        let intact = match self.op.as_str() {
            "read" => self.client.read(key).await?.as_deref() == Some(&self.value[..]),
            "write" => self.client.write(key, &self.value).await? > 0,
            "batch_read" => {
                let keys: Vec<&[u8]> = self.keys.iter().map(Vec::as_slice).collect();
                let values = self.client.batch_read(&keys).await?;
                values.len() == KEYS && values.iter().flatten().all(|v| *v == self.value)
            }
            "batch_write" => self.batch_write().await? > 0,
            op => return Err(format!("unknown op {op}").into()),
        };
        if intact {
            Ok(())
        } else {
            Err("an answer is not what was stored".into())
        }
    }

    /// Writes all keys by one call.
    async fn batch_write(&self) -> Result<u64, Failure> {
        let entries: Vec<(&[u8], &[u8])> = self
            .keys
            .iter()
            .map(|key| (key.as_slice(), self.value.as_slice()))
            .collect();
        Ok(self.client.batch_write(&entries).await?)
    }
}
