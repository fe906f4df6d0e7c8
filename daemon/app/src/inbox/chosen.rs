//! Tasks from messages that somebody chose in a menu, or by a reply.

use vine_domain::{
    access::OURSELVES,
    chat::{
        Inbound,
        chosen::{ChosenMessage, QuotedMessage},
    },
};

use crate::{AppResult, Caller, Inbox, commands::CommandOutput, inbox::locate::ResolvedLocation};

impl Inbox {
    /// Makes a task of a message that somebody chose.
    pub(super) async fn task_of(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
        chosen: &ChosenMessage,
    ) -> AppResult<Option<CommandOutput>> {
        let mut before = Vec::with_capacity(chosen.before.len());
        for quote in &chosen.before {
            before.push(self.with_name(event, quote).await?);
        }
        let message = self.with_name(event, &chosen.message).await?;
        let named = ChosenMessage { message, before };
        let title = named.title(&event.text);
        self.begin_task(caller, event, found, &title, &named.prompt(&event.text))
            .await
    }

    /// The same quote with the name of its author, if that is known here.
    async fn with_name(&self, event: &Inbound, quote: &QuotedMessage) -> AppResult<QuotedMessage> {
        let author = match quote.author.as_str() {
            "" => OURSELVES.to_owned(),
            subject => {
                let user = self.store.user(&event.platform, subject).await?;
                user.map_or_else(|| "Somebody".into(), |user| user.name)
            }
        };
        let text = quote.text.clone();
        Ok(QuotedMessage { author, text })
    }
}
