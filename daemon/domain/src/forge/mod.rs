//! Forges: where the change of a task leaves the house, as a pull request or merge request.
//!
//! Start with [`request`] (what is known and wanted of one), then [`news`], which compares that with what a
//! forge shows ([`snapshot`]). People decide; the daemon only carries: what they press becomes an
//! [`request::Act`], and what a forge shows becomes a message.

mod finding;
mod git_token;
pub mod news;
pub mod project;
pub mod request;
pub mod rule;
pub mod snapshot;
pub mod text;

pub use finding::{Finding, FindingSource, FindingState};
pub use git_token::GitToken;
pub use project::{ForgeKind, ForgeProject};
pub use request::{
    Act, ActKind, ChangeRequest, MergeMethod, OpenedRequest, RequestBrief, RequestState,
};
pub use rule::{OpenRule, RequestRule};
pub use snapshot::{
    Check, CheckState, ChecksVerdict, ForgeUser, Remark, RequestSnapshot, ReviewVerdict, SeenState,
};
