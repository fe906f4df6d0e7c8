//! What people type is what agents read: words are generated, written as each platform's reference
//! says that it writes them, and read by the adapters.

use proptest::prelude::*;
use serde_json::{Value, json};
use vine_domain::chat::{Inbound, InboundKind};

/// A piece of what somebody types, and how it arrives.
#[derive(Debug, Clone)]
struct Piece {
    typed: String,
    sent: String,
}

fn piece(typed: impl Into<String>, sent: impl Into<String>) -> Piece {
    let (typed, sent) = (typed.into(), sent.into());
    Piece { typed, sent }
}

/// Any characters that can be typed, with those that platforms give a meaning oftener.
fn plain() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        '<', '>', '&', '|', '*', '_', '~', '`', '\\', '"', '\'', '#', '@', ':', '-', '>', '[', ']',
        '(', ')', '!', '/', '=', '{', '}', '\u{200b}', '\u{202e}', '\u{feff}', '👍', 'é', 'ß',
        '語', '\u{301}', '𝔄',
    ]);
    let letter = any::<char>().prop_filter("typed", |c| !c.is_control() && !c.is_whitespace());
    prop::collection::vec(
        prop_oneof![special, letter, prop::char::range('a', 'z')],
        1..12,
    )
    .prop_map(|all| all.into_iter().collect())
}

fn joined(pieces: &[Piece], of: impl Fn(&Piece) -> &str) -> String {
    let mut out = String::new();
    for (number, piece) in pieces.iter().enumerate() {
        if number > 0 {
            out.push(if number % 5 == 0 { '\n' } else { ' ' });
        }
        out.push_str(of(piece));
    }
    out
}

mod slack {
    use vine_slack::AppIdentity;

    use super::*;

    fn us() -> AppIdentity {
        AppIdentity {
            teams: vec!["T1".into()],
            user: "U0BOT".into(),
        }
    }

    /// Slack escapes three characters and nothing else (reference, "Escaping text").
    fn escaped(text: &str) -> String {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    }

    /// How Slack writes what it recognises (reference, "Retrieving messages").
    fn pieces() -> impl Strategy<Value = Piece> {
        let name = "[a-z]{1,8}";
        prop_oneof![
            6 => plain().prop_map(|typed| piece(typed.clone(), escaped(&typed))),
            1 => "[a-z]{1,8}\\.(rs|py|md|io)".prop_map(|typed| piece(typed.clone(), format!("<http://{typed}|{typed}>"))),
            1 => "https://[a-z]{1,8}\\.example/[a-z?=]{0,8}".prop_map(|typed| piece(typed.clone(), format!("<{typed}>"))),
            1 => "[a-z]{1,8}@[a-z]{1,8}\\.example".prop_map(|typed| piece(typed.clone(), format!("<mailto:{typed}|{typed}>"))),
            1 => name.prop_map(|typed| piece(format!("#{typed}"), format!("<#C0{}|{typed}>", typed.to_uppercase()))),
            1 => name.prop_map(|typed| piece(format!("@{typed}"), format!("<!subteam^S0|@{typed}>"))),
            1 => name.prop_map(|typed| piece(format!("@{typed}"), format!("<@U1{}|{typed}>", typed.to_uppercase()))),
            1 => Just(piece("@here", "<!here>")),
            1 => Just(piece("@channel", "<!channel>")),
        ]
    }

    fn read(text: &str) -> Inbound {
        let event = json!({ "type": "message", "channel": "C1", "user": "U1", "ts": "5.000001", "thread_ts": "1.000000", "text": text });
        vine_slack::heard("events_api", &json!({ "event": event }), &us()).expect("read")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn slack_words_are_read_as_they_were_typed(pieces in prop::collection::vec(pieces(), 1..60)) {
            let (typed, sent) = (joined(&pieces, |one| &one.typed), joined(&pieces, |one| &one.sent));
            let heard = read(&sent);
            prop_assert_eq!(heard.act, InboundKind::Said);
            prop_assert_eq!(heard.text, typed);
        }
    }

    #[test]
    fn slack_takes_forty_thousand_characters() {
        let typed = "a < b && c > d `x` *y* ".repeat(2_000)[..40_000].to_owned();
        assert_eq!(read(&escaped(&typed)).text, typed);
    }
}

mod discord {
    use vine_discord::BotIdentity;

    use super::*;

    fn us() -> BotIdentity {
        BotIdentity {
            id: "9".into(),
            app: "9".into(),
            reads: true,
        }
    }

    /// Discord writes whom and what it recognises as tokens (reference, "Message Formatting"), and
    /// everything else as it was typed.
    fn pieces() -> impl Strategy<Value = Piece> {
        let not_a_token = |typed: &String| {
            !typed.contains("<@")
                && !typed.contains("<:")
                && !typed.contains("<a:")
                && !typed.contains("</")
                && !typed.contains("<#")
        };
        prop_oneof![
            6 => plain().prop_filter("no token by itself", not_a_token).prop_map(|typed| piece(typed.clone(), typed)),
            1 => Just(piece("@ann", "<@11>")),
            1 => Just(piece("@ann", "<@!11>")),
            1 => "[a-z_]{2,12}".prop_map(|name| piece(format!(":{name}:"), format!("<:{name}:55>"))),
            1 => "[a-z_]{2,12}".prop_map(|name| piece(format!(":{name}:"), format!("<a:{name}:56>"))),
        ]
    }

    fn read(text: &str) -> Inbound {
        let message = json!({ "id": "4194304000", "channel_id": "7", "type": 0, "content": text, "author": { "id": "1" }, "attachments": [],
            "mentions": [{ "id": "11", "username": "ann" }] });
        vine_discord::heard("MESSAGE_CREATE", &message, &us()).expect("read")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn discord_words_are_read_as_they_were_typed(pieces in prop::collection::vec(pieces(), 1..60)) {
            let (typed, sent) = (joined(&pieces, |one| &one.typed), joined(&pieces, |one| &one.sent));
            let heard = read(&sent);
            prop_assert_eq!(heard.act, InboundKind::Said);
            prop_assert_eq!(heard.text, typed);
        }
    }

    #[test]
    fn discord_takes_four_thousand_characters() {
        let typed: String = "a < b <x> **y** ||z|| "
            .repeat(200)
            .chars()
            .take(4_000)
            .collect();
        assert_eq!(read(&typed).text, typed.trim());
    }
}

mod matrix {
    use super::*;

    fn read(content: &Value) -> Inbound {
        let event = json!({ "type": "m.room.message", "sender": "@ann:x", "event_id": "$e", "origin_server_ts": 1, "content": content });
        vine_matrix::heard(&event, "!r", "@vine:x").expect("read")
    }

    /// A reply as clients wrote it up to version 1.12 of the specification ("Fallbacks for rich
    /// replies"): the quote line by line, then an empty line.
    fn fallback(quoted: &str, own: &str) -> String {
        let mut lines = quoted.split('\n');
        let mut body = format!("> <@vine:x> {}\n", lines.next().unwrap_or_default());
        for line in lines {
            body.push_str(&format!("> {line}\n"));
        }
        format!("{body}\n{own}")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn matrix_words_are_read_as_they_were_typed(
            own in prop::collection::vec(plain(), 1..40).prop_map(|all| all.join(" ")),
            quoted in prop::collection::vec(plain(), 0..20).prop_map(|all| all.join("\n")),
        ) {
            let own = own.trim().to_owned();
            prop_assume!(!own.is_empty() && !own.starts_with("vine:") && !own.starts_with("@vine"));
            prop_assert_eq!(&read(&json!({ "msgtype": "m.text", "body": own })).text, &own);
            let reply = json!({ "m.in_reply_to": { "event_id": "$q" } });
            let old = json!({ "msgtype": "m.text", "body": fallback(&quoted, &own), "m.relates_to": reply });
            prop_assert_eq!(&read(&old).text, &own);
            let html = json!({ "msgtype": "m.text", "body": fallback(&quoted, &own), "format": "org.matrix.custom.html",
                "formatted_body": "<mx-reply><blockquote>…</blockquote></mx-reply>…", "m.relates_to": reply });
            prop_assert_eq!(&read(&html).text, &own);
            // Version 1.13 and later: no quote, and what looks like one is the author's.
            let by_hand = format!("> {own}\n{own}");
            let new = json!({ "msgtype": "m.text", "body": by_hand, "m.relates_to": reply });
            prop_assume!(!own.starts_with("<@") && !own.starts_with("* <@"));
            prop_assert_eq!(&read(&new).text, &by_hand);
        }
    }

    #[test]
    fn matrix_takes_sixty_thousand_bytes() {
        let typed = "a < b & c\n> d ".repeat(4_500).trim().to_owned();
        assert_eq!(
            read(&json!({ "msgtype": "m.text", "body": typed })).text,
            typed
        );
    }
}
