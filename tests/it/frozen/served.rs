//! The day behind HTTP, for programs, browsers and shells. The clock stands still, so that times
//! are the same in every run.

use std::{fs, path::PathBuf, process::Command, sync::Mutex};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vine_domain::{
    WorkerId,
    token::{Token, TokenKind},
};

use super::{
    day::{Day, Subjects},
    text::{Names, shown},
};
use crate::harness::{VINE, visitor::Browser};

/// A daemon's face over the day, with nobody else in it: no platform, no real worker.
pub struct Served {
    pub day: Day,
    pub url: String,
    pub admin: Token,
    pub names: Mutex<Names>,
    /// Method and path of each call to the API.
    pub called: Mutex<Vec<(String, String)>>,
    http: reqwest::Client,
    home: TempDir,
    closing: CancellationToken,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

impl Served {
    pub async fn begin() -> Self {
        let day = Day::begin("matrix", &Subjects("@ann:example.org", "@vic:example.org")).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let front = vine_http::FrontSettings {
            hosts: vec![address.to_string()],
            doors: vine_http::Router::new(),
            hooks: vine_http::ForgeHooks::default(),
            oidc: None,
            shuns: None,
        };
        let closing = CancellationToken::new();
        tokio::spawn(vine_http::serve(
            listener,
            day.app().clone(),
            day.team.inbox.clone(),
            front,
            closing.clone(),
        ));
        let owner = day
            .app()
            .people
            .first_admin("root")
            .await
            .expect("an admin");
        let admin = day
            .app()
            .people
            .make_token(TokenKind::User, owner.0)
            .await
            .expect("a token");
        Self {
            day,
            url: format!("http://{address}"),
            admin,
            names: Mutex::default(),
            called: Mutex::default(),
            http: Browser::client(),
            home: tempfile::tempdir().expect("a folder"),
            closing,
        }
    }

    /// A token of the day's worker.
    pub async fn worker(&self) -> (WorkerId, Token) {
        let worker = self.day.team.worker;
        let token = self
            .day
            .app()
            .people
            .make_token(TokenKind::Worker, worker.0);
        (worker, token.await.expect("a token"))
    }

    /// A call with the admin's token.
    pub async fn admin(&self, line: &str, body: Value) -> String {
        self.call(Some(self.admin.reveal()), line, body).await
    }

    /// A call to the API: `POST /tasks` with a body; gives the status and the answer.
    pub async fn call(&self, token: Option<&str>, line: &str, body: Value) -> String {
        let (status, answer) = self.answer(token, line, body).await;
        let answer = shown(&answer);
        self.names
            .lock()
            .expect("whole")
            .redact(&format!("{status}\n{answer}"))
    }

    /// The same, as it is.
    pub async fn answer(&self, token: Option<&str>, line: &str, body: Value) -> (u16, Value) {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let bare = path.split('?').next().unwrap_or(path);
        let call = (method.to_lowercase(), bare.to_owned());
        self.called.lock().expect("whole").push(call);
        let method: Method = method.parse().expect("a method");
        let mut request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.url))
            .header(vine_api::WIRE_HEADER, vine_api::WIRE);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        let answer = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
        (status, answer)
    }

    /// Any path outside the API, with its status.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let request = self.http.get(format!("{}{path}", self.url));
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.text().await.expect("a body"))
    }

    /// A browser of the admin.
    pub async fn browser(&self) -> Browser {
        let owner = self
            .day
            .app()
            .people
            .first_admin("root")
            .await
            .expect("an admin");
        let code = self
            .day
            .app()
            .people
            .make_token(TokenKind::Login, owner.0)
            .await
            .expect("a code");
        Browser::log_in(&format!("{}/login?code={}", self.url, code.reveal())).await
    }

    /// A path in a folder that is empty but for what tests put there.
    pub fn home(&self, file: &str) -> PathBuf {
        self.home.path().join(file)
    }

    /// What the shell prints, and its exit code if that is not 0. The daemon is this one, the
    /// environment is empty.
    pub async fn shell(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(VINE);
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("NO_COLOR", "1")
            .env("VINE_DAEMON", &self.url)
            .env("VINE_TOKEN", self.admin.reveal());
        self.run(command).await
    }

    /// The same for any command.
    pub async fn run(&self, mut command: Command) -> String {
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.expect("ran").expect("the program runs");
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        match output.status.code() {
            Some(0) => {}
            code => text.push_str(&format!("exit code {}", code.unwrap_or(-1))),
        }
        let trimmed: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
        self.names
            .lock()
            .expect("whole")
            .redact(&trimmed.join("\n"))
    }

    /// A file of the shell's folder.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.home(file), text).expect("written");
    }
}
