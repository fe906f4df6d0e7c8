//! Commands in chat.

use vine_domain::{
    MessageId, TaskId,
    chat::{Inbound, Location},
    ports::{Reply, Say},
    uuid_of,
};
use vine_grammar::{Command, CommandContext, parse};

use crate::{
    AppError, AppResult, Caller, Inbox,
    commands::{self, CommandOutput},
    inbox::locate::ResolvedLocation,
    texts,
};

impl Inbox {
    /// Runs a command that begins with `/vine` or `!vine`.
    pub(super) async fn command(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: ResolvedLocation,
    ) -> AppResult<Option<CommandOutput>> {
        let key = format!("{}:{}", event.platform, event.event);
        let command = read(&event.text, &found)?;
        self.run(caller, event, found.task, command, key).await
    }

    /// Runs a command. In a thread the reply is posted for everybody; elsewhere only its author
    /// receives it. `key` is that of the message whose author wanted it: creations count once.
    pub(super) async fn run(
        &self,
        caller: &Caller,
        event: &Inbound,
        task: Option<TaskId>,
        command: Command,
        key: String,
    ) -> AppResult<Option<CommandOutput>> {
        if let Some(task) = task {
            self.app.tasks.look_at(caller, task).await?;
        }
        let reply = commands::run(&self.app, caller, command, Some(key)).await?;
        let Some(task) = task else {
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

/// The command of a line, where it was sent.
pub(super) fn read(line: &str, found: &ResolvedLocation) -> AppResult<Command> {
    let context = CommandContext {
        task: found.task,
        repo: found.repo.clone(),
    };
    parse(line, &context).map_err(|unreadable| AppError::Unreadable(unreadable.0))
}
