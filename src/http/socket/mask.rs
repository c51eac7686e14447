//! The mask of a frame (RFC 6455, section 5.3), taken off a copy of what passes; the frame itself goes on as it came.

const MASK_BYTES: usize = 4;
/// Bytes unmasked at a time.
pub(super) const PIECE_BYTES: usize = 512;

/// The mask of the frame under way.
#[derive(Default)]
pub(super) struct Mask {
    key: [u8; MASK_BYTES],
    key_have: usize,
    /// Where in the key the next byte of payload stands.
    turn: usize,
}

impl Mask {
    /// Takes the key from the beginning of a frame, whatever pieces that comes in; what is left is payload.
    pub(super) fn take_key<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (key, payload) = bytes.split_at(bytes.len().min(MASK_BYTES - self.key_have));
        self.key[self.key_have..][..key.len()].copy_from_slice(key);
        self.key_have += key.len();
        payload
    }

    /// Unmasks the next at most [`PIECE_BYTES`] of payload into `room`.
    pub(super) fn take_off<'a>(&mut self, piece: &[u8], room: &'a mut [u8; PIECE_BYTES]) -> &'a [u8] {
        let mut key = self.key;
        key.rotate_left(self.turn);
        self.turn = (self.turn + piece.len()) % MASK_BYTES;
        room[..piece.len()].copy_from_slice(piece);
        // Whole keys, past the end of the piece: there is room, and no odd bytes are left over.
        for four in room[..piece.len().next_multiple_of(MASK_BYTES)].chunks_exact_mut(MASK_BYTES) {
            for (byte, key) in four.iter_mut().zip(key) {
                *byte ^= key;
            }
        }
        &room[..piece.len()]
    }
}
