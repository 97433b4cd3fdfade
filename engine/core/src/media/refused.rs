//! Every reason for which something that came by datagram is not passed on, with its counter.

use super::bundle::Malformed;
use super::clock::ReplyVerdict;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Malformed(Malformed),
    /// No probe of the publisher was answered yet.
    ClockUnsynced,
    CaptureTimeOutOfRange,
    /// A unit: its short sequence cannot be extended.
    Unsynced,
    /// A unit: older than the window that tells repeats.
    Late,
    /// A probe reply that nobody asked for, or a request of who hears no such room.
    Unasked,
    /// A probe reply whose times contradict each other.
    Implausible,
    /// A bundle or probe reply of a session that does not publish.
    NotPublishing,
    UnknownType,
    /// From a trunk: an alias or a slot that it does not feed.
    NotFed,
    /// From a trunk: somebody publishes in this slot here.
    SlotTaken,
    /// From a trunk: of a publisher before the present one, or before the last one.
    OldGeneration,
    /// Of any type, over 1000 bytes: the relay warns its sender by this name.
    DatagramTooLarge,
    /// A unit: more than its publisher may have passed on.
    OverRate,
}

const NAMES: [&str; 24] = [
    "refused_not_a_bundle",
    "refused_truncated",
    "refused_reserved_bit",
    "refused_reserved_kind",
    "refused_slot_not_listed",
    "refused_empty_slot",
    "refused_no_unit",
    "refused_age_order",
    "refused_limit",
    "refused_duplicate_identity",
    "refused_trailing",
    "refused_clock_unsynced",
    "refused_capture_time_out_of_range",
    "refused_unsynced",
    "refused_late",
    "refused_unasked",
    "refused_implausible",
    "refused_not_publishing",
    "refused_unknown_type",
    "refused_not_fed",
    "refused_slot_taken",
    "refused_old_generation",
    "refused_datagram_too_large",
    "refused_over_rate",
];
const MALFORMED: usize = 11;

impl Refused {
    fn index(self) -> usize {
        match self {
            Refused::Malformed(why) => why as usize,
            Refused::ClockUnsynced => MALFORMED,
            Refused::CaptureTimeOutOfRange => MALFORMED + 1,
            Refused::Unsynced => MALFORMED + 2,
            Refused::Late => MALFORMED + 3,
            Refused::Unasked => MALFORMED + 4,
            Refused::Implausible => MALFORMED + 5,
            Refused::NotPublishing => MALFORMED + 6,
            Refused::UnknownType => MALFORMED + 7,
            Refused::NotFed => MALFORMED + 8,
            Refused::SlotTaken => MALFORMED + 9,
            Refused::OldGeneration => MALFORMED + 10,
            Refused::DatagramTooLarge => MALFORMED + 11,
            Refused::OverRate => MALFORMED + 12,
        }
    }

    /// The name in docs/protocol.md and the golden vectors.
    #[cfg(test)]
    pub fn code(self) -> &'static str {
        &NAMES[self.index()]["refused_".len()..]
    }

    /// None for a reply that was taken.
    pub fn of_reply(verdict: ReplyVerdict) -> Option<Refused> {
        match verdict {
            ReplyVerdict::Taken => None,
            ReplyVerdict::Unasked => Some(Refused::Unasked),
            ReplyVerdict::Implausible => Some(Refused::Implausible),
        }
    }
}

impl From<Malformed> for Refused {
    fn from(why: Malformed) -> Refused {
        Refused::Malformed(why)
    }
}

#[derive(Clone, Debug, Default)]
pub struct RefusedCounts([u64; NAMES.len()]);

impl RefusedCounts {
    pub fn add(&mut self, why: Refused, count: u64) {
        self.0[why.index()] += count;
    }

    pub fn merge(&mut self, more: &RefusedCounts) {
        for (count, more) in self.0.iter_mut().zip(more.0) {
            *count += more;
        }
    }

    /// Those that are not zero.
    pub fn append_to(&self, out: &mut Vec<(&'static str, f64)>) {
        let seen = NAMES.iter().zip(self.0).filter(|(_, count)| *count > 0);
        out.extend(seen.map(|(name, count)| (*name, count as f64)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_agree_with_the_parser() {
        use Malformed::*;
        let all = [
            NotABundle,
            Truncated,
            ReservedBit,
            ReservedKind,
            SlotNotListed,
            EmptySlot,
            NoUnit,
            AgeOrder,
            Limit,
            DuplicateIdentity,
            Trailing,
        ];
        assert_eq!(all.len(), MALFORMED);
        for why in all {
            assert_eq!(Refused::from(why).code(), why.code());
        }
        assert_eq!(Refused::ClockUnsynced.code(), "clock_unsynced");
        assert_eq!(Refused::UnknownType.code(), "unknown_type");
        assert_eq!(Refused::DatagramTooLarge.code(), "datagram_too_large");
        assert_eq!(Refused::OverRate.code(), "over_rate");
    }
}
