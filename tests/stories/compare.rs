//! `beeline demo --compare`: one city on two nodes, told side by side.

use crate::support::beeline;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::BufReader;

/// Orders are carried at street speed; on a busy machine the first one takes its time.
const FIRST_DELIVERY: Duration = Duration::from_secs(150);

/// The number before `word` in what is told of a side.
fn count(told: &str, word: &str) -> Option<u64> {
    let words: Vec<&str> = told.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|other| *other == word)?;
    words.get(at.checked_sub(1)?)?.parse().ok()
}

#[tokio::test]
async fn both_policies_deliver_in_the_same_city() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "demo --compare --drivers 120 --orders-per-minute 60 --trip 5s --prep 0s --answer 1s --decline 0";
    let mut command = beeline(&arguments.split(' ').collect::<Vec<_>>());
    // Its data folders are temporary: here it is seen that they go.
    command.env("TMPDIR", folder.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut said, mut urls) = (String::new(), Vec::new());
    let both_deliver = async {
        loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).await.unwrap() > 0, "it ended early:\n{said}");
            said.push_str(&line);
            urls.extend(line.split_whitespace().filter(|word| word.starts_with("http://")).map(str::to_owned).take(1));
            let sides: Vec<&str> = line.split(" · ").skip(1).collect();
            let delivers = |side: &&str| count(side, "delivered").is_some_and(|count| count > 0);
            if sides.len() == 2 && sides.iter().all(delivers) {
                return;
            }
        }
    };
    tokio::time::timeout(FIRST_DELIVERY, both_deliver).await.expect("both sides deliver");
    assert_eq!(urls.len(), 2, "{said}");
    for url in urls {
        assert!(reqwest::get(url).await.unwrap().status().is_success());
    }
    let signalled = std::process::Command::new("kill").args(["-INT", &child.id().unwrap().to_string()]).status();
    assert!(signalled.unwrap().success());
    let mut rest = String::new();
    let ended = async {
        output.read_to_string(&mut rest).await.unwrap();
        child.wait().await.unwrap()
    };
    let status = tokio::time::timeout(Duration::from_secs(40), ended).await.expect("it ends");
    assert!(status.success(), "{said}{rest}");
    let row = |start: &str| {
        let found = rest.lines().find(|line| line.trim_start().starts_with(start));
        found.unwrap_or_else(|| panic!("no {start:?} in:\n{rest}")).split_whitespace().collect::<Vec<_>>()
    };
    assert!(row("after").ends_with(&["optimal", "nearest"]), "{rest}");
    let numbers =
        |start: &str| row(start)[row(start).len() - 2..].iter().map(|n| n.parse().unwrap()).collect::<Vec<u64>>();
    let placed = numbers("orders placed");
    assert!(placed[0].abs_diff(placed[1]) <= 5, "the same orders at the same moments: {placed:?}");
    assert!(numbers("delivered").iter().all(|delivered| *delivered > 0), "{rest}");
    assert_eq!(numbers("violations"), [0, 0], "{rest}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?} is left behind");
}
