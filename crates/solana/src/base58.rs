//! Base58 of long payloads. The cost of a conversion between bases grows with the square of the length, and the payloads of
//! instructions are long: ten characters are taken at once, into limbs of 64 bits.

/// Characters taken at once: 58^10 is the largest power that fits in a limb.
const CHUNK: usize = 10;

/// Value of each character of Bitcoin's alphabet; `NONE` for all others.
const VALUES: [u8; 256] = {
    let alphabet = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < alphabet.len() {
        values[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    values
};
const NONE: u8 = u8::MAX;

/// The bytes of a base58 text; the error names the character that is none.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, bs58::decode::Error> {
    let zeros = text.bytes().take_while(|byte| *byte == b'1').count();
    // Least significant first.
    let mut limbs: Vec<u64> = Vec::with_capacity(text.len() / CHUNK + 1);
    for chunk in text.as_bytes()[zeros..].chunks(CHUNK) {
        let (mut factor, mut carry) = (1_u64, 0_u64);
        for byte in chunk {
            let value = VALUES[usize::from(*byte)];
            if value == NONE {
                return bs58::decode(text).into_vec();
            }
            factor *= 58;
            carry = carry * 58 + u64::from(value);
        }
        for limb in &mut limbs {
            let sum = u128::from(*limb) * u128::from(factor) + u128::from(carry);
            (*limb, carry) = (sum as u64, (sum >> 64) as u64);
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut bytes = vec![0; zeros];
    let digits: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    let leading = digits.iter().take_while(|byte| **byte == 0).count();
    bytes.extend_from_slice(&digits[leading..]);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, any, proptest};

    use super::*;

    #[test]
    fn texts_of_the_draft() {
        // draft-msporny-base58-03, test vectors; the rest are borders.
        let cases: &[(&str, &[u8])] = &[
            ("2NEpo7TZRRrLZSi2U", b"Hello World!"),
            ("USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z", b"The quick brown fox jumps over the lazy dog."),
            ("11233QC4", &[0, 0, 0x28, 0x7f, 0xb4, 0xcd]),
            ("", &[]),
            ("1", &[0]),
            ("2", &[1]),
        ];
        for (text, bytes) in cases {
            assert_eq!(decode(text).as_deref(), Ok(*bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_base58_is_refused() {
        for text in ["0", "1O", "Il", "2NEpo7TZRRrLZSi2U ", "é", "2222222222222222222222222222+"] {
            assert!(decode(text).is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

        #[test]
        fn bytes_come_back(zeros in 0..4_usize, tail in vec(any::<u8>(), 0..700)) {
            let bytes = [vec![0; zeros], tail].concat();
            assert_eq!(decode(&bs58::encode(&bytes).into_string()), Ok(bytes));
        }

        #[test]
        fn any_text_is_read_as_the_library_reads_it(text in "[1-9A-HJ-NP-Za-km-z0OIl]{0,60}") {
            assert_eq!(decode(&text), bs58::decode(&text).into_vec());
        }
    }
}
