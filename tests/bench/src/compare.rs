//! Whether one program is slower than another: both do the same, by turns, and what counts is how they compare in this one run.

use anyhow::{Result, bail};
use serde_json::json;
use tokio::time::Instant;

use crate::{drain::drain, place::Place, print, quantile, question};

/// Each program has this many turns.
const ROUNDS: usize = 5;
/// On a machine that others use, medians of so few turns move by less than this.
const NOISE: f64 = 0.8;

/// One kind of figure.
struct Measure {
    what: &'static str,
    /// Each program's figures, in which more is better.
    figures: [Vec<f64>; 2],
}

/// Refuses if the second program is slower.
pub async fn run(old: &str, new: &str) -> Result<()> {
    let mut measures: Vec<Measure> = Vec::new();
    for round in 0..ROUNDS {
        for turn in [round % 2, 1 - round % 2] {
            for (at, (what, figure)) in measure([old, new][turn]).await?.into_iter().enumerate() {
                if measures.len() == at {
                    measures.push(Measure { what, figures: [vec![], vec![]] });
                }
                measures[at].figures[turn].push(figure);
            }
        }
    }
    let mut slower = Vec::new();
    for Measure { what, figures } in measures {
        let [old, new] = figures.map(median);
        print(what, json!({ "old_per_second": old.round(), "new_per_second": new.round(), "ratio": (new / old * 100.0).round() / 100.0 }));
        if new / old < NOISE {
            slower.push(what);
        }
    }
    if slower.is_empty() { Ok(()) } else { bail!("slower than {NOISE} times: {}", slower.join(", ")) }
}

/// So many of each in a second; a latency is what one after the other would be.
async fn measure(program: &str) -> Result<Vec<(&'static str, f64)>> {
    let place = Place::start(program, &[]).await?;
    let mut ways = question::ways(&place, 100).await?;
    let per_second = |samples: &mut Vec<std::time::Duration>| {
        samples.sort();
        1e3 / quantile(samples, 0.5)
    };
    let latencies =
        [("claimed", per_second(&mut ways.claimed)), ("asked", per_second(&mut ways.asked)), ("answered", per_second(&mut ways.answered))];
    let begun = Instant::now();
    place.create_many(5_000).await?;
    let created = ("created_in_bulk", 5_000.0 / begun.elapsed().as_secs_f64());
    let alone = ("drained_by_1", drain(&place, 1, 500).await?.rate());
    let together = ("drained_by_16", drain(&place, 16, 4_000).await?.rate());
    Ok([&latencies[..], &[created, alone, together]].concat())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
