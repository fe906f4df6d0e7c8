//! Whether one program is slower than another: both do the same, by turns, and what counts is how
//! they compare in this one run.

use anyhow::{Result, bail};
use serde_json::json;
use tokio::time::Instant;

use crate::{drain::drain, place::Place, print, quantile, question};

/// Each program has this many turns.
const ROUNDS: usize = 7;
/// On a machine that others use, what is no slower comes out above this.
const NOISE: f64 = 0.8;

const CREATED: usize = 20_000;

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
                    measures.push(Measure {
                        what,
                        figures: [vec![], vec![]],
                    });
                }
                measures[at].figures[turn].push(figure);
            }
        }
    }
    let mut slower = Vec::new();
    for Measure { what, figures } in measures {
        // Turns of one round are close together, so what slows the machine slows both.
        let ratio = median(
            figures[0]
                .iter()
                .zip(&figures[1])
                .map(|(old, new)| new / old)
                .collect(),
        );
        let [old, new] = figures.map(|figures| median(figures).round());
        print(
            what,
            json!({ "old_per_second": old, "new_per_second": new, "ratio": (ratio * 100.0).round() / 100.0 }),
        );
        if ratio < NOISE {
            slower.push(what);
        }
    }
    if slower.is_empty() {
        Ok(())
    } else {
        bail!("slower than {NOISE} times: {}", slower.join(", "))
    }
}

/// So many of each in a second; a latency is what one after the other would be.
async fn measure(program: &str) -> Result<Vec<(&'static str, f64)>> {
    let place = Place::start(program, &[]).await?;
    let mut ways = question::ways(&place, 100).await?;
    let per_second = |samples: &mut Vec<std::time::Duration>| {
        samples.sort();
        1e3 / quantile(samples, 0.5)
    };
    let latencies = [
        ("claimed", per_second(&mut ways.claimed)),
        ("asked", per_second(&mut ways.asked)),
        ("answered", per_second(&mut ways.answered)),
    ];
    let begun = Instant::now();
    place.create_many(CREATED).await?;
    let created = (
        "created_in_bulk",
        CREATED as f64 / begun.elapsed().as_secs_f64(),
    );
    let alone = ("drained_by_1", drain(&place, 1, 500).await?.rate());
    let together = ("drained_by_16", drain(&place, 16, 4_000).await?.rate());
    Ok([&latencies[..], &[created, alone, together]].concat())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
