//! A real homeserver for one story, and people on it. One listener on loopback; nothing of it
//! leaves the machine.

use std::{
    collections::HashSet,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::PATIENCE;

/// The bot's password; every account of a story has this one.
pub const PASSWORD: &str = "a password for tests";

/// A running Synapse, which ends with the story.
pub struct Synapse {
    pub url: String,
    folder: TempDir,
    process: Child,
    http: reqwest::Client,
}

/// How fast accounts may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// As fast as they like.
    Off,
    /// As Synapse has it by default.
    Default,
}

impl Synapse {
    pub async fn start(limits: Limits) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vine-synapse-")
            .tempdir()
            .expect("a folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a free port")
            .port();
        fs::write(
            folder.path().join("homeserver.yaml"),
            configuration(port, limits).to_string(),
        )
        .expect("written");
        fs::write(folder.path().join("log.yaml"), LOG).expect("written");
        let process = launch(&folder);
        let synapse = Self {
            url: format!("http://127.0.0.1:{port}"),
            folder,
            process,
            http: reqwest::Client::new(),
        };
        synapse.answers().await;
        synapse
    }

    async fn answers(&self) {
        let end = Instant::now() + PATIENCE;
        while self
            .http
            .get(format!("{}/_matrix/client/versions", self.url))
            .send()
            .await
            .is_err()
        {
            let log = || {
                fs::read_to_string(self.folder.path().join("homeserver.log")).unwrap_or_default()
            };
            assert!(
                Instant::now() < end,
                "the homeserver does not answer\n{}",
                log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops it, as an update of its machine would.
    pub fn stop(&mut self) {
        super::signal(
            i32::try_from(self.process.id()).expect("a pid"),
            rustix::process::Signal::TERM,
        );
        self.process.wait().expect("it ends");
    }

    /// Stops its clock, as a machine that swaps would.
    pub fn pause(&self) {
        super::signal(
            i32::try_from(self.process.id()).expect("a pid"),
            rustix::process::Signal::STOP,
        );
    }

    pub fn resume(&self) {
        super::signal(
            i32::try_from(self.process.id()).expect("a pid"),
            rustix::process::Signal::CONT,
        );
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("homeserver.db")
    }

    /// Starts it again, on the same port with the same data.
    pub async fn go_on(&mut self) {
        self.process = launch(&self.folder);
        self.answers().await;
    }

    /// Adds an account and logs it in.
    pub async fn person(&self, name: &str) -> Human {
        self.account(
            "register",
            json!({ "username": name, "password": PASSWORD, "auth": { "type": "m.login.dummy" } }),
        )
        .await
    }

    /// Logs an account in once more.
    pub async fn log_in(&self, name: &str) -> Human {
        let who = json!({ "type": "m.id.user", "user": name });
        self.account(
            "login",
            json!({ "type": "m.login.password", "identifier": who, "password": PASSWORD }),
        )
        .await
    }

    async fn account(&self, way: &str, body: Value) -> Human {
        let made = self
            .http
            .post(format!("{}/_matrix/client/v3/{way}", self.url))
            .json(&body)
            .send()
            .await
            .expect("an answer");
        let made: Value = made.json().await.expect("JSON");
        let text = |key: &str| {
            made[key]
                .as_str()
                .unwrap_or_else(|| panic!("no account: {made}"))
                .to_owned()
        };
        Human {
            url: self.url.clone(),
            http: self.http.clone(),
            id: text("user_id"),
            token: text("access_token"),
            sent: AtomicU64::new(0),
        }
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        let _ended_before = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Where `tests/run` put Synapse.
fn launch(folder: &TempDir) -> Child {
    let python = std::env::var("VINE_TEST_SYNAPSE").expect(
        "VINE_TEST_SYNAPSE names a Python with Synapse; `tests/run` installs it and sets this",
    );
    let out = fs::File::create(folder.path().join("stdout.log")).expect("a file");
    Command::new(PathBuf::from(python))
        .args(["-m", "synapse.app.homeserver", "-c", "homeserver.yaml"])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .stderr(out.try_clone().expect("a file"))
        .stdout(out)
        .spawn()
        .expect("Synapse starts")
}

/// JSON is YAML too.
fn configuration(port: u16, limits: Limits) -> Value {
    let mut config = json!({
        "server_name": "vine.test",
        "public_baseurl": format!("http://127.0.0.1:{port}/"),
        "pid_file": "homeserver.pid",
        "listeners": [{ "port": port, "type": "http", "tls": false, "bind_addresses": ["127.0.0.1"], "resources": [{ "names": ["client"], "compress": false }] }],
        "database": { "name": "sqlite3", "args": { "database": "homeserver.db" } },
        "media_store_path": "media",
        "log_config": "log.yaml",
        "report_stats": false,
        "trusted_key_servers": [],
        "suppress_key_server_warning": true,
        "federation_domain_whitelist": [],
        "push": { "enabled": false },
        "url_preview_enabled": false,
        "enable_registration": true,
        "enable_registration_without_verification": true,
        "macaroon_secret_key": "only for tests, on loopback",
        "form_secret": "only for tests, on loopback",
        // Any 32 bytes.
        "signing_key": "ed25519 a_test AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "bcrypt_rounds": 4,
        "presence": { "enabled": false },
    });
    if limits == Limits::Off {
        let off = json!({ "per_second": 100_000, "burst_count": 100_000 });
        let more = json!({
            "rc_message": off, "rc_registration": off, "rc_admin_redaction": off, "rc_joins_per_room": off, "rc_room_creation": off,
            "rc_login": { "address": off, "account": off, "failed_attempts": off },
            "rc_joins": { "local": off, "remote": off },
            "rc_invites": { "per_room": off, "per_user": off, "per_issuer": off },
        });
        let more = more.as_object().expect("an object").clone();
        config.as_object_mut().expect("an object").extend(more);
    }
    config
}

const LOG: &str = r#"{"version": 1, "formatters": {"f": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
"handlers": {"file": {"class": "logging.FileHandler", "filename": "homeserver.log", "formatter": "f"}},
"root": {"level": "WARNING", "handlers": ["file"]}, "disable_existing_loggers": false}"#;

/// A person with a client that speaks plain HTTP.
pub struct Human {
    pub id: String,
    url: String,
    token: String,
    http: reqwest::Client,
    sent: AtomicU64,
}

impl Human {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self
            .http
            .request(method, format!("{}/_matrix/client/v3{path}", self.url))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    }

    /// Goes into the room with this alias once invited, and gives its id.
    pub async fn join(&self, alias: &str) -> String {
        let path = format!("/join/{}", alias.replace('#', "%23"));
        let end = Instant::now() + PATIENCE;
        loop {
            let joined = self.call(Method::POST, &path, Some(json!({}))).await;
            if let Some(room) = joined["room_id"].as_str() {
                return room.to_owned();
            }
            assert!(
                Instant::now() < end,
                "{} cannot join {alias}: {joined}",
                self.id
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Rooms in a space.
    pub async fn children(&self, space: &str) -> Vec<String> {
        let state = self
            .call(Method::GET, &format!("/rooms/{space}/state"), None)
            .await;
        let children = state
            .as_array()
            .expect("state")
            .iter()
            .filter(|event| event["type"] == "m.space.child");
        children
            .map(|event| event["state_key"].as_str().expect("a room").to_owned())
            .collect()
    }

    /// All that a new client would be shown. A filter that differs each time, since the homeserver
    /// gives the same answer to the same request for two minutes.
    async fn sync(&self) -> Value {
        let number = self.sent.fetch_add(1, Ordering::SeqCst) + 1;
        let filter = format!("%7B%22room%22:%7B%22timeline%22:%7B%22limit%22:{number}%7D%7D%7D");
        self.call(
            Method::GET,
            &format!("/sync?timeout=0&filter={filter}"),
            None,
        )
        .await
    }

    /// Rooms that the person is in or invited to.
    pub async fn known_rooms(&self) -> Vec<String> {
        let all = self.sync().await;
        let of = |kind: &str| {
            all["rooms"][kind]
                .as_object()
                .map(|rooms| rooms.keys().cloned().collect::<Vec<_>>())
                .unwrap_or_default()
        };
        [of("join"), of("invite")].concat()
    }

    /// Who is in a room, by name.
    pub async fn members(&self, room: &str) -> Vec<String> {
        let members = self
            .call(Method::GET, &format!("/rooms/{room}/joined_members"), None)
            .await;
        members["joined"]
            .as_object()
            .expect("members")
            .keys()
            .cloned()
            .collect()
    }

    /// The person's power in a room.
    pub async fn power(&self, room: &str) -> i64 {
        let levels = self
            .call(
                Method::GET,
                &format!("/rooms/{room}/state/m.room.power_levels"),
                None,
            )
            .await;
        levels["users"][&self.id].as_i64().unwrap_or(0)
    }

    /// Sends a file into a thread.
    pub async fn send_file(
        &self,
        room: &str,
        root: &str,
        kind: &str,
        name: &str,
        bytes: &[u8],
    ) -> String {
        let request = self
            .http
            .post(format!(
                "{}/_matrix/media/v3/upload?filename={name}",
                self.url
            ))
            .bearer_auth(&self.token);
        let uploaded: Value = request
            .body(bytes.to_vec())
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let relation = json!({ "rel_type": "m.thread", "event_id": root, "is_falling_back": true, "m.in_reply_to": { "event_id": root } });
        let content = json!({ "msgtype": kind, "body": name, "url": uploaded["content_uri"], "info": { "size": bytes.len() }, "m.relates_to": relation });
        self.send(room, "m.room.message", content).await
    }

    /// The text at an `mxc://` address.
    pub async fn download(&self, address: &str) -> String {
        String::from_utf8(self.download_bytes(address).await).expect("text")
    }

    /// The bytes at an `mxc://` address.
    pub async fn download_bytes(&self, address: &str) -> Vec<u8> {
        let url = format!(
            "{}/_matrix/client/v1/media/download/{}",
            self.url,
            address.trim_start_matches("mxc://")
        );
        let answer = self.http.get(url).bearer_auth(&self.token).send().await;
        let bytes = answer.expect("an answer").bytes().await;
        bytes.expect("bytes").to_vec()
    }

    /// Waits for a sign that is in no room's history: who types, who has read.
    pub async fn notices(&self, room: &str, what: &str, is: impl Fn(&Value) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let all = self.sync().await;
            let signs = all["rooms"]["join"][room]["ephemeral"]["events"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            if signs.iter().any(&is) {
                return;
            }
            assert!(
                Instant::now() < end,
                "{what}: not within {PATIENCE:?}\n{signs:?}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Makes a room and gives its id.
    pub async fn create(&self, wish: &Value) -> String {
        let made = self
            .call(Method::POST, "/createRoom", Some(wish.clone()))
            .await;
        made["room_id"]
            .as_str()
            .unwrap_or_else(|| panic!("no room: {made}"))
            .to_owned()
    }

    /// Makes a call of the homeserver's admin API.
    pub async fn administer(&self, url: &str, body: &Value) {
        let answer = self
            .http
            .post(url)
            .bearer_auth(&self.token)
            .json(body)
            .send()
            .await
            .expect("an answer");
        assert!(
            answer.status().is_success(),
            "{}",
            answer.text().await.unwrap_or_default()
        );
    }

    /// Ends all sessions of the account.
    pub async fn log_out_everywhere(&self) {
        assert_eq!(
            self.call(Method::POST, "/logout/all", Some(json!({})))
                .await,
            json!({})
        );
    }

    /// As soon as the bot has given the power to.
    pub async fn invite(&self, user: &str, room: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let invited = self
                .call(
                    Method::POST,
                    &format!("/rooms/{room}/invite"),
                    Some(json!({ "user_id": user })),
                )
                .await;
            if invited == json!({}) {
                return;
            }
            assert!(Instant::now() < end, "{} cannot invite: {invited}", self.id);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Upgrades a room, and gives the one that takes its place.
    pub async fn upgrade(&self, room: &str, version: &str) -> String {
        let path = format!("/rooms/{room}/upgrade");
        let wish = json!({ "new_version": version });
        let upgraded = self.call(Method::POST, &path, Some(wish)).await;
        upgraded["replacement_room"]
            .as_str()
            .unwrap_or_else(|| panic!("not upgraded: {upgraded}"))
            .to_owned()
    }

    /// Lets everybody without a power of their own speak in a room, or nobody.
    pub async fn mute(&self, room: &str, muted: bool) {
        let path = format!("/rooms/{room}/state/m.room.power_levels");
        let mut levels = self.call(Method::GET, &path, None).await;
        levels["events_default"] = json!(if muted { 50 } else { 0 });
        let set = self.call(Method::PUT, &path, Some(levels)).await;
        assert!(set["event_id"].is_string(), "{set}");
    }

    /// Throws somebody out.
    pub async fn put_out(&self, user: &str, room: &str) {
        assert_eq!(
            self.call(
                Method::POST,
                &format!("/rooms/{room}/kick"),
                Some(json!({ "user_id": user }))
            )
            .await,
            json!({})
        );
    }

    /// Brings another person into a room.
    pub async fn call_in(&self, other: &Self, room: &str) {
        self.invite(&other.id, room).await;
        other
            .call(Method::POST, &format!("/join/{room}"), Some(json!({})))
            .await;
    }

    /// Sends an event and gives its id.
    pub async fn send(&self, room: &str, kind: &str, content: Value) -> String {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        let sent = self
            .call(
                Method::PUT,
                &format!("/rooms/{room}/send/{kind}/h{number}"),
                Some(content),
            )
            .await;
        sent["event_id"]
            .as_str()
            .unwrap_or_else(|| panic!("not sent: {sent}"))
            .to_owned()
    }

    /// Says something in the room itself.
    pub async fn say(&self, room: &str, text: &str) -> String {
        self.send(
            room,
            "m.room.message",
            json!({ "msgtype": "m.text", "body": text }),
        )
        .await
    }

    /// Says something in a thread.
    pub async fn say_in(&self, room: &str, root: &str, text: &str) -> String {
        let relation = json!({ "rel_type": "m.thread", "event_id": root, "is_falling_back": true, "m.in_reply_to": { "event_id": root } });
        self.send(
            room,
            "m.room.message",
            json!({ "msgtype": "m.text", "body": text, "m.relates_to": relation }),
        )
        .await
    }

    /// Replies to a message as clients do that know no threads.
    pub async fn reply(&self, room: &str, to: &str, text: &str) -> String {
        let relation = json!({ "m.in_reply_to": { "event_id": to } });
        self.send(
            room,
            "m.room.message",
            json!({ "msgtype": "m.text", "body": text, "m.relates_to": relation }),
        )
        .await
    }

    pub async fn react(&self, room: &str, to: &str, sign: &str) -> String {
        self.send(
            room,
            "m.reaction",
            json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": to, "key": sign } }),
        )
        .await
    }

    /// Changes a message, whoever wrote it: servers let anybody try.
    pub async fn edit(&self, room: &str, of: &str, text: &str) -> String {
        let new = json!({ "msgtype": "m.text", "body": text });
        let content = json!({ "msgtype": "m.text", "body": format!("* {text}"), "m.new_content": new, "m.relates_to": { "rel_type": "m.replace", "event_id": of } });
        self.send(room, "m.room.message", content).await
    }

    /// Takes a message back.
    pub async fn redact(&self, room: &str, event: &str) {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        let taken = self
            .call(
                Method::PUT,
                &format!("/rooms/{room}/redact/{event}/h{number}"),
                Some(json!({})),
            )
            .await;
        assert!(taken["event_id"].is_string(), "{taken}");
    }

    /// All events of the room, oldest first.
    pub async fn events(&self, room: &str) -> Vec<Value> {
        let (mut events, mut from, mut known) = (Vec::new(), String::new(), HashSet::new());
        loop {
            let page = self
                .call(
                    Method::GET,
                    &format!("/rooms/{room}/messages?dir=b&limit=500{from}"),
                    None,
                )
                .await;
            let chunk = page["chunk"]
                .as_array()
                .unwrap_or_else(|| panic!("no events: {page}"))
                .clone();
            let more = !chunk.is_empty();
            events.extend(
                chunk
                    .into_iter()
                    .filter(|event| known.insert(event["event_id"].to_string())),
            );
            match page["end"].as_str() {
                Some(end) if more => from = format!("&from={end}"),
                _ => break,
            }
        }
        events.reverse();
        events
    }

    /// What happens from now on, as a client with a screen would follow it.
    pub async fn follow(&self) -> Stream<'_> {
        let all = self.sync().await;
        Stream {
            human: self,
            since: all["next_batch"].as_str().expect("a position").to_owned(),
        }
    }

    /// Waits for an event.
    pub async fn wait(&self, room: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let events = self.events(room).await;
            if let Some(found) = events.iter().find(|event| is(event)) {
                return found.clone();
            }
            let bodies: Vec<_> = events
                .iter()
                .map(|event| format!("{} {}", event["sender"], event["content"]["body"]))
                .collect();
            assert!(
                Instant::now() < end,
                "{what}: not within {PATIENCE:?}\n{}",
                bodies.join("\n")
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits for words of the bot.
    pub async fn hears(&self, room: &str, words: &str) -> Value {
        let of_bot = |event: &Value| {
            event["sender"] == "@vine:vine.test"
                && event["content"]["body"]
                    .as_str()
                    .is_some_and(|body| body.contains(words))
        };
        self.wait(room, &format!("the bot says `{words}`"), of_bot)
            .await
    }
}

/// A person looking at their client.
pub struct Stream<'a> {
    human: &'a Human,
    since: String,
}

impl Stream<'_> {
    /// Waits for something, and gives what is new in a room.
    pub async fn next(&mut self, room: &str) -> Vec<Value> {
        let news = self
            .human
            .call(
                Method::GET,
                &format!("/sync?timeout=10000&since={}", self.since),
                None,
            )
            .await;
        news["next_batch"]
            .as_str()
            .expect("a position")
            .clone_into(&mut self.since);
        news["rooms"]["join"][room]["timeline"]["events"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }
}

/// What is asked in `[chat.matrix]` and `[[people]]` for these people.
pub fn sections(synapse: &Synapse, people: &[(&str, &str)]) -> String {
    let person = |(name, role): &(&str, &str)| {
        format!(
            "[[people]]\nname = \"{name}\"\nrole = \"{role}\"\nmatrix = \"@{}:vine.test\"\n",
            name.to_lowercase()
        )
    };
    let people: String = people.iter().map(person).collect();
    format!(
        "{people}[chat.matrix]\nhomeserver_url = \"{}\"\npassword = \"{PASSWORD}\"\n",
        synapse.url
    )
}
