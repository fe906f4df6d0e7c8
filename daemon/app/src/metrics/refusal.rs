//! Why requests are refused.

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCause {
    /// No token, or an unknown one.
    Token,
    /// A person without the required role.
    Role,
    /// A wrong, used or expired login.
    Login,
    /// Too many attempts in too little time.
    Rate,
    /// A browser that used a host name that is not ours.
    Host,
    /// A write that came from another site.
    CrossSite,
}

impl RefusalCause {
    pub(super) const ALL: [Self; 6] = [
        Self::Token,
        Self::Role,
        Self::Login,
        Self::Rate,
        Self::Host,
        Self::CrossSite,
    ];

    /// The value of its label.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Role => "role",
            Self::Login => "login",
            Self::Rate => "rate",
            Self::Host => "host",
            Self::CrossSite => "cross_site",
        }
    }
}
