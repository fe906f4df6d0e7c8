//! What goes wrong on demand.

use serde::Deserialize;

/// The next calls of one method fail like this.
#[derive(Debug, Clone, Deserialize)]
pub struct Fault {
    /// The method, like `chat.postMessage`.
    pub method: String,
    /// How.
    pub how: How,
    /// How often; once when it is left out.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// How a call fails.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// 429, with these seconds in `Retry-After`.
    Limited(u64),
    /// This status, nothing done.
    Status(u16),
    /// The connection ends before anything is done.
    CutBefore,
    /// It is done, and then the connection ends.
    CutAfter,
    /// It is done after so many milliseconds, and answered then.
    Slow(u64),
    /// It is refused with this code.
    Refused(String),
    /// The connection ends before anything is done; it is done after so many milliseconds.
    Late(u64),
}

/// Takes the fault for this call, if there is one.
pub fn take(faults: &mut Vec<Fault>, method: &str) -> Option<How> {
    let at = faults
        .iter()
        .position(|fault| fault.method == method && fault.times > 0)?;
    faults[at].times -= 1;
    let how = faults[at].how.clone();
    faults.retain(|fault| fault.times > 0);
    Some(how)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_was_asked_to_and_its_method_alone() {
        let mut faults = vec![Fault {
            method: "chat.update".into(),
            how: How::CutAfter,
            times: 2,
        }];
        assert_eq!(take(&mut faults, "chat.postMessage"), None);
        assert_eq!(
            [
                take(&mut faults, "chat.update"),
                take(&mut faults, "chat.update")
            ],
            [const { Some(How::CutAfter) }; 2]
        );
        assert_eq!(take(&mut faults, "chat.update"), None);
        assert!(faults.is_empty());
    }
}
