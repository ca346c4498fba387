//! `fieldbook reset-password`

use fieldbook_store::{AuditAction, AuditEvent, Credential, Directory, Identities, Named};

use super::{Failure, ResetPassword, open_existing};
use crate::audit;
use crate::auth::{now_ms, reset_link};
use crate::config::Config;
use crate::startup::url;

/// Prints a link with which somebody gives themselves another password.
pub(super) async fn reset_password(config: &Config, arguments: &ResetPassword) -> Result<(), Failure> {
    let store = open_existing(config).await?;
    let account = store.account_by_name(arguments.user.trim()).await?;
    let Some(account) = account else {
        return Err(Failure::Failed(format!(
            "nobody is called {}; `fieldbook audit` shows the names of those who signed in",
            arguments.user.trim()
        )));
    };
    let hours = config.auth.reset_hours;
    let (path, reset) = reset_link(account.id, None, hours);
    let event = AuditEvent {
        workspace: account.home_id(),
        subject: Some(Named::from(&account)),
        ..audit::on_this_machine(AuditAction::PasswordResetMade, Credential::CommandLine)
    };
    store.create_password_reset(reset, now_ms(), event).await?;
    store.close().await;
    println!("{}{path}", url(config, config.server.listen));
    eprintln!(
        "{} gives themselves another password there, once, within {hours} h. It signs them out everywhere.",
        account.name
    );
    Ok(())
}
