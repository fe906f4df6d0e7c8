//! Files of the page. Their addresses change with their content, so that browsers never ask again.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::error::QueryParams;

/// A file of the page.
pub struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// The stylesheet.
pub const STYLE: Asset = Asset {
    name: "style.css",
    kind: "text/css",
    text: include_str!("../../assets/style.css"),
};
/// The library that updates a page in place.
pub const MORPH: Asset = Asset {
    name: "idiomorph.js",
    kind: "text/javascript",
    text: include_str!("../../assets/idiomorph.js"),
};
/// The keyboard.
pub const KEYS: Asset = Asset {
    name: "keys.js",
    kind: "text/javascript",
    text: include_str!("../../assets/keys.js"),
};
/// Our script.
pub const SCRIPT: Asset = Asset {
    name: "vine.js",
    kind: "text/javascript",
    text: include_str!("../../assets/vine.js"),
};

const FOR_EVER: &str = "public, max-age=31536000, immutable";

impl Asset {
    /// Where it is, with a hash of its content.
    pub fn address(&self) -> String {
        let mut hash = DefaultHasher::new();
        self.text.hash(&mut hash);
        format!("/assets/{}?v={:016x}", self.name, hash.finish())
    }

    /// The file.
    pub async fn send(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, self.kind),
            (header::CACHE_CONTROL, FOR_EVER),
        ];
        (headers, self.text).into_response()
    }
}

/// The icon, beside the name.
pub fn mark() -> Markup {
    html! { img.mark src="/assets/icon.svg" alt="" width="22" height="22"; }
}

/// What the icon shows.
#[derive(Deserialize)]
pub struct IconQuery {
    #[serde(default)]
    waiting: u64,
}

/// `GET /assets/icon.svg?waiting=3`: the icon, with the number of questions that wait.
pub async fn icon(QueryParams(query): QueryParams<IconQuery>) -> Response {
    let text = include_str!("../../assets/icon.svg");
    let text = match query.waiting {
        0 => text.to_owned(),
        waiting => text.replace("</svg>", &badge(waiting.min(99))),
    };
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, FOR_EVER),
    ];
    (headers, text).into_response()
}

fn badge(number: u64) -> String {
    format!(
        r##"<circle cx="22" cy="22" r="10" fill="#b3261e"/><text x="22" y="27" font-size="14" font-family="sans-serif" font-weight="bold" text-anchor="middle" fill="#fff">{number}</text></svg>"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_changes_with_the_content() {
        let other = Asset {
            text: "other",
            ..STYLE
        };
        assert_ne!(STYLE.address(), other.address());
        assert!(STYLE.address().starts_with("/assets/style.css?v="));
    }
}
