//! What attempts cost lately, whatever their outcome: by repository, by person, and by day.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use vine_domain::{
    Timestamp,
    attempt::Usage,
    ports::{Spending, Store, StoreResult},
};

/// How many days are covered.
pub const DAYS: u32 = 30;
const DAY: Duration = Duration::from_secs(86_400);

/// Each name with what it cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedSpending {
    /// The most expensive first.
    pub repos: Vec<(String, Usage)>,
    /// By requester; the most expensive first.
    pub people: Vec<(String, Usage)>,
    /// In UTC; the latest first.
    pub days: Vec<(String, Usage)>,
}

fn sums(all: &[Spending]) -> NamedSpending {
    let by = |key: fn(&Spending) -> String| {
        let mut sums = BTreeMap::<String, Usage>::new();
        for one in all.iter().filter(|one| one.usage != Usage::default()) {
            *sums.entry(key(one)).or_default() += one.usage;
        }
        sums.into_iter().collect::<Vec<_>>()
    };
    let dearest = |mut sums: Vec<(String, Usage)>| {
        sums.sort_by_key(|(_, usage)| Reverse((usage.cost_microdollars, usage.input_tokens)));
        sums
    };
    let mut days = by(day);
    days.reverse();
    NamedSpending {
        repos: dearest(by(|one| one.repo.clone())),
        people: dearest(by(|one| one.requester.clone())),
        days,
    }
}

fn day(one: &Spending) -> String {
    let moment = Timestamp(one.day.saturating_mul(86_400_000));
    moment.to_string().chars().take(10).collect()
}

/// Reads what attempts of the last days cost.
pub(super) async fn read(store: &dyn Store, now: Timestamp) -> StoreResult<NamedSpending> {
    Ok(sums(&store.spent_since(now.minus(DAY * DAYS)).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_attempts_cost_is_summed_three_ways() {
        let one = |repo: &str, requester: &str, day, cost_microdollars| Spending {
            repo: repo.into(),
            requester: requester.into(),
            day,
            usage: Usage {
                turns: u64::from(cost_microdollars > 0),
                cost_microdollars,
                ..Usage::default()
            },
        };
        let spent = sums(&[
            one("site", "Ann", 0, 2),
            one("shop", "Ann", 1, 5),
            one("site", "Bob", 1, 1),
            one("free", "Cid", 2, 0),
        ]);
        let costs = |all: Vec<(String, Usage)>| {
            let pair = |(name, usage): (String, Usage)| (name, usage.cost_microdollars);
            all.into_iter().map(pair).collect::<Vec<_>>()
        };
        let named = |name: &str, cost| (name.to_owned(), cost);
        assert_eq!(costs(spent.repos), [named("shop", 5), named("site", 3)]);
        assert_eq!(costs(spent.people), [named("Ann", 7), named("Bob", 1)]);
        assert_eq!(
            costs(spent.days),
            [named("1970-01-02", 6), named("1970-01-01", 2)]
        );
    }
}
