//! What goes wrong on demand.

use serde::Deserialize;

/// The next requests whose method and path hold this fail like that.
#[derive(Debug, Clone, Deserialize)]
pub struct Fault {
    /// Like `POST`; any when it is empty.
    #[serde(default)]
    pub method: String,
    /// A part of the path.
    pub path: String,
    /// How.
    pub how: How,
    /// How often; once when it is left out.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// 429 for this route, with these milliseconds.
    Limited(u64),
    /// 429 for everything.
    LimitedGlobally(u64),
    /// This status with a page of an edge server, nothing done.
    Status(u16),
    /// It is done, and then this status.
    StatusAfter(u16),
    /// The connection ends before anything is done.
    CutBefore,
    /// It is done, and then the connection ends.
    CutAfter,
    /// It is done, and answered after so many milliseconds.
    Slow(u64),
    /// It is refused with this status and code.
    Refused(u16, u32),
}

/// Takes the fault for this request, if there is one.
pub fn take(faults: &mut Vec<Fault>, method: &str, path: &str) -> Option<How> {
    let meant = |fault: &Fault| {
        (fault.method.is_empty() || fault.method == method) && path.contains(&fault.path)
    };
    let at = faults.iter().position(meant)?;
    faults[at].times = faults[at].times.saturating_sub(1);
    let how = faults[at].how;
    faults.retain(|fault| fault.times > 0);
    Some(how)
}
