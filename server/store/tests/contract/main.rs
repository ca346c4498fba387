//! What any store must do. Each test is a function over `&impl Store`; an implementation joins by a [`Fixture`] and one
//! more line at the end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod access;
mod appends;
mod archives;
mod audit;
mod documents;
mod identities;
mod people;
mod sample;
mod worlds;

use fieldbook_store::Store;
use fieldbook_store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

/// An empty store, and what must live as long as it.
trait Fixture: Sized {
    type Store: Store;
    fn empty() -> impl Future<Output = Self>;
    fn store(&self) -> &Self::Store;
}

struct Sqlite {
    store: SqliteStore,
    _folder: TempDir,
}

impl Fixture for Sqlite {
    type Store = SqliteStore;

    async fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        let store = SqliteStore::open(&folder.path().join("test.sqlite"), SqliteOptions::default())
            .await
            .unwrap();
        Self { store, _folder: folder }
    }

    fn store(&self) -> &SqliteStore {
        &self.store
    }
}

macro_rules! contract {
    ($implementation:ident: $fixture:ty) => {
        contract!($implementation: $fixture;
            appends::a_document_that_does_not_exist_is_none,
            appends::what_is_appended_is_loaded_in_order,
            appends::a_document_is_made_by_its_first_append,
            appends::a_second_first_append_changes_nothing_in_the_list,
            appends::without_new_a_document_must_exist,
            appends::workspace_and_creator_must_exist,
            appends::the_same_changes_again_are_a_success,
            appends::an_append_may_overlap_what_is_stored,
            appends::another_change_at_a_position_is_a_conflict,
            appends::a_gap_is_a_conflict,
            appends::many_appends_at_once_all_arrive,
            appends::a_conflict_fails_nobody_else,
            appends::changes_are_read_by_position,
            appends::large_and_empty_changes_survive,
            appends::document_ids_lists_all,
            archives::without_an_archive_there_is_none,
            archives::an_archive_takes_the_place_of_the_tail,
            archives::retained_rows_stay_at_hand,
            archives::metadata_survives,
            archives::archived_changes_are_found_by_hash,
            archives::the_hash_index_grows_with_each_archive,
            archives::another_previous_is_a_conflict,
            archives::the_same_archive_again_is_a_success,
            archives::an_archive_beyond_the_log_is_a_conflict,
            archives::retained_rows_that_are_gone_are_a_conflict,
            archives::counts_that_do_not_fit_are_a_conflict,
            archives::appends_go_on_while_an_archive_is_replaced,
            archives::positions_go_on_after_an_archive_that_retains_nothing,
            archives::archived_positions_are_not_read_as_rows,
            people::a_secret_is_made_once,
            people::the_first_workspace_stays_the_first,
            people::an_account_is_found_by_id_and_by_name,
            people::a_name_is_taken_without_regard_to_case,
            people::accounts_without_a_password_do_not_count_for_sign_in,
            people::a_session_is_good_until_it_expires_or_ends,
            people::an_invitation_is_withdrawn_by_its_name,
            people::an_invitation_is_good_until_it_expires,
            people::an_invitation_makes_one_account,
            people::a_taken_name_leaves_the_invitation_good,
            people::an_invitation_makes_no_other_account,
            people::an_invitation_raced_for_makes_one_account,
            people::what_does_not_exist_cannot_be_changed,
            identities::somebody_from_elsewhere_gets_one_account,
            identities::each_issuer_has_names_of_its_own,
            identities::first_sights_at_once_make_one_account,
            identities::a_taken_name_maps_nobody,
            identities::a_device_is_known_by_its_secret,
            identities::a_secret_is_exchanged_when_the_next_one_comes_back,
            identities::a_password_is_changed,
            identities::a_password_reset_is_good_once_and_ends_all_sessions,
            identities::a_password_reset_takes_the_place_of_the_one_before,
            identities::a_session_is_ended_by_its_owner_only,
            access::a_person_may_be_in_several_workspaces,
            access::people_are_changed_within_bounds,
            access::a_workspace_is_founded_by_its_owner,
            access::groups_are_of_one_workspace,
            access::grants_are_given_and_taken,
            access::leaving_ends_every_grant_for_good,
            access::a_document_is_put_away_thrown_away_and_taken_back,
            access::what_was_in_the_trash_for_longest_is_purged_first,
            access::what_is_purged_is_gone_and_does_not_come_back,
            access::a_credential_that_grants_lists_what_it_grants,
            access::a_change_says_what_it_touches,
            worlds::the_list_is_what_the_rule_says,
            audit::a_change_of_access_and_its_entry_are_one,
            audit::an_event_is_read_as_it_was_written,
            audit::the_last_come_first_and_page_by_page,
            audit::a_workspace_sees_its_own_and_what_belongs_to_none,
            audit::what_was_not_done_is_not_written_down,
            audit::refusals_are_written_down_once_a_minute,
            audit::refusals_have_a_bound,
            documents::the_list_shows_the_last_changed_first,
            documents::the_list_is_of_one_workspace,
            documents::a_summary_changes_title_and_time,
            documents::the_list_knows_what_it_is_behind,
            documents::a_document_that_does_not_exist_cannot_be_changed,
        );
    };
    ($implementation:ident: $fixture:ty; $($topic:ident::$test:ident,)*) => {
        mod $implementation {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    let fixture = <$fixture>::empty().await;
                    $topic::$test(fixture.store()).await;
                }
            )*
        }
    };
}

contract!(sqlite: Sqlite);
