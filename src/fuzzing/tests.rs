//! The bodies of the fuzz targets over the seeds in `fuzz/corpus`, as they are and changed at random.

use super::fixes;
use super::frames;
use super::tokens;
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;

/// Changed inputs of one case.
const INPUTS: usize = 8;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// One change of an input: what, where (a part of its length in 65536), and with what.
#[derive(Debug, Clone, Copy)]
struct Change {
    kind: u8,
    at: u16,
    with: u8,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (any::<u8>(), any::<u16>(), any::<u8>()).prop_map(|(kind, at, with)| Change { kind, at, with });
    prop::collection::vec(change, 0..6)
}

fn apply(mut input: Vec<u8>, changes: &[Change], other: &[u8]) -> Vec<u8> {
    for Change { kind, at, with } in changes {
        let place = |length: usize| usize::from(*at) * length / 65_536;
        let (here, there) = (place(input.len()), place(other.len()));
        match kind % 7 {
            0 if here < input.len() => input[here] ^= 1 << (with % 8),
            1 if here < input.len() => input[here] = *with,
            2 => input.insert(here, *with),
            3 => drop(input.drain(here..(here + usize::from(*with)).min(input.len()))),
            4 => {
                let piece = input[here..(here + usize::from(*with)).min(input.len())].to_vec();
                input.splice(here..here, piece);
            }
            5 => drop(input.splice(here.., other[there..].iter().copied())),
            _ => input.truncate(here.max(2)),
        }
    }
    input
}

/// Several changed inputs, made from any two seeds each.
fn inputs(target: &'static str) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let seeds = seeds(target);
    let two = (prop::sample::select(seeds.clone()), prop::sample::select(seeds));
    let input = (two, changes()).prop_map(|((one, other), changes)| apply(one, &changes, &other));
    prop::collection::vec(input, INPUTS)
}

#[test]
fn every_seed_keeps_the_promises() {
    for (target, body) in [("frames", frames as fn(&[u8])), ("fixes", fixes), ("tokens", tokens)] {
        let seeds = seeds(target);
        assert!(seeds.len() >= 5, "{target} has seeds");
        seeds.iter().for_each(|seed| body(seed));
    }
}

proptest! {
    #[test]
    fn frames_in_any_pieces_have_one_verdict(inputs in inputs("frames")) {
        inputs.iter().for_each(|input| frames(input));
    }

    #[test]
    fn fixes_of_any_text_stay_on_earth(inputs in inputs("fixes")) {
        inputs.iter().for_each(|input| fixes(input));
    }

    #[test]
    fn tokens_are_believed_only_when_signed_by_us(inputs in inputs("tokens")) {
        inputs.iter().for_each(|input| tokens(input));
    }

    #[test]
    fn bytes_of_any_kind_break_no_promise(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        frames(&bytes);
        fixes(&bytes);
        tokens(&bytes);
    }
}
