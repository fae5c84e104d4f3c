//! Drives the original client, which is used as it is published.
//!
//!     interop-rust ADDRESS
//!     interop-rust bench ADDRESS OP SIZE CONC SECONDS
//!
//! The first form connects once and says so by the line `{}`. It then takes one
//! JSON line of calls after the other from standard input, until that ends,
//! and answers each with one line; interop/README.md describes them. The second
//! form measures calls for some time and prints one line.

mod bench;
mod calls;

use serde_json::{Value, json};
use simd_r_drive_ws_client::WsClient;
use std::io::{BufRead, Write};
use std::sync::Arc;
use tokio::sync::Semaphore;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words[..] {
        [address] => answer_lines(address).await,
        ["bench", address, op, size, conc, seconds] => {
            bench::run(address, op, size, conc, seconds).await
        }
        _ => Err("usage: interop-rust ADDRESS | bench ADDRESS OP SIZE CONC SECONDS".into()),
    };
    if let Err(err) = result {
        say(&json!({"error": err.to_string()}));
        std::process::exit(1);
    }
}

/// Prints one line.
fn say(line: &Value) {
    let mut out = std::io::stdout();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1); // nobody listens any more
    }
}

/// Connects to an address such as 127.0.0.1:34129.
async fn connect(address: &str) -> Result<Arc<WsClient>, Failure> {
    let (host, port) = address.rsplit_once(':').ok_or("address without a port")?;
    Ok(Arc::new(WsClient::new(host, port.parse()?).await?))
}

/// Answers the lines of standard input, one after the other.
async fn answer_lines(address: &str) -> Result<(), Failure> {
    let client = connect(address).await?;
    say(&json!({}));
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let calls = request["calls"].as_array().ok_or("no calls")?;
        let parallel = request["parallel"].as_u64().ok_or("no parallel")?;
        let results = run_all(&client, calls, usize::try_from(parallel)?).await?;
        say(&json!({"results": results}));
    }
    Ok(())
}

/// Runs calls in their order, so many at a time, and returns their results in
/// the same order.
async fn run_all(
    client: &Arc<WsClient>,
    calls: &[Value],
    parallel: usize,
) -> Result<Vec<Value>, Failure> {
    let free = Arc::new(Semaphore::new(parallel));
    let mut tasks = Vec::with_capacity(calls.len());
    for call in calls {
        let place = free.clone().acquire_owned().await?;
        let (client, call) = (client.clone(), call.clone());
        tasks.push(tokio::spawn(async move {
            let result = calls::run(&client, &call).await;
            drop(place);
            result
        }));
    }
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(match task.await? {
            Ok(result) => result,
            Err(err) => json!({"error": err.to_string()}),
        });
    }
    Ok(results)
}
