//! Lists for one reader.

use vine_domain::{Slug, access::ListScope, ports::StoreResult};

/// A list for one reader: one query for everything, or the merged queries of each of their
/// repositories.
pub(crate) async fn merged<'a, T, K: Ord, L: Future<Output = StoreResult<Vec<T>>>>(
    sight: &'a ListScope,
    limit: u32,
    look: impl Fn(Option<&'a Slug>) -> L,
    order: impl Fn(&T) -> K,
) -> StoreResult<Vec<T>> {
    let ListScope::Only(repos) = sight else {
        return look(None).await;
    };
    let mut all = Vec::new();
    for repo in repos {
        all.extend(look(Some(repo)).await?);
    }
    all.sort_by_key(order);
    all.truncate(limit as usize);
    Ok(all)
}
