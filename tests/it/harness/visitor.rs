//! The page as a browser that runs no script, and `vine up` that serves it.

use std::time::{Duration, Instant};

use reqwest::{StatusCode, redirect::Policy};

use super::{Place, Process, path, until};

/// A browser with a session of its own.
pub struct Browser {
    pub http: reqwest::Client,
    pub base: String,
    pub cookie: String,
}

impl Browser {
    pub fn client() -> reqwest::Client {
        reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .expect("a client")
    }

    /// Presses the button of a login link's page.
    pub async fn open(http: &reqwest::Client, link: &str) -> reqwest::Response {
        let (base, code) = link.split_once("/login?code=").expect("a login link");
        http.post(format!("{base}/login/link"))
            .header("sec-fetch-site", "same-origin")
            .form(&[("code", code)])
            .send()
            .await
            .expect("an answer")
    }

    pub async fn log_in(link: &str) -> Self {
        let http = Self::client();
        let shown = http.get(link).send().await.expect("an answer");
        assert_eq!(shown.status(), StatusCode::OK);
        let response = Self::open(&http, link).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let cookie = response.headers()["set-cookie"]
            .to_str()
            .expect("text")
            .split(';')
            .next()
            .expect("a cookie")
            .to_owned();
        let base = link.split("/login").next().expect("an address").to_owned();
        Self { http, base, cookie }
    }

    /// The one of whoever set the place up.
    pub async fn of(place: &Place) -> Self {
        let said = place.shell(&["login"]);
        Self::log_in(said.split_whitespace().next().expect("a link")).await
    }

    pub async fn page(&self, path: &str) -> String {
        let response = self
            .http
            .get(format!("{}{path}", self.base))
            .header("cookie", &self.cookie)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.text().await.expect("a page")
    }

    pub async fn send(&self, path: &str, form: &[(&str, &str)], site: &str) -> StatusCode {
        self.post(path, form, site).await.status()
    }

    /// Sends a form of the page, and gives the page that comes back.
    pub async fn sends(&self, path: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
        let response = self.post(path, form, "same-origin").await;
        let status = response.status();
        (status, response.text().await.expect("a page"))
    }

    /// The same, and everything that comes back.
    pub async fn post(&self, path: &str, form: &[(&str, &str)], site: &str) -> reqwest::Response {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", site);
        request.form(form).send().await.expect("an answer")
    }

    /// A button that does what a command does.
    pub async fn press(&self, line: &str, back: &str) -> StatusCode {
        self.send("/do", &[("line", line), ("back", back)], "same-origin")
            .await
    }
}

/// Starts `vine up` and waits for its link; gives the link and how long that took.
pub async fn up(place: &Place, arguments: &[&str]) -> (Process, String, Duration) {
    let state = place.folder.path().join("up");
    let all = [
        &["up", "--listen", "127.0.0.1:0", "--state", path(&state)],
        arguments,
    ]
    .concat();
    let mut command = place.vine(&all);
    command.current_dir(&place.repo);
    let started = Instant::now();
    let process = Process::start("vine up", command);
    let link = until(Duration::from_secs(20), "a login link is printed", || {
        process
            .output()
            .split_whitespace()
            .find(|word| word.contains("/login?code="))
            .map(str::to_owned)
    })
    .await;
    (process, link, started.elapsed())
}
