//! Who we are for an authority: made once, then remembered.

use instant_acme::{Account, AccountCredentials, NewAccount};
use serde::{Deserialize, Serialize};

use super::block_on::block_on;
use super::failure::Failure;
use super::http::Http;
use super::order::again;
use super::storage::Storage;
use crate::config::Acme;

/// `account.json`.
#[derive(Deserialize, Serialize)]
struct Kept {
    email: Option<String>,
    credentials: AccountCredentials,
}

/// The account that is remembered, or a new one.
pub(super) fn open(acme: &Acme, storage: &Storage, http: &Http) -> Result<Account, Failure> {
    let io = |e: std::io::Error| Failure::new(format!("the account cannot be kept: {e}"));
    let kept = storage.account().map_err(io)?;
    let contact = acme.email.as_ref().map(|email| format!("mailto:{email}"));
    let contact: Vec<_> = contact.iter().map(String::as_str).collect();
    // One that cannot be read is no account any more.
    let Some(kept) = kept.and_then(|json| serde_json::from_slice::<Kept>(&json).ok()) else {
        let new =
            NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = again(|| {
            let builder = Account::builder_with_http(Box::new(http.clone()));
            block_on(builder.create(&new, acme.directory.clone(), None))
        })?;
        keep(acme, storage, &credentials).map_err(io)?;
        return Ok(account);
    };
    let builder = Account::builder_with_http(Box::new(http.clone()));
    let json = serde_json::to_value(&kept.credentials).and_then(serde_json::from_value);
    let credentials: AccountCredentials = json.map_err(|e| Failure::new(e.to_string()))?;
    let account = block_on(builder.from_credentials(credentials))?;
    if kept.email != acme.email {
        again(|| block_on(account.update_contacts(&contact)))?;
        keep(acme, storage, &kept.credentials).map_err(io)?;
    }
    Ok(account)
}

fn keep(acme: &Acme, storage: &Storage, credentials: &AccountCredentials) -> std::io::Result<()> {
    #[derive(Serialize)]
    struct Keeping<'a> {
        email: &'a Option<String>,
        credentials: &'a AccountCredentials,
    }
    storage.keep_account(&serde_json::to_vec(&Keeping { email: &acme.email, credentials })?)
}
