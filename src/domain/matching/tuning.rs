//! The constants of matching, each with its meaning. One set for every city and every instance.

/// What matching weighs. Times in seconds unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// From arriving at the pickup to holding the food, and the same again until the driver is back on the way.
    pub pickup_half_s: f64,
    /// From arriving at the door to handing over, and the same again until the driver is free.
    pub drop_half_s: f64,
    /// Time until the next decision: who need not leave before then waits.
    pub decision_interval_s: f64,
    /// Drivers take about this long to answer an offer, so it is made that much earlier.
    pub answer_s: f64,
    /// Drivers farther from the pickup than this many metres are not asked.
    pub radius_m: f64,
    /// Pickups nearer to each other than this many metres may share a trip even under different keys.
    pub shared_pickup_m: f64,
    /// Drivers weighed for one order.
    pub candidates_max: usize,
    /// Click-to-door that customers expect.
    pub target_s: f64,
    /// What each second beyond the target costs on top of itself.
    pub late_weight: f64,
    /// Click-to-door that stands for an order not delivered at all.
    pub undelivered_s: f64,
    /// A driver with the worst record counts as this much farther away, half of it for acceptance and half for punctuality.
    pub record_s: f64,
    /// The driver idle longest counts as this much nearer than one idle since now: only decides between equals.
    pub fairness_s: f64,
    /// Uncertain food is met this many standard deviations before it is expected.
    pub early_spreads: f64,
    /// Uncertain food must be expected this many standard deviations before the end of a driver's shift.
    pub off_spreads: f64,
    /// Steps of improvement one decision may try. A count, not a time: the same view gives the same plan on any machine.
    pub search_steps: usize,
}

impl Default for Tuning {
    /// What the live server uses.
    fn default() -> Self {
        Self {
            pickup_half_s: 60.0,
            drop_half_s: 60.0,
            decision_interval_s: 0.25,
            answer_s: 5.0,
            radius_m: 10_000.0,
            shared_pickup_m: 60.0,
            candidates_max: crate::limits::CANDIDATES_MAX,
            target_s: 40.0 * 60.0,
            late_weight: 0.2,
            undelivered_s: 120.0 * 60.0,
            record_s: 60.0,
            fairness_s: 15.0,
            early_spreads: 1.0,
            off_spreads: 1.5,
            search_steps: 20_000,
        }
    }
}
