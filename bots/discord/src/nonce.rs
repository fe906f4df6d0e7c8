//! The nonce by which Discord recognizes a repeated post: our message ID and the part number, in at
//! most 25 characters.

use vine_domain::MessageId;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// 128 bits in digits of six bits.
const LENGTH: usize = 22;

/// Encodes a nonce.
pub fn write(id: MessageId, part: usize) -> String {
    let number = id.0.as_u128();
    let digit = |at: usize| char::from(DIGITS[((number >> (6 * at)) & 63) as usize]);
    format!("{}{part}", (0..LENGTH).map(digit).collect::<String>())
}

/// Decodes a nonce; `None` if it is not one of ours.
pub fn read(nonce: &str) -> Option<(MessageId, u32)> {
    let (id, part) = nonce.split_at_checked(LENGTH)?;
    let mut number = 0_u128;
    for (at, c) in id.bytes().enumerate() {
        let digit = DIGITS.iter().position(|digit| *digit == c)?;
        number |= (digit as u128) << (6 * at);
    }
    let message = format!("{number:032x}").parse().ok()?;
    Some((MessageId(message), part.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use vine_domain::uuid_of;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_short_enough() {
        for part in [0, 3, 99] {
            let id = MessageId(uuid_of(&format!("message {part}")));
            let nonce = write(id, part);
            assert!(nonce.len() <= 25, "{nonce}");
            assert_eq!(read(&nonce), Some((id, part as u32)));
        }
        assert_eq!((read("4711"), read("")), (None, None));
    }
}
