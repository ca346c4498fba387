//! `fieldbook token`

use fieldbook_core::id::{UserId, WorkspaceId};
use fieldbook_store::sqlite::{SqliteOptions, SqliteStore};
use fieldbook_store::{
    Account, AuditAction, AuditEvent, AuditLog, Credential, Directory, Named, Place, Role, StoreError, Workspace,
    WorkspaceRole,
};
use sha2::{Digest, Sha256};

use super::{Failure, Token, no_data};
use crate::audit;
use crate::auth::{TokenKey, check_name, now_ms};
use crate::config::Config;
use crate::startup::{first_workspace, open_store};

const LONGEST_SECONDS: u64 = 3_650 * 86_400;

/// Makes the user if need be, and prints a token.
pub(super) async fn token(config: &Config, arguments: &Token) -> Result<(), Failure> {
    let name = check_name(&arguments.user, "the user's name")?;
    // A folder that is there may be one that the first start has yet to fill; one that is not there is mistyped.
    if !config.server.data.is_dir() {
        return Err(no_data(&config.server.data));
    }
    let store = open_store(&config.server.data, SqliteOptions::default()).await?;
    let account = account(&store, &name, arguments).await?;
    let key = TokenKey::from_store(&store).await?;
    let now_s = u64::try_from(now_ms() / 1000).unwrap_or_default();
    let token = key.issue(account.id, &account.name, arguments.role.into(), now_s, arguments.ttl)?;
    let made = AuditEvent {
        workspace: account.home_id(),
        subject: Some(Named::from(&account)),
        detail: Some(format!("{}, {} s", Role::from(arguments.role).as_str(), arguments.ttl)),
        ..audit::on_this_machine(AuditAction::TokenMade, Credential::CommandLine)
    };
    store.record(made).await?;
    store.close().await;
    println!("{token}");
    Ok(())
}

/// `45s`, `30m`, `8h`, `7d`.
pub(super) fn parse_seconds(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "a time is a number and s, m, h or d, such as 8h; at most {} d",
            LONGEST_SECONDS / 86_400
        )
    };
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let seconds = number
        .checked_mul(factor)
        .filter(|seconds| (1..=LONGEST_SECONDS).contains(seconds));
    seconds.ok_or_else(wrong)
}

async fn account(store: &SqliteStore, name: &str, arguments: &Token) -> Result<Account, Failure> {
    if let Some(account) = store.account_by_name(name).await? {
        return check_workspace(account, arguments);
    }
    let account = Account {
        id: UserId(uuid::Uuid::new_v4()),
        name: name.to_owned(),
        password_hash: None,
        home: Some(Place {
            workspace: workspace(store, arguments.workspace.as_deref()).await?,
            role: WorkspaceRole::Member,
        }),
    };
    match store.create_account(account.clone()).await {
        Ok(()) => Ok(account),
        // Somebody made it in this moment.
        Err(StoreError::Taken(_)) => {
            let account = store.account_by_name(name).await?;
            check_workspace(
                account.ok_or_else(|| Failure::Failed(format!("{name} cannot be made")))?,
                arguments,
            )
        }
        Err(error) => Err(error.into()),
    }
}

fn check_workspace(account: Account, arguments: &Token) -> Result<Account, Failure> {
    let home = account.home.as_ref().map_or("", |home| home.workspace.name.as_str());
    match &arguments.workspace {
        Some(asked) if asked.to_lowercase() != home.to_lowercase() => Err(Failure::Failed(format!(
            "{} belongs to the workspace {home}; a token does not move anybody to another",
            account.name
        ))),
        _ => Ok(account),
    }
}

/// The first workspace, or the one that `token` made or makes under that name.
async fn workspace(store: &SqliteStore, name: Option<&str>) -> Result<Workspace, Failure> {
    let first = first_workspace(store).await?;
    let Some(name) = name else { return Ok(first) };
    let name = check_name(name, "the workspace's name")?;
    if name.to_lowercase() == first.name.to_lowercase() {
        return Ok(first);
    }
    // The id follows from the name: the same name is the same workspace the next time.
    let hash = Sha256::new()
        .chain_update(first.id.0.as_bytes())
        .chain_update(name.to_lowercase())
        .finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    let id = WorkspaceId(uuid::Builder::from_custom_bytes(half).into_uuid());
    let workspace = Workspace { id, name };
    match store.create_workspace(workspace.clone()).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(workspace),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(parse_seconds("45s"), Ok(45));
        assert_eq!(parse_seconds("30m"), Ok(1_800));
        assert_eq!(parse_seconds("8h"), Ok(28_800));
        assert_eq!(parse_seconds("7d"), Ok(604_800));
        for wrong in [
            "",
            "8",
            "h",
            "0s",
            "-1h",
            "1.5h",
            "4000d",
            "99999999999999999999d",
            "8é",
        ] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }
}
