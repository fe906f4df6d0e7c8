//! Whom a message calls.

use vine_domain::{
    Role,
    chat::{Mention, OutboxItem},
};

use crate::rooms::Rooms;

impl Rooms {
    /// The people that a message calls, as its platform knows them. A role calls everybody who has
    /// it, or a higher one, in the message's repository.
    pub fn mentions(&self, dispatch: &OutboxItem) -> Vec<Mention> {
        let called = |grant: &&vine_domain::ConfiguredPerson| {
            let here = grant.user.role_in(dispatch.repo.as_ref());
            let by_role =
                |name: &String| Role::from_word(name).is_some_and(|role| here >= Some(role));
            dispatch
                .message
                .calls
                .iter()
                .any(|name| *name == grant.user.name || by_role(name))
        };
        let mention = |grant: &vine_domain::ConfiguredPerson| {
            Some(Mention {
                name: grant.user.name.clone(),
                subject: grant.on(&dispatch.platform)?.to_owned(),
            })
        };
        self.settings
            .get()
            .people
            .iter()
            .filter(called)
            .filter_map(mention)
            .collect()
    }
}
