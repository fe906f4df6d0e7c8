//! The OpenAPI schemas of values that are a single text or number. Types with fields derive theirs.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat,
        schema::{SchemaType, Type},
    },
};

use crate::{
    clock::Timestamp,
    conventions::{BranchPattern, Trailers},
    forge::rule::ForgeName,
    ids::{Epoch, MessageId, QuestionId, SessionId, TaskId, UserId, WorkerId},
    input::{Branch, ModelName, Prompt, Slug, Title},
    repo::Source,
    token::Token,
};

fn of(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(kind))
}

fn format(known: KnownFormat) -> ObjectBuilder {
    of(Type::String).format(Some(SchemaFormat::KnownFormat(known)))
}

macro_rules! schemas {
    ($($name:ident: $schema:expr, $example:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::Object($schema.examples([$example]).build()))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

const UUID: &str = "018f4e6a-7b1c-7d2e-9f3a-4b5c6d7e8f90";

schemas! {
    TaskId: of(Type::String).pattern(Some("^T-[1-9][0-9]{0,8}$")), "T-142";
    QuestionId: of(Type::String).pattern(Some("^Q-[1-9][0-9]{0,8}$")), "Q-17";
    WorkerId: format(KnownFormat::Uuid), UUID;
    SessionId: format(KnownFormat::Uuid), UUID;
    UserId: format(KnownFormat::Uuid), UUID;
    MessageId: format(KnownFormat::Uuid), UUID;
    Epoch: of(Type::Integer).minimum(Some(0)), 1;
    Timestamp: format(KnownFormat::DateTime), "2026-11-24T18:19:00.000Z";
    Title: of(Type::String).min_length(Some(1)).max_length(Some(200)), "Plant a hedge";
    Prompt: of(Type::String).min_length(Some(1)).max_length(Some(262_144)), "Plant a hedge of beech along the lane.";
    Branch: of(Type::String).min_length(Some(1)).max_length(Some(200)), "vine/T-142";
    ModelName: of(Type::String).pattern(Some("^[A-Za-z0-9][A-Za-z0-9_.:/@\\[\\]-]{0,99}$")), "opus";
    BranchPattern: of(Type::String).max_length(Some(100)), "agents/{id}-{title}";
    Trailers: of(Type::String), "Refs: {id}; Change-type: fix";
    ForgeName: of(Type::String).min_length(Some(1)).max_length(Some(100)), "octocat";
    Slug: of(Type::String).pattern(Some("^[a-z0-9][a-z0-9._-]{0,63}$")), "garden";
    Source: of(Type::String).max_length(Some(1000)), "https://example.org/garden.git";
    Token: of(Type::String), "avu_…";
}
