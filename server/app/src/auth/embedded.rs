//! People whom another application vouches for: their accounts here.

use std::collections::BTreeMap;

use fieldbook_core::access::{Bounds, Documents, Subject};
use fieldbook_core::id::UserId;
use fieldbook_store::{Account, ExternalId, Store, StoreError};
use sha2::{Digest, Sha256};

use super::AuthError;
use super::foreign::ForeignClaims;

/// So that a name and what tells it from another one are a name together.
const MOST_NAME_CHARACTERS: usize = 50;

/// The account of whom the claims name, made at first sight, and what they may do: the issuer says.
pub(super) async fn account_of(claims: &ForeignClaims, store: &dyn Store) -> Result<(Account, Subject), AuthError> {
    if claims.workspaces.is_empty() && claims.documents.as_ref().is_none_or(BTreeMap::is_empty) {
        return Err(AuthError::NotCarried(
            "the token is good for nothing; let the claim workspaces name a workspace, or documents a document",
        ));
    }
    let account = match store.external_account(&claims.id).await? {
        Some(account) => account,
        None => first_sight(claims, store).await?,
    };
    let memberships = store.memberships(account.id, Some(claims.roles())).await?;
    if memberships.of.len() < claims.workspaces.len() {
        return Err(AuthError::NotCarried("there is no such workspace as one in the token"));
    }
    let bounds = Bounds {
        workspaces: Some(claims.workspaces.iter().map(|(id, (_, most))| (*id, *most)).collect()),
        documents: claims.documents.clone().map_or(Documents::Any, Documents::Granted),
        ..Bounds::default()
    };
    let subject = Subject {
        user: account.id,
        name: account.name.as_str().into(),
        memberships: memberships.of,
        as_of: 0,
        home: memberships.home,
        bounds,
    };
    Ok((account, subject))
}

/// They are in no workspace of this server by themselves, but while their tokens say so.
async fn first_sight(claims: &ForeignClaims, store: &dyn Store) -> Result<Account, AuthError> {
    let account = |name: String| Account {
        id: UserId(uuid::Uuid::new_v4()),
        name,
        password_hash: None,
        home: None,
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
    Ok(made?)
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
