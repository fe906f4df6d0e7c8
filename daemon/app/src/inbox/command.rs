//! Commands in chat.

use vine_domain::{
    MessageId,
    chat::{Inbound, Location},
    ports::{Reply, Say},
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
            reply.in_chat(&texts::link(&self.app.settings().link, task)),
        );
        let command = Reply {
            id: MessageId(self.app.new_id()),
            author: caller.name().to_owned(),
            text: event.text.clone(),
        };
        let say = Say {
            reply: Some((task, command)),
            messages: vec![message],
            event: Some(Box::new(event.clone())),
        };
        self.app.core.writes.say(say).await?;
        Ok(Some(reply).filter(|_| matches!(event.spot, Location::Ours { .. })))
    }
}
