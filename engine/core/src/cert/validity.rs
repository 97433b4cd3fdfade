//! The validity of a certificate: the one thing that `serverCertificateHashes` asks of its DER beside the hash.

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// `notBefore` and `notAfter` in seconds since 1970. None for what is no certificate.
pub(crate) fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let (SEQUENCE, outer, _) = element(certificate)? else { return None };
    let (SEQUENCE, mut rest, _) = element(outer)? else { return None };
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    // Serial number, signature algorithm, issuer.
    for wanted in [INTEGER, SEQUENCE, SEQUENCE] {
        let (tag, _, after) = element(rest)?;
        if tag != wanted {
            return None;
        }
        rest = after;
    }
    let (SEQUENCE, times, _) = element(rest)? else { return None };
    let (tag, not_before, times) = element(times)?;
    let not_before = seconds(tag, not_before)?;
    let (tag, not_after, _) = element(times)?;
    Some((not_before, seconds(tag, not_after)?))
}

/// Tag, contents, and what follows. Lengths up to 65 535.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (length, at) = match *der.get(1)? {
        short @ 0..=0x7f => (usize::from(short), 2),
        0x81 => (usize::from(*der.get(2)?), 3),
        0x82 => (usize::from(*der.get(2)?) << 8 | usize::from(*der.get(3)?), 4),
        _ => return None,
    };
    Some((der[0], der.get(at..at + length)?, &der[at + length..]))
}

/// `YYMMDDhhmmssZ` (1950 to 2049) or `YYYYMMDDhhmmssZ`, the only forms that RFC 5280 section 4.1.2.5 allows.
fn seconds(tag: u8, text: &[u8]) -> Option<i64> {
    let (digits, b'Z') = (text.get(..text.len().checked_sub(1)?)?, *text.last()?) else { return None };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = number(&digits[..2]);
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (number(&digits[..4]), &digits[4..]),
        _ => return None,
    };
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|at| number(&rest[at..at + 2]));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(((days_to(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1970-01-01 in the Gregorian calendar. The year begins in March here, so that the leap day is its last.
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(from: (i32, u8, u8), to: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn dates_of_both_forms() {
        assert_eq!(validity(&made((1970, 1, 1), (2049, 12, 31))), Some((0, 2_524_521_600)));
        // Leap days, and years beyond the short form.
        assert_eq!(validity(&made((2024, 2, 29), (2100, 3, 1))), Some((1_709_164_800, 4_107_542_400)));
        assert_eq!(validity(&made((1950, 1, 1), (2050, 1, 1))), Some((-631_152_000, 2_524_608_000)));
        assert_eq!(seconds(UTC_TIME, b"261123063015Z"), Some(1_795_415_415));
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        let whole = made((2026, 1, 1), (2026, 1, 15));
        for end in 0..whole.len() {
            assert_eq!(validity(&whole[..end]), None, "cut at {end}");
        }
        for text in [&b"2611230630Z"[..], b"261123063015+0000", b"261323063015Z", b"26112306301xZ", b"Z", b""] {
            assert_eq!(seconds(UTC_TIME, text), None, "{text:?}");
        }
        // A changed byte anywhere gives other dates or none, never a panic.
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 0xff;
            let _ = validity(&other);
        }
    }
}
