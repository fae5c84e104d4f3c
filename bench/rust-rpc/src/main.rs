//! Carries the service of the comparison over the original muxio crates, which
//! are used as they are published.
//!
//!     rust-rpc serve as-shipped|nodelay
//!     rust-rpc call  as-shipped|nodelay ADDRESS
//!
//! It speaks with the program that starts it as that program's own children
//! do: one JSON line as a greeting, then one line for each command on standard
//! input, until that ends. `nodelay` sets TCP_NODELAY from outside of the
//! crates, which leave Nagle's algorithm on.

mod usage;

use muxio_rpc_service::{prebuffered::RpcMethodPrebuffered, rpc_method_id};
use muxio_rpc_service_caller::prebuffered::RpcCallPrebuffered;
use muxio_rpc_service_endpoint::RpcServiceEndpointInterface;
use muxio_tokio_rpc_client::RpcClient;
use muxio_tokio_rpc_server::RpcServer;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many latencies one worker keeps.
const MAX_SAMPLES: usize = 1 << 18;
/// How many file descriptors are looked at for connections.
const MAX_DESCRIPTORS: i32 = 256;

/// Requests that have reached the service as fetches.
static FETCHES: AtomicI64 = AtomicI64::new(0);

/// The answer is the request.
struct Echo;

/// The request is a number of bytes, the answer as many bytes.
struct Fetch;

macro_rules! plain_bytes {
    ($method:ty, $name:literal) => {
        impl RpcMethodPrebuffered for $method {
            const METHOD_ID: u64 = rpc_method_id!($name);
            type Input = Vec<u8>;
            type Output = Vec<u8>;
            fn encode_request(input: Vec<u8>) -> Result<Vec<u8>, std::io::Error> {
                Ok(input)
            }
            fn decode_request(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
                Ok(bytes.to_vec())
            }
            fn encode_response(output: Vec<u8>) -> Result<Vec<u8>, std::io::Error> {
                Ok(output)
            }
            fn decode_response(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
                Ok(bytes.to_vec())
            }
        }
    };
}

plain_bytes!(Echo, "bench.echo");
plain_bytes!(Fetch, "bench.fetch");

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    let result = match words[..] {
        ["serve", mode] => serve(mode == "nodelay").await,
        ["call", mode, address] => call(mode == "nodelay", address).await,
        _ => Err("usage: rust-rpc serve MODE | call MODE ADDRESS".into()),
    };
    if let Err(err) = result {
        say(&failure(&err.to_string()));
        std::process::exit(1);
    }
    std::process::exit(0); // tasks of the crates end with the process
}

/// Prints one line.
fn say(line: &str) {
    let mut out = std::io::stdout();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1); // nobody listens any more
    }
}

/// Makes the line that reports an error.
fn failure(text: &str) -> String {
    format!("{{\"error\":{text:?}}}")
}

/// Sets TCP_NODELAY on every connection of this process.
fn set_nodelay() {
    let on: libc::c_int = 1;
    for fd in 3..MAX_DESCRIPTORS {
        // Safety: the option is an int that lives through the call; a descriptor that is no TCP socket is refused.
        unsafe {
            libc::setsockopt(
                fd,
                libc::IPPROTO_TCP,
                libc::TCP_NODELAY,
                (&raw const on).cast(),
                size_of_val(&on) as libc::socklen_t,
            );
        }
    }
}

async fn serve(nodelay: bool) -> Result<(), Failure> {
    let server = RpcServer::new(None);
    let endpoint = server.endpoint();
    endpoint
        .register_prebuffered(Echo::METHOD_ID, |request, _| async move { Ok(request) })
        .await?;
    let content: Arc<Vec<u8>> = Arc::new((0..4 << 20).map(|i: u32| (i >> 3) as u8).collect());
    endpoint
        .register_prebuffered(Fetch::METHOD_ID, move |request, _| {
            let content = content.clone();
            async move {
                FETCHES.fetch_add(1, Ordering::Relaxed);
                let size = usize::from_le_bytes(request.as_slice().try_into()?);
                Ok(content[..size.min(content.len())].to_vec())
            }
        })
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(Arc::new(server).serve_with_listener(listener));
    if nodelay {
        std::thread::spawn(|| {
            loop {
                set_nodelay(); // connections come at any time
                std::thread::sleep(Duration::from_millis(10));
            }
        });
    }
    say(&format!("{{\"address\":\"{address}\"}}"));
    for line in std::io::stdin().lock().lines() {
        match line?.split_whitespace().next() {
            Some("usage" | "collect") => say(&usage::json(FETCHES.load(Ordering::Relaxed))),
            other => say(&failure(&format!("unknown command {other:?}"))),
        }
    }
    Ok(())
}

async fn call(nodelay: bool, address: &str) -> Result<(), Failure> {
    let (host, port) = address.rsplit_once(':').ok_or("address without a port")?;
    let client = RpcClient::new(host, port.parse()?).await?;
    if nodelay {
        set_nodelay();
    }
    say("{}");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["usage" | "collect"] => Ok(usage::json(-1)),
            ["echo", size, in_flight, nanos] => {
                echo(&client, size.parse()?, in_flight.parse()?, Duration::from_nanos(nanos.parse()?)).await
            }
            ["stall", count, size] => {
                let size: usize = size.parse()?;
                for _ in 0..count.parse::<usize>()? {
                    let client = client.clone();
                    // It ends with the process: nobody waits for the answer.
                    tokio::spawn(async move { Fetch::call(&*client, size.to_le_bytes().to_vec()).await });
                }
                Ok("{}".to_string())
            }
            _ => Err(format!("unknown command {line:?}").into()),
        };
        say(&answer.unwrap_or_else(|err| failure(&err.to_string())));
    }
    Ok(())
}

/// Keeps calls in flight for some time.
async fn echo(client: &Arc<RpcClient>, size: usize, in_flight: usize, time: Duration) -> Result<String, Failure> {
    let cpu = usage::cpu_micros();
    let begun = Instant::now();
    let deadline = begun + time;
    let mut workers = Vec::new();
    for worker in 0..in_flight {
        let client = client.clone();
        let mut request: Vec<u8> = (0..size).map(|i| (i * 31 + worker) as u8).collect();
        workers.push(tokio::spawn(async move {
            let (mut calls, mut samples) = (0u64, Vec::with_capacity(1024));
            let mut before = Instant::now();
            while before < deadline {
                request[0] = calls as u8;
                let answer = Echo::call(&*client, request.clone()).await.map_err(|err| err.to_string())?;
                if answer.len() != request.len() || answer[0] != request[0] || answer[size - 1] != request[size - 1] {
                    return Err("an answer is not what was sent".to_string());
                }
                let now = Instant::now();
                if samples.len() < MAX_SAMPLES {
                    samples.push((now - before).as_nanos() as u64);
                }
                before = now;
                calls += 1;
            }
            Ok((calls, samples))
        }));
    }
    let (mut calls, mut samples) = (0, Vec::new());
    for worker in workers {
        let (n, mut of_one) = worker.await??;
        calls += n;
        samples.append(&mut of_one);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = usage::cpu_micros() - cpu;
    samples.sort_unstable();
    let quantile = |share: f64| samples.get(((samples.len() as f64 - 1.0) * share) as usize).copied().unwrap_or(0);
    Ok(format!(
        "{{\"calls\":{calls},\"seconds\":{seconds},\"p50_ns\":{},\"p99_ns\":{},\"max_ns\":{},\"used\":{{\"allocations\":-1,\"cpu_us\":{cpu}}}}}",
        quantile(0.5),
        quantile(0.99),
        quantile(1.0),
    ))
}
