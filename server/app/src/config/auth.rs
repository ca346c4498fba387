//! `[auth]`

use super::topic::topic;

topic! {
    /// Sessions and invitations.
    Auth in "auth" {
        /// How many days a browser stays signed in.
        session_days: u32 = 30, Whole(1, 3_650);
        /// In how many browsers one person can be signed in. One more signs out the one that was not seen for longest.
        sessions_per_user: usize = 100, Whole(1, 10_000);
        /// How many days an invitation link is good.
        invitation_days: u32 = 7, Whole(1, 365);
    }
}
