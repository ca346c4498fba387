//! Things to store.

use automerge::ChangeHash;
use bytes::Bytes;
use fieldbook_core::access::{Creation, Subject};
use fieldbook_core::id::{DocumentId, UserId, WorkspaceId};
use fieldbook_store::{
    Account, Archive, ArchiveMeta, AuditAction, AuditEvent, Credential, NewDocument, Place, Placed, RetainedFrom,
    Store, Workspace, WorkspaceRole,
};
use uuid::Uuid;

/// A workspace and a person in it.
pub(crate) struct House {
    pub(crate) workspace: Workspace,
    pub(crate) ann: Account,
}

impl House {
    pub(crate) async fn build(store: &impl Store) -> Self {
        let workspace = workspace("North");
        store.create_workspace(workspace.clone()).await.unwrap();
        let ann = account("Ann", &workspace);
        store.create_account(ann.clone()).await.unwrap();
        Self { workspace, ann }
    }

    pub(crate) fn new_document(&self) -> NewDocument {
        NewDocument {
            creation: creation(self.ann.id, self.workspace.id),
            kind: Some("account_plan".into()),
            title: "Plan".into(),
            created_at_ms: 1000,
        }
    }

    /// A document with changes at 1 ..= `count`.
    pub(crate) async fn document(&self, store: &impl Store, count: u64) -> DocumentId {
        let id = document_id();
        store
            .append(id, Some(self.new_document()), 1, changes(1..=count))
            .await
            .unwrap();
        id
    }
}

/// Something to write down.
pub(crate) fn event() -> AuditEvent {
    AuditEvent {
        at_ms: 60_000,
        workspace: None,
        action: AuditAction::SignedIn,
        actor: None,
        credential: Credential::Password,
        subject: None,
        detail: None,
        address: None,
    }
}

pub(crate) fn document_id() -> DocumentId {
    DocumentId::from_bytes(*Uuid::new_v4().as_bytes()).unwrap()
}

pub(crate) fn workspace(name: &str) -> Workspace {
    Workspace {
        id: WorkspaceId(Uuid::new_v4()),
        name: name.into(),
    }
}

pub(crate) fn account(name: &str, workspace: &Workspace) -> Account {
    Account {
        id: UserId(Uuid::new_v4()),
        name: name.into(),
        password_hash: Some("$argon2id$stand-in".into()),
        home: Some(Place {
            workspace: workspace.clone(),
            role: WorkspaceRole::Member,
        }),
    }
}

pub(crate) fn creation(user: UserId, workspace: WorkspaceId) -> Creation {
    Creation::of(
        &Subject::of(user, "somebody", workspace, WorkspaceRole::Member),
        workspace,
    )
    .unwrap()
}

/// The store does not look into changes: any bytes will do.
pub(crate) fn changes(positions: impl IntoIterator<Item = u64>) -> Vec<Bytes> {
    positions
        .into_iter()
        .map(|position| format!("change {position}").into())
        .collect()
}

pub(crate) fn hash(number: u64) -> ChangeHash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    ChangeHash(bytes)
}

/// An archive at `position` that follows one at `previous`, and retains from `retained`.
pub(crate) fn archive(previous: u64, position: u64, retained: u64) -> Archive {
    let bytes = Bytes::from(format!("archive up to {position}"));
    Archive {
        meta: ArchiveMeta {
            position,
            heads: vec![Placed {
                hash: hash(position),
                position,
            }],
            clock: vec![(vec![1; 16], position)],
            bytes: bytes.len() as u64,
            retained: RetainedFrom {
                position: retained,
                heads: vec![hash(retained - 1)],
            },
            index: format!("index up to {position}").into(),
        },
        bytes,
        added: (previous + 1..=position)
            .map(|position| Placed {
                hash: hash(position),
                position,
            })
            .collect(),
    }
}

macro_rules! assert_error {
    ($outcome:expr, $variant:ident) => {
        match $outcome {
            Err(fieldbook_store::StoreError::$variant(_)) => {}
            other => panic!("expected {}, got {other:?}", stringify!($variant)),
        }
    };
}
pub(crate) use assert_error;
