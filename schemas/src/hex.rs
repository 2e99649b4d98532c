//! Bytes as lower-case hexadecimal digits.

/// Two digits for each byte.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().flat_map(digits_of).map(char::from).collect()
}

/// The same without a heap, for what is written often: the digits of as many bytes as there are pairs of places for them.
pub fn encode_into<'a>(bytes: &[u8], digits: &'a mut [u8]) -> &'a str {
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&digits_of(byte));
    }
    std::str::from_utf8(digits).expect("digits are ASCII")
}

fn digits_of(byte: &u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// The bytes that these digits stand for; nothing, when they are not exactly so many, or not lower-case digits.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_back_and_others_are_refused() {
        assert_eq!(encode(&[0, 15, 0xa7]), "000fa7");
        assert_eq!(encode_into(&[0, 15, 0xa7], &mut [0; 6]), "000fa7");
        assert_eq!(decode("000fa7"), Some([0, 15, 0xa7]));
        for text in ["000fa", "000fa70", "000FA7", "000fg7", "ü0fa7"] {
            assert_eq!(decode::<3>(text), None, "{text}");
        }
    }
}
