//! Commands in chat.

use vine_domain::{
    MessageId,
    chat::{Inbound, Location},
    uuid_of,
};
use vine_grammar::{CommandContext, parse};

use crate::{
    AppError, AppResult, Caller, Inbox,
    commands::{self, CommandOutput},
    inbox::locate::ResolvedLocation,
    texts,
};

impl Inbox {
    /// Runs a command. In a thread the reply is posted for everybody; elsewhere only its author
    /// receives it.
    pub(super) async fn command(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: ResolvedLocation,
    ) -> AppResult<Option<CommandOutput>> {
        let context = CommandContext {
            task: found.task,
            repo: found.repo,
        };
        let command = parse(&event.text, &context)
            .map_err(|unreadable| AppError::Unreadable(unreadable.0))?;
        if let Some(task) = context.task {
            self.app.tasks.look_at(caller, task).await?;
        }
        let key = format!("{}:{}", event.platform, event.event);
        let reply = commands::run(&self.app, caller, command, Some(key)).await?;
        let Some(task) = context.task else {
            return Ok(Some(reply));
        };
        let message = texts::notice(
            MessageId(uuid_of(&format!("reply {}", event.own_key()))),
            task,
            reply.text.clone(),
        );
        self.store
            .add_command_reply(event, caller.name(), task, &message)
            .await?;
        self.app.core.metrics.said(1, 1);
        self.app.core.wakeups.outbox();
        Ok(Some(reply).filter(|_| matches!(event.spot, Location::Ours { .. })))
    }
}
