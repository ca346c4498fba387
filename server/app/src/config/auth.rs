//! `[auth]`

use super::topic::topic;

topic! {
    /// Sessions, passwords and links.
    Auth in "auth" {
        /// How many days a browser stays signed in.
        session_days: u32 = 30, Whole(1, 3_650);
        /// After so many seconds a browser is given another secret for its session.
        rotation_s: u64 = 3_600, Whole(1, 31_536_000);
        /// How long the secret before it stays good, in seconds: requests run side by side. Used later, somebody has a
        /// copy of it, and the session ends.
        rotation_grace_s: u64 = 60, Whole(1, 3_600);
        /// In how many browsers one person can be signed in. One more signs out the one that was not seen for longest.
        sessions_per_user: usize = 100, Whole(1, 10_000);
        /// Least number of characters of a new password. Beyond: 422.
        password_shortest: usize = 10, Whole(8, 64);
        /// Most characters of a password, each of which takes time to hash. Beyond: 422, and nobody is signed in by it.
        password_longest: usize = 200, Whole(64, 1_024);
        /// How hard a new password is to guess, by zxcvbn: 3 means some 10^8 tries, 4 some 10^10. Beyond: 422.
        password_score: u64 = 3, Whole(0, 4);
        /// How many days an invitation link is good.
        invitation_days: u32 = 7, Whole(1, 365);
        /// How many hours a link is good with which somebody gives themselves another password.
        reset_hours: u32 = 24, Whole(1, 720);
    }
}
