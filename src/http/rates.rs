//! How often a principal may ask, over HTTP and sockets together: one budget for each class of requests.
//!
//! A budget belongs to the principal (role and subject), not to a connection or an address, so more sockets and forged
//! forwarding headers buy nothing. It refills steadily (GCRA, the generic cell rate algorithm) and holds at most one
//! window's worth. Services have none: they act for everybody.

use crate::config::CallerLimits;
use crate::config::Rate;
use crate::http::access::Class;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use governor::Quota;
use governor::RateLimiter;
use governor::clock::Clock;
use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

type Limiter = RateLimiter<String, DashMapStateStore<String>, DefaultClock, StateInformationMiddleware>;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");
/// The tier of a token that names none, or one that is not configured.
const NO_TIER: &str = "";

/// Every budget of the node.
#[derive(Default)]
pub struct Rates {
    /// By class, then by tier.
    budgets: BTreeMap<Class, BTreeMap<String, Budget>>,
}

struct Budget {
    rate: Rate,
    limiter: Limiter,
}

/// Where a principal stands with one budget, after a request was taken from it.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Which budget.
    pub class: Class,
    /// Requests in a window.
    pub quota: u32,
    /// Seconds of a window.
    pub window_s: u64,
    /// Requests that would be taken at once.
    pub remaining: u32,
    /// Seconds until one more is taken, where none would be; else until the budget has grown by one.
    pub reset_s: u64,
    /// Whether this one was taken.
    pub taken: bool,
}

impl Rates {
    /// The budgets of the settings.
    #[must_use]
    pub fn new(limits: &CallerLimits) -> Self {
        let rates = [
            (Class::Browse, limits.rate_browse),
            (Class::Search, limits.rate_search),
            (Class::Orders, limits.rate_orders),
        ];
        let limited = rates.into_iter().filter_map(|(class, rate)| Some((class, rate?)));
        let tiers = |rate: Rate| {
            let plain = std::iter::once((NO_TIER.to_owned(), 1));
            let named = limits.rate_tiers.iter().map(|(tier, factor)| (tier.clone(), *factor));
            plain.chain(named).map(|(tier, factor)| (tier, Budget::new(rate, factor))).collect()
        };
        Self { budgets: limited.map(|(class, rate)| (class, tiers(rate))).collect() }
    }

    /// Takes one request from a principal's budget; none where there is no limit.
    #[must_use]
    pub fn take(&self, who: &Principal, class: Class) -> Option<Standing> {
        if who.role == Role::Service {
            return None;
        }
        let tiers = self.budgets.get(&class)?;
        let budget = who.tier.as_deref().and_then(|tier| tiers.get(tier)).or_else(|| tiers.get(NO_TIER))?;
        Some(budget.take(class, &who.name()))
    }

    /// Forgets principals whose budgets are full again.
    pub fn sweep(&self) {
        for budget in self.budgets.values().flat_map(BTreeMap::values) {
            budget.limiter.retain_recent();
            budget.limiter.shrink_to_fit();
        }
    }
}

impl Budget {
    fn new(rate: Rate, factor: u32) -> Self {
        let count = NonZeroU32::new(rate.count.saturating_mul(factor)).unwrap_or(NonZeroU32::MIN);
        let step = (rate.per / count.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(step).unwrap_or(Quota::per_minute(count)).allow_burst(count);
        let limiter = RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>();
        Self { rate: Rate { count: count.get(), per: rate.per }, limiter }
    }

    fn take(&self, class: Class, name: &String) -> Standing {
        let standing = |taken, remaining, reset: Duration| Standing {
            class,
            quota: self.rate.count,
            window_s: self.rate.per.as_secs(),
            remaining,
            // Rounded up: who comes back then is taken.
            reset_s: reset.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX).max(1),
            taken,
        };
        match self.limiter.check_key(name) {
            Ok(state) => standing(true, state.remaining_burst_capacity(), self.rate.per / self.rate.count),
            Err(refused) => standing(false, 0, refused.wait_time_from(self.limiter.clock().now())),
        }
    }
}

impl Standing {
    /// The refusal, where it was not taken.
    ///
    /// # Errors
    /// `too_many`, with the seconds to wait.
    pub fn check(&self) -> Result<(), Problem> {
        if self.taken {
            return Ok(());
        }
        let (quota, window_s, class) = (self.quota, self.window_s, self.class.as_str());
        let detail =
            format!("At most {quota} requests of the class {class} in {window_s} s: try again in {} s.", self.reset_s);
        Err(Problem::new(Code::TooMany).detail(detail).retry_after(u32::try_from(self.reset_s).unwrap_or(u32::MAX)))
    }

    /// `RateLimit-Policy`, the budget and its window in seconds, and `RateLimit`, what is left of it and in how many
    /// seconds there is more (IETF draft "RateLimit header fields for HTTP").
    pub fn add_headers(&self, headers: &mut HeaderMap) {
        let class = self.class.as_str();
        let policy = format!("\"{class}\";q={};w={}", self.quota, self.window_s);
        let left = format!("\"{class}\";r={};t={}", self.remaining, self.reset_s);
        for (name, value) in [(POLICY, policy), (LEFT, left)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}
