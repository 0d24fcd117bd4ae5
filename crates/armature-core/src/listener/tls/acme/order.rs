//! One certificate: order, proofs, request, certificate (RFC 8555 section 7.4).

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use super::account;
use super::block_on::block_on;
use super::challenges::{Challenges, Offer};
use super::failure::Failure;
use super::http::Http;
use super::patience::Patience;
use super::storage::Storage;
use crate::config::{Acme, AcmeChallenge};

/// What an authority finds wrong with a nonce is no fault of the request (RFC 8555 section 6.5): it is sent again that often, each time
/// with the three attempts that the client makes by itself.
const NONCE_ATTEMPTS: u32 = 5;
/// Between two questions whether the authority has come to a conclusion, if it does not say how long that takes.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Obtains a certificate: its key and its chain, in PEM.
pub(super) fn obtain(
    acme: &Acme,
    storage: &Storage,
    challenges: &Arc<Challenges>,
    patience: &Patience,
) -> Result<String, Failure> {
    let http = Http::new(acme, patience).map_err(|e| Failure::new(e.to_string()))?;
    let ordered = run(acme, storage, challenges, patience, &http);
    let ordered = match ordered {
        Err(failure) if failure.is("accountDoesNotExist") => {
            // The authority has lost it, or it was another one's.
            storage.forget_account().map_err(|e| Failure::new(e.to_string()))?;
            run(acme, storage, challenges, patience, &http)
        }
        ordered => ordered,
    };
    ordered.map_err(|mut failure| match patience.left() {
        Err(over) if over.stopped => over,
        _ => {
            failure.retry_after = http.retry_after();
            failure.while_doing("no certificate was obtained")
        }
    })
}

fn run(
    acme: &Acme,
    storage: &Storage,
    challenges: &Arc<Challenges>,
    patience: &Patience,
    http: &Http,
) -> Result<String, Failure> {
    let account = account::open(acme, storage, http).map_err(|e| e.while_doing("the account"))?;
    let order = Ordering { acme, patience, http };
    let mut pending = order.begin(&account)?;
    let offers = order.prove(&mut pending, challenges)?;
    if order.settle(&mut pending, |status| status != OrderStatus::Pending)? == OrderStatus::Invalid {
        return Err(order.refusal(&mut pending));
    }
    drop(offers);
    let (key, request) = request(acme).map_err(|e| Failure::new(format!("no request can be made: {e}")))?;
    if pending.state().status == OrderStatus::Ready {
        again(|| block_on(pending.finalize_csr(&request))).map_err(|e| e.while_doing("the request"))?;
    }
    let over = |status| matches!(status, OrderStatus::Valid | OrderStatus::Invalid);
    if !over(pending.state().status) {
        order.settle(&mut pending, over)?;
    }
    let chain = again(|| block_on(pending.certificate())).map_err(|e| e.while_doing("the certificate"))?;
    let chain = chain.ok_or_else(|| Failure::new("the authority gave no certificate"))?;
    Ok(format!("{key}{chain}"))
}

/// An order in progress.
struct Ordering<'a> {
    acme: &'a Acme,
    patience: &'a Patience,
    http: &'a Http,
}

impl Ordering<'_> {
    fn begin(&self, account: &Account) -> Result<Order, Failure> {
        let names: Vec<_> = self.acme.domains.iter().map(|domain| Identifier::Dns(domain.clone())).collect();
        again(|| block_on(account.new_order(&NewOrder::new(&names)))).map_err(|e| e.while_doing("the order"))
    }

    /// Offers a proof for each name that needs one, and tells the authority to look.
    fn prove(&self, order: &mut Order, challenges: &Arc<Challenges>) -> Result<Vec<Offer>, Failure> {
        let mut offers = Vec::new();
        let mut index = 0;
        // Those that are known are not asked for again.
        while let Some(offer) = again(|| block_on(self.prove_one(order, index, challenges)))? {
            offers.push(offer);
            index += 1;
        }
        Ok(offers.into_iter().flatten().collect())
    }

    /// Proves the name number `index`: `None` when there are not that many, nothing inside when it is proven already.
    async fn prove_one(
        &self,
        order: &mut Order,
        index: usize,
        challenges: &Arc<Challenges>,
    ) -> Result<Option<Option<Offer>>, Error> {
        let mut authorizations = order.authorizations();
        for _ in 0..index {
            authorizations.next().await.transpose()?;
        }
        let Some(mut authorization) = authorizations.next().await.transpose()? else { return Ok(None) };
        if authorization.status == AuthorizationStatus::Valid {
            return Ok(Some(None));
        }
        let name = authorization.identifier().to_string();
        let kind = match self.acme.challenge {
            AcmeChallenge::TlsAlpn => ChallengeType::TlsAlpn01,
            AcmeChallenge::Http => ChallengeType::Http01,
        };
        let Some(mut challenge) = authorization.challenge(kind) else {
            return Err(Error::Other(
                format!("the authority does not offer this challenge for {name}").into(),
            ));
        };
        let proof = challenge.key_authorization();
        let offer = match self.acme.challenge {
            AcmeChallenge::TlsAlpn => challenges
                .offer_handshake(&name, proof.digest().as_ref())
                .map_err(|e| Error::Other(e.to_string().into()))?,
            AcmeChallenge::Http => challenges.offer_request(&challenge.token, proof.as_str()),
        };
        challenge.set_ready().await?;
        Ok(Some(Some(offer)))
    }

    /// Asks until the order is in a state that `enough` likes, or in one that it does not leave again.
    fn settle(
        &self,
        order: &mut Order,
        enough: impl Fn(OrderStatus) -> bool,
    ) -> Result<OrderStatus, Failure> {
        let mut pause = FIRST_PAUSE;
        loop {
            let asked = self.http.retry_after().unwrap_or_default().min(LONGEST_PAUSE);
            self.patience.wait(pause.max(asked)).map_err(|e| e.while_doing("waiting for the authority"))?;
            let status = again(|| block_on(async { Ok(order.refresh().await?.status) }))?;
            if enough(status) {
                return Ok(status);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Why the authority does not believe us.
    fn refusal(&self, order: &mut Order) -> Failure {
        let mut reasons = Vec::new();
        let mut index = 0;
        while let Ok(Some(reason)) = again(|| block_on(reason(order, index))) {
            reasons.extend(reason);
            index += 1;
        }
        if reasons.is_empty() {
            let error = order.state().error.as_ref().map(ToString::to_string);
            reasons.push(error.unwrap_or_else(|| "without a reason".into()));
        }
        Failure::new(format!("the authority refused: {}", reasons.join("; ")))
    }
}

/// What was wrong with the name number `index`.
async fn reason(order: &mut Order, index: usize) -> Result<Option<Option<String>>, Error> {
    let mut authorizations = order.authorizations();
    for _ in 0..index {
        authorizations.next().await.transpose()?;
    }
    let Some(authorization) = authorizations.next().await.transpose()? else { return Ok(None) };
    let error = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
    Ok(Some(error.map(|error| format!("{}: {error}", authorization.identifier()))))
}

/// A new key, in PEM, and the request for a certificate for it, in DER.
fn request(acme: &Acme) -> Result<(String, Vec<u8>), rcgen::Error> {
    let mut params = CertificateParams::new(acme.domains.clone())?;
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate()?;
    let request = params.serialize_request(&key)?;
    Ok((key.serialize_pem(), request.der().to_vec()))
}

/// Does `what`, again as long as nothing but its nonce is wrong.
pub(super) fn again<T>(mut what: impl FnMut() -> Result<T, Error>) -> Result<T, Failure> {
    let mut attempts = 1;
    loop {
        match what().map_err(Failure::from) {
            Err(failure) if failure.is("badNonce") && attempts < NONCE_ATTEMPTS => attempts += 1,
            done => return done,
        }
    }
}
