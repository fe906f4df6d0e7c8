//! Stores gateway events with our position in the stream before acknowledging them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use serenity::all::{InteractionId, LightMethod, Route};
use vine_domain::{
    chat::{Inbound, InboundBatch, InboundKind, Location},
    markdown::literal,
    ports::EventSink,
};

use crate::{
    backfill, card,
    gateway::{EventHandler, GatewayEnd, ResumePoint},
    ids::snowflake,
    install::invitation,
    interaction::{FollowUp, Interaction},
    interactions::ReplyRoute,
    markup::marked,
    menu, modal,
    session::DiscordSession,
    translate::{GatewayEvent, translate},
};

/// Visible to one person only.
const EPHEMERAL: u64 = 64;
/// The type of an interaction with a button (reference, "Interaction Type").
const PRESS: u64 = 3;
const AGAIN: &str = "This could not be opened right now. Try again in a moment.";
const ELSEWHERE: &str = "This only works in the server that AgentVine is set up for.";
/// How long the "thinking" reply stays if the outcome appears elsewhere.
const THINKING: Duration = Duration::from_secs(2);

/// Handles gateway events.
pub struct Intake {
    pub session: Arc<DiscordSession>,
    pub ear: Arc<dyn EventSink>,
    /// Called when a connection is established.
    pub ready: Box<dyn Fn() + Send + Sync>,
}

#[async_trait]
impl EventHandler for Intake {
    async fn event(
        &mut self,
        kind: &str,
        data: &Value,
        place: &mut ResumePoint,
    ) -> Result<(), GatewayEnd> {
        if matches!(kind, "READY" | "RESUMED") {
            self.begin(place).await?;
        }
        let direct = is_direct(kind, data);
        // Ignore other servers that the bot is in.
        let of = data["guild_id"].as_str().or_else(|| data["id"].as_str());
        if !direct && !matches!(kind, "READY" | "RESUMED") && of != Some(&*self.session.guild) {
            self.elsewhere(kind, data);
            return Ok(());
        }
        self.note(kind, data);
        if kind == "MESSAGE_CREATE" && self.session.whole.load(Ordering::SeqCst) {
            place.seen = data["id"]
                .as_str()
                .and_then(|id| id.parse().ok())
                .unwrap_or(0)
                .max(place.seen);
        }
        match translate(kind, data, &self.session.us) {
            GatewayEvent::Person(inbound) if !direct && !self.concerns(&inbound).await? => {}
            GatewayEvent::Person(inbound) => {
                let inbound = Inbound {
                    private: direct || inbound.private,
                    direct,
                    ..inbound
                };
                let hidden = inbound.act == InboundKind::Unreadable;
                // One hint in a thread is enough.
                if hidden && !self.session.us.reads && !self.session.hinted(&inbound) {
                    return Ok(());
                }
                self.store(
                    InboundBatch {
                        events: vec![inbound],
                        ..InboundBatch::default()
                    },
                    place,
                )
                .await?;
            }
            GatewayEvent::Interaction(interaction) => self.interaction(interaction, place).await?,
            GatewayEvent::Echo(echo) => {
                self.store(
                    InboundBatch {
                        echoes: vec![echo],
                        ..InboundBatch::default()
                    },
                    place,
                )
                .await?;
            }
            GatewayEvent::Moved(channel) => {
                let rooms = self.ear.rooms().await.map_err(|error| error.to_string())?;
                if channel.is_none_or(|channel| rooms.contains(&channel)) {
                    self.ear.rooms_changed();
                }
            }
            GatewayEvent::Ended => {
                // Resuming the session would only bring this event again.
                place.session.clear();
                self.store(InboundBatch::default(), place).await?;
                return Err(GatewayEnd::Lasting(format!(
                    "the bot was removed from the server {}; invite it with {}",
                    self.session.guild,
                    invitation(&self.session.us.app)
                )));
            }
            GatewayEvent::Nothing => {}
        }
        Ok(())
    }

    fn health(&self, health: Result<(), String>) {
        self.ear
            .health(health.map(|()| self.session.account.clone()));
    }
}

/// Whether somebody wrote to us alone, or pressed a button there.
fn is_direct(kind: &str, data: &Value) -> bool {
    let is_press = || kind == "INTERACTION_CREATE" && data["type"] == PRESS;
    data["guild_id"].is_null() && (kind == "MESSAGE_CREATE" || is_press())
}

impl Intake {
    /// Answers commands and buttons used where we do not work; otherwise Discord would report that
    /// we did not respond.
    fn elsewhere(&self, kind: &str, data: &Value) {
        let text = |key: &str| data[key].as_str().map(str::to_owned);
        let (Some(id), Some(token)) = (text("id"), text("token")) else {
            return;
        };
        if kind != "INTERACTION_CREATE" || !matches!(data["type"].as_u64(), Some(2 | 3 | 5)) {
            return;
        }
        let session = Arc::clone(&self.session);
        let answer = json!({ "type": 4, "data": { "content": ELSEWHERE, "flags": EPHEMERAL } });
        tokio::spawn(async move { acknowledge(&session, &id, &token, &answer).await });
    }

    /// Handles a new connection: starts a backfill for what it will not bring again.
    async fn begin(&mut self, place: &mut ResumePoint) -> Result<(), String> {
        if place.seen == 0 {
            // First connection: earlier messages were not for us, later ones will be found.
            place.seen = snowflake(self.ear.now());
        }
        self.store(InboundBatch::default(), place).await?;
        (self.ready)();
        backfill::start(&self.session, &self.ear, place.seen);
        Ok(())
    }

    /// Records which threads belong to which channels.
    fn note(&self, kind: &str, data: &Value) {
        match kind {
            "GUILD_CREATE" => {
                let all = ["channels", "threads"]
                    .into_iter()
                    .flat_map(|key| data[key].as_array().into_iter().flatten());
                all.for_each(|one| self.session.note_places(one));
            }
            "THREAD_CREATE" | "THREAD_UPDATE" | "CHANNEL_CREATE" => self.session.note_places(data),
            _ => {}
        }
    }

    /// Whether a message is for us: in one of our channels, in one of their threads, or mentioning
    /// us. A bot sees all public channels of a server.
    async fn concerns(&self, inbound: &Inbound) -> Result<bool, String> {
        let Location::Theirs { room, .. } = &inbound.spot else {
            return Ok(false);
        };
        let rooms = self.ear.rooms().await.map_err(|error| error.to_string())?;
        if rooms.contains(room) || inbound.text.starts_with("@vine") {
            return Ok(true);
        }
        Ok(self
            .session
            .parent(room)
            .await
            .is_none_or(|parent| rooms.contains(&parent)))
    }

    async fn store(&self, batch: InboundBatch, place: &ResumePoint) -> Result<(), String> {
        let cursor = serde_json::to_string(place).map_err(|error| error.to_string())?;
        self.ear
            .ingest(InboundBatch {
                cursor: Some(cursor),
                ..batch
            })
            .await
            .map_err(|error| error.to_string())
    }

    /// Stores first. The acknowledgement is best effort: what is stored counts even if it is late.
    async fn interaction(
        &self,
        interaction: Interaction,
        place: &ResumePoint,
    ) -> Result<(), String> {
        let Interaction { id, token, then } = interaction;
        let answer = match then {
            FollowUp::Say(inbound) => {
                self.store(
                    InboundBatch {
                        events: vec![inbound],
                        ..InboundBatch::default()
                    },
                    place,
                )
                .await?;
                self.session.waiting.add(&id, &token, true);
                json!({ "type": 5, "data": { "flags": EPHEMERAL } })
            }
            FollowUp::Press(inbound) => {
                self.store(
                    InboundBatch {
                        events: vec![inbound],
                        ..InboundBatch::default()
                    },
                    place,
                )
                .await?;
                self.session.waiting.add(&id, &token, false);
                json!({ "type": 6 })
            }
            FollowUp::Confirm(message, index, label) => {
                let confirm = self.ear.confirmation(&message, index).await;
                let confirm = confirm.unwrap_or_default();
                let asked = match confirm.is_empty() {
                    true => "Are you sure?".to_owned(),
                    false => marked(&literal(&confirm), &[]),
                };
                let data = json!({ "content": asked, "flags": EPHEMERAL, "components": card::sure(&message, index, &label) });
                json!({ "type": 4, "data": data })
            }
            FollowUp::Write(message, asked) => match self.ear.form(&message).await {
                Ok(form) => {
                    json!({ "type": 9, "data": modal::view(&message, &asked, form.as_ref()) })
                }
                Err(error) => {
                    tracing::warn!(%error, "could not read the form of a question: {error}");
                    json!({ "type": 4, "data": { "content": AGAIN, "flags": EPHEMERAL } })
                }
            },
            FollowUp::Complete(user, option, typed) => {
                let choices = menu::offer(&self.session, &*self.ear, &user, &option, &typed).await;
                json!({ "type": 8, "data": { "choices": choices } })
            }
            FollowUp::Refuse(why) => {
                json!({ "type": 4, "data": { "content": why, "flags": EPHEMERAL } })
            }
        };
        let session = Arc::clone(&self.session);
        tokio::spawn(async move { acknowledge(&session, &id, &token, &answer).await });
        Ok(())
    }
}

async fn acknowledge(session: &DiscordSession, id: &str, token: &str, answer: &Value) {
    let Ok(number) = id.parse::<u64>() else {
        return;
    };
    let route = Route::InteractionResponse {
        interaction_id: InteractionId::new(number),
        token,
    };
    if let Err(error) = session
        .rest
        .call("answering", LightMethod::Post, route, answer)
        .await
    {
        // Too late or already acknowledged. The event is stored, and editing its message does not
        // need the interaction.
        tracing::debug!("could not acknowledge an interaction: {error}");
    }
    if answer["type"] == 5 {
        tokio::time::sleep(THINKING).await;
        // A command's outcome may appear in the thread, and a message's as a reaction or an edit.
        if let Some(ReplyRoute::Amend(token)) = session.waiting.untold(id) {
            let route = Route::WebhookOriginalInteractionResponse {
                application_id: session.app(),
                token: &token,
            };
            let _it_says_that_it_failed = session
                .rest
                .call(
                    "answering",
                    LightMethod::Patch,
                    route,
                    &json!({ "content": "Received." }),
                )
                .await;
        }
    }
}
