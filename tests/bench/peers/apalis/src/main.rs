//! apalis on each of its stores, as the benchmark's driver wants it.

mod apalis_peer;
mod common;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let args = common::args(&words[1..]);
    match words[0].as_str() {
        "apalis-redis" => apalis_peer::redis(args).await,
        "apalis-pg" => apalis_peer::pg(args).await,
        "apalis-sqlite" => apalis_peer::sqlite(args).await,
        other => panic!("unknown peer {other}"),
    }
}
