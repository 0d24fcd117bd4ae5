//! Topics: a message that is published reaches all sockets that subscribe to its topic, whichever loops they are on.
//!
//! * [`Directory`], one for a server: which topics there are, how many subscribe, and on which loops
//! * [`Broadcast`]: a message on its way to all of them, encoded once
//! * [`LoopTopics`], one for each loop: its subscribers, and the way from a [`Broadcast`] to each of them
//!
//! Who subscribes gets a [`Subscription`] of the directory first, which [`Subscriber::add`] keeps on the loop. It counts from
//! then on; dropping it ends it, wherever it is. How a broadcast gets to the loops, the directory leaves to others: whoever
//! hands subscriptions and broadcasts to a loop in one order has them take effect in that order.

mod broadcast;
mod directory;
mod interest;
mod members;
#[cfg(test)]
pub(super) mod tests;

pub use broadcast::Broadcast;
pub(super) use broadcast::Frames;
pub use directory::{Directory, Refusal, Subscription, TopicCounts, TopicLimits};
pub use interest::Interest;
pub use members::{Consumer, LoopTopics, Rest, Subscriber};
