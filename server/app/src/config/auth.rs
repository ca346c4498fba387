//! `[auth]`

use super::topic::topic;

topic! {
    /// Sessions and invitations.
    Auth in "auth" {
        /// How many days a browser stays signed in.
        session_days: u32 = 30, Whole(1, 3_650);
        /// How many days an invitation link is good.
        invitation_days: u32 = 7, Whole(1, 365);
    }
}
