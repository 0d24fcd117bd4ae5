//! Certificates that the server gets by itself (RFC 8555), from a thread of its own.
//!
//! * `keeper` is the thread, `kept` one certificate: what is due, what comes of it, and when again
//! * `order` is the way from an account to a certificate; `account` remembers who we are
//! * `http` carries requests to the authority, blocking; `block_on` drives the futures around it
//! * `challenges` has what the authority looks for while it makes sure of us, in handshakes (RFC 8737) and in requests
//! * `storage` is the folder in which all of it outlives the process; `stored` reads certificates from there
//! * `validity` and `schedule` say when a certificate ends, and when something is tried again
//! * `status` is what the statistics show

mod account;
mod block_on;
mod challenges;
mod failure;
mod http;
mod keeper;
mod kept;
mod order;
mod patience;
mod schedule;
mod status;
mod storage;
mod stored;
mod validity;

pub use challenges::{Challenges, TOKENS_BELOW};
pub use keeper::Keeper;
pub use status::{AcmeState, AcmeStatus};
pub(super) use stored::Stored;
