//! `vine-cost statements|work sqlite|URL` prints what calls cost, as JSON. They run on one thread,
//! without a network; URL is that of a PostgreSQL server. `tests/costs.rs` compares the costs with
//! `numbers.toml`.
#![expect(
    clippy::disallowed_types,
    reason = "a program chooses its clock and its ids"
)]

mod bed;
mod calls;
mod meter;
mod statements;

use std::{path::Path, sync::Arc};

use anyhow::{Result, bail};
use tokio::runtime::Builder;
use vine_domain::clock::System;
use vine_sqlite::Durability;

use crate::{
    bed::Bed,
    meter::{Count, Meter},
};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [count, place] = words.as_slice() else {
        bail!("vine-cost statements|work sqlite|URL");
    };
    let count = match count.as_str() {
        "statements" => Count::Statements,
        "work" => Count::Work,
        _ => bail!("it counts statements or work"),
    };
    let at = Builder::new_current_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let bed = at.block_on(bed(place, folder.path()))?;
    let mut meter = Meter::new(at, count);
    calls::measure(&bed, &mut meter)?;
    println!("{}", serde_json::to_string(&meter.samples)?);
    Ok(())
}

async fn bed(place: &str, folder: &Path) -> Result<Bed> {
    if place == "sqlite" {
        let (file, clock) = (folder.join("vine.db"), Arc::new(System));
        let store = vine_sqlite::Database::open(&file, Durability::Full, clock.clone()).await?;
        Bed::new(Arc::new(store), clock).await
    } else {
        let store = vine_postgres::Database::open(place).await?;
        let clock = store.clock();
        Bed::new(Arc::new(store), clock).await
    }
}
