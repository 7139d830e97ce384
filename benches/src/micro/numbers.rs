//! Arithmetic of amounts, beside plain 128-bit integers.

use perpdex_core::Decimal;

use super::Step;

/// Prices and sizes as venues print them: text of a book, 18 and 30 digits of contracts.
const TEXTS: &[(&str, &str)] = &[
    ("67123.5", "0.01234"),
    ("3012.25", "12.5"),
    ("0.00001234", "1500000"),
    ("67123.456789012345678901234567", "0.012345678901234567"),
    ("1.000034500000000000000000000000", "2500.500000000000000000"),
];

const TIMES: u64 = 200;

pub(super) fn steps() -> Vec<Step> {
    let items = TEXTS.len() as u64 * TIMES;
    let parsed: Vec<(Decimal, Decimal)> = TEXTS.iter().map(|(price, size)| (decimal(price), decimal(size))).collect();
    let notionals = move || {
        let one = |(price, size): &(Decimal, Decimal)| {
            let notional = std::hint::black_box(price).mul(std::hint::black_box(size)).and_then(|notional| notional.to_i64(6));
            notional.unwrap_or_default() as u64
        };
        (0..TIMES).map(|_| parsed.iter().map(one).fold(0, u64::wrapping_add)).fold(0, u64::wrapping_add)
    };
    let plain = |(a, b): (u64, u64)| (u128::from(a) * u128::from(b) / 1_000_000) as u64;
    let products = move || (0..items).map(|i| plain(std::hint::black_box((67_123_500_000 + i, 12_340)))).fold(0, u64::wrapping_add);
    let read = || {
        let one = |(price, size): &(&str, &str)| u64::from(decimal(price).scale + decimal(size).scale);
        (0..TIMES).map(|_| TEXTS.iter().map(|texts| one(std::hint::black_box(texts))).sum::<u64>()).sum()
    };
    let doubles = || {
        let one = |(price, size): &(&str, &str)| (price.parse::<f64>().unwrap_or(0.0) + size.parse::<f64>().unwrap_or(0.0)).to_bits();
        (0..TIMES).map(|_| TEXTS.iter().map(|texts| one(std::hint::black_box(texts))).fold(0, u64::wrapping_add)).fold(0, u64::wrapping_add)
    };
    vec![
        Step {
            name: "price times size to micro-dollars",
            limit_name: "128-bit product and quotient",
            items,
            unit: "product",
            run: Box::new(notionals),
            limit: Box::new(products),
        },
        Step {
            name: "decimal text to exact number",
            limit_name: "text to double",
            items: 2 * items,
            unit: "number",
            run: Box::new(read),
            limit: Box::new(doubles),
        },
    ]
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).expect("the texts are decimals")
}
