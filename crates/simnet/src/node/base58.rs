//! Base58 for instruction data. The usual implementation goes byte by byte and digit by digit, which for event batches of
//! a kilobyte costs more than everything else a node does; this one goes by four bytes and five digits.

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Base-58 digits that one limb holds.
const LIMB_DIGITS: usize = 5;
/// 58^5, below 2^32.
const LIMB_BASE: u64 = 656_356_768;

/// Appends the base58 text of `bytes`.
pub(crate) fn write(out: &mut Vec<u8>, bytes: &[u8]) {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    out.extend(std::iter::repeat_n(b'1', zeros));
    let limbs = limbs(&bytes[zeros..]);
    let mut digits = [0u8; LIMB_DIGITS];
    let mut leading = true;
    for limb in limbs.iter().rev() {
        let mut rest = *limb;
        for digit in digits.iter_mut().rev() {
            *digit = u8::try_from(rest % 58).expect("a remainder below 58");
            rest /= 58;
        }
        for digit in digits {
            leading &= digit == 0;
            if !leading {
                out.push(ALPHABET[usize::from(digit)]);
            }
        }
    }
}

/// The base58 text of `bytes`.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() * 7 / 5 + 1);
    write(&mut out, bytes);
    out.into_iter().map(char::from).collect()
}

/// The big-endian number as limbs of base 58^5, lowest first.
fn limbs(bytes: &[u8]) -> Vec<u64> {
    let mut limbs: Vec<u64> = Vec::with_capacity(bytes.len() / 3 + 1);
    let (first, rest) = bytes.split_at(bytes.len() % 4);
    for word in std::iter::once(first).chain(rest.chunks(4)) {
        let mut carry = word.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let shift = 8 * word.len();
        for limb in &mut limbs {
            let value = (*limb << shift) + carry;
            *limb = value % LIMB_BASE;
            carry = value / LIMB_BASE;
        }
        while carry > 0 {
            limbs.push(carry % LIMB_BASE);
            carry /= LIMB_BASE;
        }
    }
    limbs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_reference_implementation() {
        let mut seed = 7u64;
        let mut bytes = Vec::new();
        for length in 0..300 {
            for zeros in [0, 1, 5] {
                let data: Vec<u8> = std::iter::repeat_n(0, zeros.min(length)).chain(bytes.iter().copied().skip(zeros)).collect();
                assert_eq!(text(&data), bs58::encode(&data).into_string(), "{data:?}");
            }
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.push(seed.to_be_bytes()[0]);
        }
        assert_eq!(text(&[255; 64]), bs58::encode([255; 64]).into_string());
        assert_eq!(text(&[0; 32]), "1".repeat(32));
    }
}
