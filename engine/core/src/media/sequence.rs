//! Short sequences made long, repeats told, losses counted: docs/protocol.md section 3.

use super::wire::*;

/// What becomes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    New,
    Duplicate,
    /// Older than the window: nobody knows whether it was seen.
    Late,
    /// A short sequence that cannot be extended.
    Unsynced,
    /// New, and more than its publisher may have passed on. The extender does not say so.
    OverRate,
}

/// State of one (slot, generation, kind).
#[derive(Clone, Debug, Default)]
pub struct SequenceExtender {
    /// Of the last unit offered; means nothing after `Unsynced`.
    pub extended: u32,
    /// The last unit offered began a new count: what came before says nothing of it.
    pub began: bool,
    pub received: u64,
    pub duplicate: u64,
    /// Sequences that left the window without having come.
    pub lost: u64,
    started: bool,
    last: u32,
    last_capture_us: u64,
    /// How many sequences after the first one were expected; only whether it is over the window matters.
    span: usize,
    /// Bit `sequence % 64`.
    seen: u64,
}

impl SequenceExtender {
    /// `sequence` has 32 bits when `full`, else the low 8; `capture_us` is modulo 2^48 in the sender's clock.
    pub fn offer(&mut self, sequence: u32, full: bool, capture_us: u64) -> Verdict {
        let gap_us = if self.started { signed48(capture_us.wrapping_sub(self.last_capture_us)) } else { 0 };
        let ahead;
        self.began = false;
        if full {
            self.extended = sequence;
            ahead = sequence.wrapping_sub(self.last) as i32;
            // A sender that began anew: behind in sequence, far ahead in time.
            if !self.started || (ahead <= 0 && gap_us > MAX_EXTEND_GAP_US) {
                return self.restart(capture_us);
            }
        } else {
            if !self.started || gap_us.abs() > MAX_EXTEND_GAP_US {
                return Verdict::Unsynced;
            }
            ahead = i32::from((sequence as u8).wrapping_sub(self.last as u8) as i8);
            self.extended = self.last.wrapping_add_signed(ahead);
        }
        let bit = 1u64 << (self.extended as usize % SEQUENCE_WINDOW);
        if ahead > 0 {
            self.advance(ahead as u32);
            self.last_capture_us = capture_us;
        } else if ahead <= -(SEQUENCE_WINDOW as i32) {
            return Verdict::Late;
        } else if self.seen & bit != 0 {
            self.duplicate += 1;
            return Verdict::Duplicate;
        }
        self.seen |= bit;
        self.received += 1;
        Verdict::New
    }

    fn restart(&mut self, capture_us: u64) -> Verdict {
        self.started = true;
        self.began = true;
        self.last = self.extended;
        self.last_capture_us = capture_us;
        self.span = 0;
        self.seen = 1 << (self.extended as usize % SEQUENCE_WINDOW);
        self.received += 1;
        Verdict::New
    }

    fn advance(&mut self, by: u32) {
        let steps = (by as usize).min(SEQUENCE_WINDOW);
        for step in 1..=steps {
            let bit = 1u64 << ((self.last as usize + step) % SEQUENCE_WINDOW);
            // What stood here is 64 back; before the first unit nothing was expected.
            if self.span + step > SEQUENCE_WINDOW && self.seen & bit == 0 {
                self.lost += 1;
            }
            self.seen &= !bit;
        }
        self.lost += u64::from(by) - steps as u64;
        self.span = (self.span + by as usize).min(SEQUENCE_WINDOW);
        self.last = self.extended;
    }
}
