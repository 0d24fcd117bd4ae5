//! When a certificate is renewed, and when something is tried again.

use std::time::{Duration, SystemTime};

use super::validity::Validity;
use crate::config::Acme;

/// An authority that asks to be left alone for longer is asked again all the same: it may have been a mistake.
const LONGEST_REQUEST: Duration = Duration::from_secs(24 * 60 * 60);

/// When a certificate that is valid for `validity` is renewed.
pub(super) fn renewal(acme: &Acme, validity: Validity) -> SystemTime {
    let life = validity.life();
    let before = acme.renew_before.unwrap_or(life / 3).min(life / 2);
    validity.not_after - before
}

/// How long to wait after the `failures`th failure in a row.
pub(super) fn pause(acme: &Acme, failures: u32, asked: Option<Duration>) -> Duration {
    let doubled =
        2_u32.checked_pow(failures.saturating_sub(1)).and_then(|times| acme.retry.checked_mul(times));
    let own = doubled.map_or(acme.retry_max, |pause| pause.min(acme.retry_max));
    own.max(asked.unwrap_or_default().min(LONGEST_REQUEST))
}

#[cfg(test)]
mod tests {
    use super::super::stored::tests::acme;
    use super::*;

    fn validity(days: u64) -> Validity {
        let not_before = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        Validity { not_before, not_after: not_before + days_of(days) }
    }

    fn days_of(days: u64) -> Duration {
        Duration::from_secs(days * 24 * 60 * 60)
    }

    #[test]
    fn renews_when_a_third_is_left_and_never_in_the_first_half() {
        let mut acme = acme("/nowhere");
        let validity = validity(90);
        let day = |of: &Acme| renewal(of, validity).duration_since(validity.not_before).unwrap();
        assert_eq!(day(&acme), days_of(60));
        acme.renew_before = Some(days_of(10));
        assert_eq!(day(&acme), days_of(80));
        acme.renew_before = Some(days_of(365));
        assert_eq!(day(&acme), days_of(45));
    }

    #[test]
    fn waits_twice_as_long_each_time() {
        let mut acme = acme("/nowhere");
        (acme.retry, acme.retry_max) = (Duration::from_secs(120), Duration::from_secs(1000));
        let pauses = [1, 2, 3, 4, 5, 40, u32::MAX].map(|failures| pause(&acme, failures, None).as_secs());
        assert_eq!(pauses, [120, 240, 480, 960, 1000, 1000, 1000]);
        assert_eq!(pause(&acme, 1, Some(Duration::from_secs(7200))).as_secs(), 7200);
        assert_eq!(pause(&acme, 1, Some(Duration::from_secs(1))).as_secs(), 120);
        assert_eq!(pause(&acme, 1, Some(Duration::MAX)), days_of(1));
    }
}
