//! The negative control: a fault behind a magic word, a length and a sum, each of which shows in coverage. Who does not see
//! coverage does not find it.

pub fn run(data: &[u8]) {
    let Some((magic, rest)) = data.split_at_checked(4) else { return };
    if magic != b"haya" {
        return;
    }
    let Some((length, rest)) = rest.split_at_checked(2) else { return };
    if usize::from(u16::from_be_bytes([length[0], length[1]])) != rest.len() || rest.len() < 6 {
        return;
    }
    let sum = rest.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    if sum == 0x5a && rest[0] > 0xf0 {
        panic!("the planted fault");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![vec![0; 16]]
}
