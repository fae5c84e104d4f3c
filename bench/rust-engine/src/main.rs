//! Runs one case of the engine's comparison on the original engine, which is
//! used as it is published, and prints one line of JSON.
//!
//!     rust-engine CASE PATH [SHRINK]
//!
//! The cases, their keys and values and what `check` is made of are those of
//! the program that starts it; see bench/engine/driver. SHRINK divides the
//! numbers of entries and the seconds, to try whether it works.

mod append;
mod data;
mod line;
mod mixed;
mod open;
mod read;

use data::{KIB, MIB, Scale};
use std::path::Path;

/// What the functions of all cases return.
pub type Outcome = Result<line::Line, Box<dyn std::error::Error + Send + Sync>>;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        [case, path] => run(case, Path::new(path), Scale(1)),
        [case, path, shrink] => match shrink.parse() {
            Ok(n) if n > 0 => run(case, Path::new(path), Scale(n)),
            _ => Err("SHRINK is a positive number".into()),
        },
        _ => Err("usage: rust-engine CASE PATH [SHRINK]".into()),
    };
    match outcome {
        Ok(line) => line.print(words[0]),
        Err(err) => {
            eprintln!("rust-engine: {err}");
            std::process::exit(1);
        }
    }
}

fn run(case: &str, path: &Path, scale: Scale) -> Outcome {
    let million = scale.of(1_000_000);
    match case {
        "a_append_8b_batch1024" => append::many(path, million, 8, 1024),
        "mk_5m_8b" => append::many(path, scale.of(5_000_000), 8, 1024),
        "b_append_128b_single" => append::single(path, scale.of(100_000), 128),
        "c_append_1k_batch100" => append::many(path, scale.of(200_000), KIB, 100),
        "d_append_1m_single" => append::single(path, scale.of(500), MIB),
        "mk_2g_1m" => append::single(path, scale.of(2_000), MIB),
        "mk_compact" => append::half_twice(path, scale.of(200_000)),
        "j_grow" => append::growth(path, scale.of(5_000_000)),
        "k_stream_1g" => append::stream(path, scale.of(1 << 30)),
        "m_delete_batch1024" => append::delete(path, million),
        "n_contend_128" => append::contend(path, scale.of(1_000), 128),
        "n_contend_4k" => append::contend(path, scale.of(1_000), 4 * KIB),
        "n_contend_64k" => append::contend(path, scale.of(1_000), 64 * KIB),
        "e1_read_touch" => read::random(path, million, million, 1, read::first),
        "e1_read_touch_2" => read::random(path, million, million, 2, read::first),
        "e2_read_sum_8b" => read::random(path, million, million, 1, read::sum),
        "e3_read_sum_1k" => read::random(path, scale.of(200_000), scale.of(500_000), 1, read::sum),
        "e4_read_touch_5m" => read::random(path, scale.of(5_000_000), million, 1, read::first),
        "f_batch_read_100" => read::batches(path, million, scale.of(10_000)),
        "g_iterate" => read::iterate(path, read::first),
        "g2_iterate_sum_1k" => read::iterate(path, read::sum),
        "h_open" => open::open(path, false),
        "h_open_cold" => open::open(path, true),
        "j_mem" => open::memory(path),
        "l_compact" => open::compact(path),
        "i_mixed_4r_1w" => mixed::run(path, million, 4, true, scale.seconds(5.0)),
        "i2_readers_only_4" => mixed::run(path, million, 4, false, scale.seconds(3.0)),
        "i3_readers_only_1" => mixed::run(path, million, 1, false, scale.seconds(3.0)),
        _ => Err(format!("there is no case {case}").into()),
    }
}
