//! What the server writes into its audit log.

use actix_web::dev::RequestHead;
use fieldbook_store::{Account, AuditAction, AuditEvent, Credential, Named};

use crate::auth::{Identity, client_address, now_ms};
use crate::config::Server;

/// Something that a request asked for, by somebody who is signed in.
#[must_use]
pub fn by(identity: &Identity, action: AuditAction, request: &RequestHead, server: &Server) -> AuditEvent {
    AuditEvent {
        workspace: identity.subject.home,
        actor: Some(Named::person(identity.user, &identity.name)),
        ..asked(action, identity.via, request, server)
    }
}

/// The same, by whoever an account belongs to.
#[must_use]
pub fn by_account(
    account: &Account,
    via: Credential,
    action: AuditAction,
    request: &RequestHead,
    server: &Server,
) -> AuditEvent {
    AuditEvent {
        workspace: account.home_id(),
        actor: Some(Named::from(account)),
        ..asked(action, via, request, server)
    }
}

/// The same, by nobody whom the server knows.
#[must_use]
pub fn asked(action: AuditAction, via: Credential, request: &RequestHead, server: &Server) -> AuditEvent {
    AuditEvent {
        address: Some(client_address(request, server)),
        ..on_this_machine(action, via)
    }
}

/// What was done on the machine itself.
#[must_use]
pub fn on_this_machine(action: AuditAction, via: Credential) -> AuditEvent {
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
