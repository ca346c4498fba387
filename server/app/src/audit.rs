//! What the server writes into its audit log.

use actix_web::dev::RequestHead;
use fieldbook_store::{Account, Action, AuditEvent, Credential, Named};

use crate::auth::{Identity, client_address, now_ms};
use crate::config::Server;

/// Something that a request asked for, by somebody who is signed in.
#[must_use]
pub fn by(identity: &Identity, action: Action, request: &RequestHead, server: &Server) -> AuditEvent {
    AuditEvent {
        workspace: Some(identity.workspace),
        actor: Some(Named::person(identity.user, &identity.name)),
        ..asked(action, identity.via, request, server)
    }
}

/// The same, by whoever an account belongs to.
#[must_use]
pub fn by_account(
    account: &Account,
    via: Credential,
    action: Action,
    request: &RequestHead,
    server: &Server,
) -> AuditEvent {
    AuditEvent {
        workspace: Some(account.workspace.id),
        actor: Some(Named::from(account)),
        ..asked(action, via, request, server)
    }
}

/// The same, by nobody whom the server knows.
#[must_use]
pub fn asked(action: Action, via: Credential, request: &RequestHead, server: &Server) -> AuditEvent {
    AuditEvent {
        address: Some(client_address(request, server)),
        ..on_this_machine(action, via)
    }
}

/// What was done on the machine itself.
#[must_use]
pub fn on_this_machine(action: Action, via: Credential) -> AuditEvent {
    AuditEvent {
        at_ms: now_ms(),
        workspace: None,
        action,
        actor: None,
        credential: via,
        subject: None,
        detail: None,
        address: None,
    }
}
