//! What is known of the health of an application: the last results of its checks, and whether it is about to end.
//!
//! Whoever runs the checks reports; probes are answered from what was reported last, whatever the reporters do meanwhile.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::options::{HealthCheck, Probe};

/// Reports on behalf of somebody who is gone, until another one reports.
const INHERITED: u32 = u32::MAX;

/// Shared by the layers on all loops and by those who report. Probes are few and a report is short: it has a lock.
#[derive(Debug)]
pub struct Vitals {
    checks: Box<[HealthCheck]>,
    ending: Arc<AtomicBool>,
    reports: Mutex<Vec<Report>>,
}

#[derive(Clone, Copy, Debug)]
struct Report {
    source: u32,
    /// Position of the check.
    check: usize,
    passed: bool,
    at: Instant,
}

/// How a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// It passed, wherever it runs.
    Passed,
    /// It failed somewhere.
    Failed,
    /// A result is overdue: whoever runs it hangs.
    Late,
    /// There was no result yet.
    Pending,
}

impl CheckState {
    /// As answers and numbers have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Late => "late",
            Self::Pending => "pending",
        }
    }
}

impl Vitals {
    /// Without results. Readiness fails from when `ending` is set.
    pub fn new(checks: Vec<HealthCheck>, ending: Arc<AtomicBool>) -> Self {
        Self { checks: checks.into(), ending, reports: Mutex::default() }
    }

    /// Goes on with what `before` knows about checks of the same name, until they have results here.
    pub fn inherit(&self, before: &Self) {
        let known = before.lock().clone();
        let mut reports = self.lock();
        for report in known {
            let name = &before.checks[report.check].name;
            if let Some(check) = self.checks.iter().position(|check| check.name == *name) {
                reports.push(Report { source: INHERITED, check, ..report });
            }
        }
    }

    /// The last result of check number `check` by `source`; others of it stay. What is no check is ignored.
    pub fn report(&self, source: u32, check: usize, passed: bool) {
        if check >= self.checks.len() {
            return;
        }
        let mut reports = self.lock();
        reports.retain(|last| last.check != check || (last.source != source && last.source != INHERITED));
        reports.push(Report { source, check, passed, at: Instant::now() });
    }

    /// `source` runs no check any more.
    pub fn forget(&self, source: u32) {
        self.lock().retain(|last| last.source != source);
    }

    /// Every check with its state.
    pub fn checks(&self) -> Vec<(&HealthCheck, CheckState)> {
        let reports = self.lock();
        let now = Instant::now();
        self.checks.iter().enumerate().map(|(at, check)| (check, state(&reports, at, check, now))).collect()
    }

    /// Whether `probe` passes: no check of it is in any other state, and for readiness, the server is not about to end.
    pub fn passes(&self, probe: Probe) -> bool {
        if probe == Probe::Readiness && self.is_ending() {
            return false;
        }
        let reports = self.lock();
        let now = Instant::now();
        let asked = self.checks.iter().enumerate().filter(|(_, check)| check.probe == probe);
        asked.map(|(at, check)| state(&reports, at, check, now)).all(|state| state == CheckState::Passed)
    }

    /// Whether the server is about to end.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Report>> {
        // Nothing panics while the lock is held, so a poisoned state is still whole.
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn state(reports: &[Report], at: usize, check: &HealthCheck, now: Instant) -> CheckState {
    let lasts = check.interval.saturating_add(check.timeout);
    let mut state = CheckState::Pending;
    for report in reports.iter().filter(|report| report.check == at) {
        if !report.passed {
            return CheckState::Failed;
        }
        let is_late = now.saturating_duration_since(report.at) > lasts;
        state = if is_late || state == CheckState::Late { CheckState::Late } else { CheckState::Passed };
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn check(name: &str, probe: Probe, lasts: Duration) -> HealthCheck {
        HealthCheck { name: name.into(), probe, interval: lasts / 2, timeout: lasts / 2 }
    }

    const LONG: Duration = Duration::from_secs(1000);

    fn vitals(checks: Vec<HealthCheck>) -> Vitals {
        Vitals::new(checks, Arc::default())
    }

    fn states(vitals: &Vitals) -> Vec<CheckState> {
        vitals.checks().into_iter().map(|(_, state)| state).collect()
    }

    #[test]
    fn without_checks_it_is_ready_until_it_ends() {
        let ending = Arc::new(AtomicBool::new(false));
        let vitals = Vitals::new(Vec::new(), ending.clone());
        assert!(vitals.passes(Probe::Liveness) && vitals.passes(Probe::Readiness));
        ending.store(true, Relaxed);
        assert!(vitals.passes(Probe::Liveness) && !vitals.passes(Probe::Readiness));
    }

    #[test]
    fn every_check_has_to_pass_wherever_it_runs() {
        let vitals = vitals(vec![check("db", Probe::Readiness, LONG), check("loop", Probe::Liveness, LONG)]);
        let passes = || (vitals.passes(Probe::Liveness), vitals.passes(Probe::Readiness));
        assert_eq!((states(&vitals), passes()), (vec![CheckState::Pending; 2], (false, false)));
        vitals.report(1, 0, true);
        assert_eq!(passes(), (false, true));
        vitals.report(2, 0, false);
        assert_eq!((states(&vitals)[0], passes()), (CheckState::Failed, (false, false)));
        vitals.report(2, 0, true);
        vitals.report(1, 1, true);
        assert_eq!(passes(), (true, true));
        vitals.report(2, 0, false);
        vitals.forget(2);
        assert_eq!(passes(), (true, true));
        vitals.forget(1);
        assert_eq!(states(&vitals), [CheckState::Pending; 2]);
        vitals.report(1, 7, true);
        assert_eq!(states(&vitals), [CheckState::Pending; 2]);
    }

    #[test]
    fn a_result_counts_until_the_next_one_is_overdue() {
        let vitals =
            vitals(vec![check("db", Probe::Readiness, Duration::ZERO), check("x", Probe::Liveness, LONG)]);
        vitals.report(1, 0, true);
        vitals.report(1, 1, true);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(states(&vitals), [CheckState::Late, CheckState::Passed]);
        assert!(!vitals.passes(Probe::Readiness) && vitals.passes(Probe::Liveness));
        vitals.report(1, 0, false);
        assert_eq!(states(&vitals)[0], CheckState::Failed);
    }

    #[test]
    fn new_routes_go_on_with_what_is_known() {
        let before = vitals(vec![check("a", Probe::Readiness, LONG), check("b", Probe::Readiness, LONG)]);
        before.report(1, 0, true);
        before.report(1, 1, false);
        before.report(2, 1, true);
        let after = vitals(vec![check("b", Probe::Readiness, LONG), check("c", Probe::Readiness, LONG)]);
        after.inherit(&before);
        assert_eq!(states(&after), [CheckState::Failed, CheckState::Pending]);
        after.report(3, 0, true);
        assert_eq!(states(&after), [CheckState::Passed, CheckState::Pending]);
    }
}
