//! What another application's token says, parsed.

use std::collections::BTreeMap;

use fieldbook_core::id::{DocumentId, WorkspaceId};
use fieldbook_store::{ExternalId, Role, WorkspaceRole};
use serde::Deserialize;

use super::ForeignError;
use crate::auth::{DocumentRole, check_name};

/// Longest `sub`, in bytes.
const MOST_SUBJECT_BYTES: usize = 255;

/// What somebody is in a workspace, or what they may do at most with the documents that its members share.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WorkspaceClaim {
    Owner,
    Admin,
    Member,
    Guest,
    Editor,
    Commenter,
    Viewer,
}

impl WorkspaceClaim {
    fn place(self) -> (WorkspaceRole, Role) {
        match self {
            Self::Owner => (WorkspaceRole::Owner, Role::Owner),
            Self::Admin => (WorkspaceRole::Admin, Role::Owner),
            Self::Member => (WorkspaceRole::Member, Role::Owner),
            Self::Guest => (WorkspaceRole::Guest, Role::Owner),
            Self::Editor => (WorkspaceRole::Member, Role::Editor),
            Self::Commenter => (WorkspaceRole::Member, Role::Commenter),
            Self::Viewer => (WorkspaceRole::Member, Role::Viewer),
        }
    }
}

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignClaims {
    /// Who: `iss` and `sub`.
    pub id: ExternalId,
    /// What they are shown as: `name`, or without one `sub`.
    pub name: String,
    /// Where they belong, what they are there, and what they may do with a document there at most.
    pub workspaces: BTreeMap<WorkspaceId, (WorkspaceRole, Role)>,
    /// Single documents. `None`: the token does not speak of any, which bounds nothing.
    pub documents: Option<BTreeMap<DocumentId, Role>>,
    /// Milliseconds since 1970, with the leeway.
    pub expires_at_ms: i64,
}

impl ForeignClaims {
    /// What they are in each workspace.
    #[must_use]
    pub fn roles(&self) -> BTreeMap<WorkspaceId, WorkspaceRole> {
        self.workspaces.iter().map(|(id, (role, _))| (*id, *role)).collect()
    }
}

/// As it stands in the token.
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    iss: String,
    sub: String,
    exp: f64,
    name: Option<String>,
    #[serde(default)]
    workspaces: BTreeMap<String, WorkspaceClaim>,
    documents: Option<BTreeMap<String, DocumentRole>>,
}

impl Written {
    /// Makes types of it.
    pub(super) fn parse(self, leeway_s: u64, most_entries: usize) -> Result<ForeignClaims, ForeignError> {
        let documents = self.documents.as_ref().map_or(0, BTreeMap::len);
        if self.workspaces.len().max(documents) > most_entries {
            return Err(ForeignError::TooManyEntries(most_entries));
        }
        let is_plain = !self.sub.chars().any(char::is_control);
        if !(1..=MOST_SUBJECT_BYTES).contains(&self.sub.len()) || !is_plain {
            return Err(ForeignError::Subject);
        }
        let name = self.name.as_deref().unwrap_or(&self.sub);
        let name = check_name(name, "the claim name (or, without one, sub)").map_err(ForeignError::Name)?;
        let workspaces = self.workspaces.iter().map(|(id, role)| {
            let id = id.parse().map_err(|_| ForeignError::WorkspaceId)?;
            Ok((id, role.place()))
        });
        let workspaces = workspaces.collect::<Result<_, ForeignError>>()?;
        let documents = self.documents.map(|documents| {
            let documents = documents.into_iter().map(|(id, role)| {
                let id = id.parse().map_err(|_| ForeignError::DocumentId)?;
                Ok((id, role.into()))
            });
            documents.collect::<Result<_, ForeignError>>()
        });
        // `as` keeps what is too large at the largest.
        #[allow(clippy::cast_possible_truncation, reason = "part of a millisecond does not matter")]
        let expires_at_ms = ((self.exp + leeway_s as f64) * 1000.0) as i64;
        Ok(ForeignClaims {
            id: ExternalId {
                issuer: self.iss,
                subject: self.sub,
            },
            name,
            workspaces,
            documents: documents.transpose()?,
            expires_at_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WORKSPACE: &str = "00000000-0000-0000-0000-000000000007";

    fn parse(change: impl FnOnce(&mut serde_json::Value)) -> Result<ForeignClaims, ForeignError> {
        let mut claims = json!({"iss": "https://crm.example", "sub": "42", "exp": 100, "name": " Zoë ",
            "workspaces": {WORKSPACE: "editor"}});
        change(&mut claims);
        let written: Written =
            serde_json::from_value(claims).map_err(|error| ForeignError::Claims(error.to_string()))?;
        written.parse(30, 2)
    }

    #[test]
    fn claims_become_types() {
        let claims = parse(|_| {}).unwrap();
        assert_eq!(
            (claims.id.issuer.as_str(), claims.id.subject.as_str()),
            ("https://crm.example", "42")
        );
        assert_eq!((claims.name.as_str(), claims.expires_at_ms), ("Zoë", 130_000));
        let editor = (WorkspaceRole::Member, Role::Editor);
        assert_eq!(
            claims.workspaces,
            BTreeMap::from([(WORKSPACE.parse().unwrap(), editor)])
        );
        assert_eq!(claims.documents, None);
        let without_name = parse(|claims| claims["name"] = json!(null)).unwrap();
        assert_eq!(without_name.name, "42");
    }

    #[test]
    fn single_documents_are_a_bound_even_when_there_are_none() {
        let id = DocumentId::from_bytes(uuid::Uuid::new_v4().into_bytes()).unwrap();
        let one = parse(|claims| claims["documents"] = json!({id.to_string(): "commenter"})).unwrap();
        assert_eq!(one.documents, Some(BTreeMap::from([(id, Role::Commenter)])));
        assert_eq!(
            parse(|claims| claims["documents"] = json!({})).unwrap().documents,
            Some(BTreeMap::new())
        );
    }

    #[test]
    fn what_is_not_a_claim_of_ours_is_refused() {
        let wrong = [
            ("sub", json!("")),
            ("sub", json!("x".repeat(256))),
            ("sub", json!("a\nb")),
            ("sub", json!(42)),
            ("iss", json!(["https://crm.example"])),
            ("name", json!("\u{202e}")),
            ("exp", json!("tomorrow")),
            ("workspaces", json!({"not an id": "editor"})),
            ("workspaces", json!({WORKSPACE: "emperor"})),
            ("workspaces", json!([WORKSPACE])),
            ("documents", json!({"not an id": "viewer"})),
            ("documents", json!({"not an id": "emperor"})),
            ("workspaces", json!({"a": "viewer", "b": "viewer", "c": "viewer"})),
        ];
        for (claim, value) in wrong {
            assert!(
                parse(|claims| claims[claim] = value.clone()).is_err(),
                "{claim}: {value}"
            );
        }
        assert!(parse(|claims| claims["exp"] = json!(1e300)).unwrap().expires_at_ms == i64::MAX);
    }
}
