//! Values at, inside and beyond the bounds of their ranges.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use daybook_domain::ClockTime;
use daybook_domain::value::{CLINIC_DAYS, Numbers, Text};

use crate::history::TestRng;

/// One value in this many is a hostile one, so that many commands have only one of them and some have none.
const RARITY: u32 = 30;

/// Texts that a view, a terminal, a browser or a spreadsheet cannot take.
const TEXTS: [&str; 26] = [
    "",
    " ",
    "\0",
    "a\0b",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{85}",
    "\u{9f}",
    "a\nb",
    "a\tb\r\n",
    "\u{2028}",
    "\u{202e}evil",
    "a\u{2066}b",
    "\u{200b}",
    "\u{feff}\u{2060}",
    "\u{ad}",
    "\u{3164}",
    "\u{fffe}",
    "\u{10ffff}",
    "\\u0000",
    "\"'\\",
    "=1+1",
    "(erased)",
    "null",
    "👩\u{200d}⚕\u{fe0f}",
    "e\u{301}\u{301}\u{301}",
];

pub(super) fn is_hostile(rng: &mut TestRng) -> bool {
    rng.below(RARITY) == 0
}

/// A text, mostly an allowed one.
pub(super) fn text(rng: &mut TestRng, allowed: Text) -> String {
    if !is_hostile(rng) {
        return format!("홍길동 {}", rng.below(1000));
    }
    match rng.below(4) {
        0 => "가".repeat(allowed.max),
        1 => "가".repeat(allowed.max + 1),
        2 => "x".repeat(allowed.min.saturating_sub(1)),
        _ => (*rng.pick(&TEXTS)).to_owned(),
    }
}

pub(super) fn optional_text(rng: &mut TestRng, allowed: Text) -> Option<String> {
    (rng.below(2) == 0).then(|| text(rng, allowed))
}

/// A number, mostly in its range.
pub(super) fn number(rng: &mut TestRng, allowed: Numbers) -> u32 {
    let Numbers { min, max, .. } = allowed;
    if !is_hostile(rng) {
        return min + rng.below(max.min(min + 100) - min + 1);
    }
    let below = min.checked_sub(1).unwrap_or(u32::MAX);
    *rng.pick(&[
        0,
        1,
        below,
        min,
        max,
        max.saturating_add(1),
        32_767,
        32_768,
        2_147_483_647,
        2_147_483_648,
        u32::MAX,
    ])
}

/// A date, mostly one around the clinic's day: on past days staff may record what they like.
pub(super) fn date(rng: &mut TestRng) -> NaiveDate {
    if !is_hostile(rng) {
        return "2026-11-12".parse::<NaiveDate>().unwrap() + TimeDelta::days(rng.below(60).into());
    }
    let edges =
        [CLINIC_DAYS.first, CLINIC_DAYS.last].map(|edge| [edge.pred_opt(), Some(edge), edge.succ_opt()]);
    let far = [
        "0000-01-01",
        "-0001-12-31",
        "-4713-01-01",
        "0001-01-01",
        "9999-12-31",
        "+10000-01-01",
        "+262000-01-01",
    ];
    let far = far.map(|text| text.parse().unwrap());
    let all: Vec<NaiveDate> =
        edges.into_iter().flatten().flatten().chain(far).chain([NaiveDate::MIN, NaiveDate::MAX]).collect();
    *rng.pick(&all)
}

pub(super) fn optional_date(rng: &mut TestRng) -> Option<NaiveDate> {
    (rng.below(4) == 0).then(|| date(rng))
}

/// An instant, mostly one of the past years.
pub(super) fn moment(rng: &mut TestRng) -> DateTime<Utc> {
    let usual =
        DateTime::from_timestamp(1_700_000_000 + i64::from(rng.below(50_000_000)), rng.below(1_000_000_000));
    if !is_hostile(rng) {
        return usual.unwrap();
    }
    let texts = [
        "1899-12-31T23:59:59.999999999Z",
        "1900-01-01T00:00:00Z",
        "2016-12-31T23:59:60.999999Z",
        "2026-11-20T23:59:59.999999999Z",
        "2199-12-31T23:59:59.999999999Z",
        "2200-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "-0044-03-15T12:00:00Z",
        "9999-12-31T23:59:59Z",
        "+10000-01-01T00:00:00Z",
    ];
    let far = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC];
    let all: Vec<DateTime<Utc>> = texts.iter().map(|text| text.parse().unwrap()).chain(far).collect();
    *rng.pick(&all)
}

/// A time of day, mostly one of the clinic's hours.
pub(super) fn time(rng: &mut TestRng) -> ClockTime {
    let usual = ["09:00", "10:00", "11:10", "14:00", "15:30", "16:20"];
    let edges = ["00:00", "00:30", "00:59", "01:00", "06:59", "12:00", "23:30", "23:59", "24:00"];
    let times = if is_hostile(rng) { &edges[..] } else { &usual[..] };
    rng.pick(times).parse().unwrap()
}

/// An id out of a few, so that commands meet.
pub(super) fn id(rng: &mut TestRng, prefix: &str, count: u32) -> String {
    format!("{prefix}{}", rng.below(count))
}
