//! Which platforms are served here.

use std::sync::Arc;

use vine_domain::{Timestamp, ports::Chat};

use crate::rooms::Rooms;

/// While this value lives, the adapter of a platform runs in this daemon.
pub(crate) struct ServedHere<'a> {
    rooms: &'a Rooms,
    platform: &'static str,
}

impl Drop for ServedHere<'_> {
    fn drop(&mut self) {
        self.rooms.platforms.leave(self.platform);
        self.rooms.metrics.canary(self.platform, None);
    }
}

impl Rooms {
    /// Notes that this daemon serves a platform, since this moment and while the result lives.
    pub(crate) fn serve(&self, chat: Arc<dyn Chat>, since: Timestamp) -> ServedHere<'_> {
        let platform = chat.platform();
        self.platforms.serve(chat, since);
        ServedHere {
            rooms: self,
            platform,
        }
    }

    /// The health of a platform or its rooms changed.
    pub(crate) fn changed(&self) {
        self.wakeups.page();
    }
}
