//! People whom another application vouches for: their accounts here.

use fieldbook_core::id::{UserId, WorkspaceId};
use fieldbook_store::{Account, ExternalId, Role, Store, StoreError, Workspace};
use sha2::{Digest, Sha256};

use super::AuthError;
use super::foreign::ForeignClaims;

/// So that a name and what tells it from another one are a name together.
const MOST_NAME_CHARACTERS: usize = 50;

/// The account of whom the claims name, made at first sight, and what they may do in its workspace: the issuer says.
pub(super) async fn account_of(claims: &ForeignClaims, store: &dyn Store) -> Result<(Account, Role), AuthError> {
    // What cannot be kept to is refused: to take a token and forget its bounds would let it do more than it says.
    if claims.documents.is_some() {
        return Err(AuthError::NotCarried(
            "this server cannot yet keep a token to single documents; leave the claim documents out",
        ));
    }
    let [(workspace, role)] = claims.workspaces.as_slice() else {
        return Err(AuthError::NotCarried(
            "a person belongs to one workspace of this server; let the claim workspaces name exactly one",
        ));
    };
    let account = match store.external_account(&claims.id).await? {
        Some(account) => account,
        None => first_sight(claims, *workspace, *role, store).await?,
    };
    if account.workspace.id != *workspace {
        return Err(AuthError::NotCarried(
            "this person belongs to another workspace of this server than the one in the token",
        ));
    }
    Ok((account, *role))
}

async fn first_sight(
    claims: &ForeignClaims,
    workspace: WorkspaceId,
    role: Role,
    store: &dyn Store,
) -> Result<Account, AuthError> {
    let account = |name: String| Account {
        id: UserId(uuid::Uuid::new_v4()),
        name,
        password_hash: None,
        workspace: Workspace {
            id: workspace,
            name: String::new(),
        },
        role,
    };
    let made = match store
        .create_external_account(&claims.id, account(claims.name.clone()))
        .await
    {
        // Names are unique, and nobody takes another's by a token.
        Err(StoreError::Taken(_)) => {
            let name = told_apart(&claims.name, &claims.id);
            store.create_external_account(&claims.id, account(name)).await
        }
        made => made,
    };
    made.map_err(|error| match error {
        StoreError::Conflict(_) => AuthError::NotCarried("there is no such workspace as the one in the token"),
        other => other.into(),
    })
}

/// The name with something after it that is the same whenever it is made, and another for each person.
fn told_apart(name: &str, id: &ExternalId) -> String {
    let digest = Sha256::new()
        .chain_update(id.issuer.as_bytes())
        .chain_update([0])
        .chain_update(id.subject.as_bytes())
        .finalize();
    let short: String = name.chars().take(MOST_NAME_CHARACTERS).collect();
    format!("{} ({})", short.trim_end(), hex::encode(&digest[..4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_told_apart_and_stays_a_name() {
        let id = |subject: &str| ExternalId {
            issuer: "https://crm.example".into(),
            subject: subject.into(),
        };
        let long = "é".repeat(64);
        for name in ["Ann", long.as_str()] {
            let one = told_apart(name, &id("1"));
            assert_eq!(super::super::check_name(&one, "the name").as_ref(), Ok(&one));
            assert_eq!(one, told_apart(name, &id("1")));
            assert_ne!(one, told_apart(name, &id("2")));
        }
    }
}
