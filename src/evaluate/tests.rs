//! The rules of the instances, checked by code that shares nothing with the player; tiny instances with known best days; malformed files.

use super::*;
use std::collections::HashMap;
use std::fs;
use tempfile::TempDir;

const PARAMETERS: &str = "meters_per_minute\tpickup service minutes\tdropoff service minutes\ttarget click-to-door\t\
    maximum click-to-door\tpay per order\tguaranteed pay per hour\n100\t4\t4\t40\t90\t10\t15\n";

/// An instance of these lines, in a folder of its own.
fn folder(orders: &[&str], couriers: &[&str], restaurants: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, head: &str, lines: &[&str]| {
        let text: String = [head].iter().chain(lines).map(|line| line.replace(' ', "\t") + "\n").collect();
        fs::write(folder.path().join(name), text).unwrap();
    };
    write("orders.txt", "order x y placement_time restaurant ready_time", orders);
    write("couriers.txt", "courier x y on_time off_time", couriers);
    write("restaurants.txt", "restaurant x y", restaurants);
    fs::write(folder.path().join("instance_parameters.txt"), PARAMETERS).unwrap();
    folder
}

/// Plays a folder and checks the solution it writes.
fn checked(options: &EvaluateOptions) -> Report {
    let out = tempfile::tempdir().unwrap();
    let options = EvaluateOptions { write_solution: Some(out.path().to_owned()), ..options.clone() };
    let report = run(&options, |_| ()).unwrap();
    for folder in instances(&options.folders).unwrap() {
        let solution = out.path().join(folder.file_name().unwrap());
        assert_eq!(breaches(&folder, &solution), Vec::<String>::new());
    }
    report
}

fn rows(path: &Path, separator: char) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(separator).map(str::to_owned).collect()).collect()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

/// Everything in a written solution that is against the rules of the instance.
fn breaches(instance: &Path, solution: &Path) -> Vec<String> {
    let places = |file: &str| -> HashMap<String, Vec<String>> {
        rows(&instance.join(file), '\t').into_iter().map(|row| (row[0].clone(), row)).collect()
    };
    let (orders, couriers, restaurants) = (places("orders.txt"), places("couriers.txt"), places("restaurants.txt"));
    let speed = number(&rows(&instance.join("instance_parameters.txt"), '\t')[0][0]);
    let at = |row: &[String]| (number(&row[1]), number(&row[2]));
    let travel = |a: (f64, f64), b: (f64, f64)| ((a.0 - b.0).hypot(a.1 - b.1) / speed).ceil();
    let told: HashMap<String, Vec<String>> =
        rows(&solution.join("solution_info_orders.txt"), ' ').into_iter().map(|row| (row[0].clone(), row)).collect();
    let legs = rows(&solution.join("solution_info_couriers.txt"), ' ');
    let mut found = Vec::new();
    let mut free: HashMap<&str, (f64, (f64, f64))> = HashMap::new();
    let mut delivered: HashMap<&str, usize> = HashMap::new();
    let mut bundles = rows(&solution.join("solution_info_assignments.txt"), ' ');
    bundles.sort_by(|a, b| number(&a[0]).total_cmp(&number(&b[0])));
    for bundle in &bundles {
        let (assigned, picked, courier) = (number(&bundle[0]), number(&bundle[1]), bundle[2].as_str());
        let mut wrong = |what: &str| found.push(format!("{what}: {}", bundle.join(" ")));
        let shift = &couriers[courier];
        let (from, place) = *free.entry(courier).or_insert((number(&shift[3]), at(shift)));
        let restaurant = &restaurants[&orders[&bundle[3]][4]];
        if assigned < from {
            wrong("sent while busy or before the shift");
        }
        if picked < assigned + travel(place, at(restaurant)) + 2.0 {
            wrong("picked up before they can be there");
        }
        if picked > number(&shift[4]) {
            wrong("picked up after the shift");
        }
        let leg = |from: &str, to: &str, when: f64| {
            legs.iter().any(|leg| leg[0] == courier && number(&leg[1]) == when && leg[2] == from && leg[3] == to)
        };
        let (mut now, mut place, mut name) = (picked + 2.0, at(restaurant), restaurant[0].clone());
        for id in &bundle[3..] {
            let order = &orders[id];
            if order[4] != restaurant[0] {
                wrong("orders of two restaurants");
            }
            if assigned < number(&order[3]) {
                wrong("used before it was placed");
            }
            if picked < number(&order[5]) {
                wrong("picked up before it was ready");
            }
            if !leg(&name, id, now) {
                wrong("a leg is missing");
            }
            let door = now + travel(place, at(order)) + 2.0;
            let says = told.get(id).map(|row| (number(&row[3]), number(&row[4]), row[5].as_str()));
            if says != Some((picked, door, courier)) {
                wrong("the order's own line says otherwise");
            }
            *delivered.entry(id.as_str()).or_default() += 1;
            (now, place, name) = (door + 2.0, at(order), id.clone());
        }
        free.insert(courier, (now, place));
    }
    found.extend(delivered.iter().filter(|(_, times)| **times > 1).map(|(id, _)| format!("{id} delivered twice")));
    if told.len() != delivered.len() {
        found.push("orders and assignments disagree".to_owned());
    }
    found
}

fn plain(folder: &TempDir) -> EvaluateOptions {
    EvaluateOptions::of(vec![folder.path().to_owned()])
}

#[test]
fn a_day_of_one_order_takes_what_the_rules_say() {
    // 10 minutes to the counter, ready at 30; pick up at 30, leave 32, 5 minutes, 2 to the door: 39.
    let day = folder(&["o1 500 0 10 r1 30"], &["c1 -1000 0 0 100"], &["r1 0 0"]);
    let total = checked(&plain(&day)).total;
    assert_eq!((total.undelivered, total.click_to_door, total.ready_to_pickup), (0, 29.0, 0.0));
    // 10 + 5 driven, 4 + 4 served, of a shift of 100; 25 for the hours against 10 for the order.
    assert!((total.utilisation - 0.23).abs() < 1e-9 && (total.cost_per_order - 25.0).abs() < 1e-9);
}

#[test]
fn an_order_nobody_can_reach_counts_as_two_hours() {
    let day = folder(&["o1 500 0 95 r1 101"], &["c1 0 0 0 100"], &["r1 0 0"]);
    let total = checked(&plain(&day)).total;
    assert_eq!((total.undelivered, total.penalised_click_to_door), (1, 120.0));
}

#[test]
fn the_best_known_day_of_tiny_instances_is_found() {
    let shared = ["o1 900 0 0 r1 10", "o2 1000 0 0 r1 10"];
    let cases = [
        // One courier and one restaurant: both in one trip, 10 + 2 + 9 + 2 = 23 and 23 + 2 + 1 + 2 = 28.
        (folder(&shared, &["c1 0 0 0 200"], &["r1 0 0"]), 25.5, 2.0),
        // Two couriers: one each, 23 and 24.
        (folder(&shared, &["c1 0 0 0 200", "c2 0 0 0 200"], &["r1 0 0"]), 23.5, 1.0),
        // The middle courier goes where the other has no other: 5 + 2 + 2 + 1 + 2 and 9 + 2 + 2 + 1 + 2.
        (
            folder(
                &["o1 0 100 0 r1 0", "o2 1000 100 0 r2 0"],
                &["c1 -900 0 0 99", "c2 450 0 0 99"],
                &["r1 0 0", "r2 1000 0"],
            ),
            (6.0 + 9.0) / 2.0 + 7.0,
            1.0,
        ),
    ];
    for (day, click_to_door, bundle) in cases {
        let total = checked(&plain(&day)).total;
        assert_eq!((total.click_to_door, total.orders_per_bundle), (click_to_door, bundle));
    }
}

/// One hides 20 minutes behind its mean of 25, the other 30.
#[test]
fn nothing_hidden_is_seen_before_its_time() {
    let open = |ready: [&str; 2]| {
        let orders = [format!("o1 0 500 0 r1 {}", ready[0]), format!("o2 0 900 0 r1 {}", ready[1])];
        let day = folder(&[&orders[0], &orders[1]], &["c1 100 0 0 200", "c2 200 0 0 200"], &["r1 0 0"]);
        Instance::read(day.path()).unwrap()
    };
    let (sooner, later) = (open(["20", "30"]), open(["30", "20"]));
    let (mut one, mut other) = (day::Day::new(&sooner, true), day::Day::new(&later, true));
    one.send(0, vec![0], 1);
    other.send(0, vec![0], 1);
    let seen = |day: &day::Day<'_>, now: i64| format!("{:?} {:?}", day.open_orders(now), day.candidates(now));
    for now in 2..20 {
        one.begin(now);
        other.begin(now);
        assert_eq!(seen(&one, now), seen(&other, now), "minute {now}");
    }
    one.begin(20);
    other.begin(20);
    assert_ne!(seen(&one, 20), seen(&other, 20));
}

#[test]
fn hidden_ready_times_declines_lapses_and_cells_keep_every_rule() {
    let orders: Vec<String> = (0..16)
        .map(|index| {
            let placed = index * 3;
            format!(
                "o{index} {} {} {placed} r{} {}",
                index * 97 % 3_000,
                index * 61 % 2_000,
                index % 7,
                placed + 5 + index * 7 % 30
            )
        })
        .collect();
    let couriers: Vec<String> =
        (0..5).map(|index| format!("c{index} {} 500 {} {}", index * 300, index * 9, 60 + index * 9)).collect();
    let restaurants: Vec<String> = (0..7).map(|index| format!("r{index} {} {}", index * 400, index * 250)).collect();
    let lines = |list: &'_ [String]| list.iter().map(|line| line.clone().leak() as &str).collect::<Vec<_>>();
    let day = folder(&lines(&orders), &lines(&couriers), &lines(&restaurants));
    let usual = plain(&day);
    let variants = [
        EvaluateOptions { only_means: true, ..usual.clone() },
        EvaluateOptions { decline: 0.3, timeout: 0.2, seed: 7, ..usual.clone() },
        EvaluateOptions { cells: true, match_radius_m: Some(5_000.0), ..usual.clone() },
        EvaluateOptions { policy: Policy::Nearest, ..usual.clone() },
        EvaluateOptions { only_means: true, decline: 1.0, ..usual.clone() },
    ];
    for options in &variants {
        let (first, again) = (checked(options).total, checked(options).total);
        assert_eq!(first.click_to_door, again.click_to_door, "the same seed, the same day");
        assert!(options.decline >= 1.0 || first.undelivered < 12, "{first:?}");
    }
}

#[test]
fn the_checker_catches_a_forged_solution() {
    let day = folder(&["o1 500 0 10 r1 30", "o2 600 0 12 r1 31"], &["c1 -1000 0 0 100"], &["r1 0 0"]);
    let forge = |from: &str, to: &str| {
        let out = tempfile::tempdir().unwrap();
        run(&EvaluateOptions { write_solution: Some(out.path().to_owned()), ..plain(&day) }, |_| ()).unwrap();
        let solution = out.path().join(day.path().file_name().unwrap());
        for entry in fs::read_dir(&solution).unwrap() {
            let path = entry.unwrap().path();
            fs::write(&path, fs::read_to_string(&path).unwrap().replace(from, to)).unwrap();
        }
        breaches(day.path(), &solution)
    };
    assert!(forge("zzz", "").is_empty());
    assert!(!forge(" 31 ", " 29 ").is_empty(), "picked up before it was ready");
    assert!(!forge("o2", "o1").is_empty(), "delivered twice");
}

#[test]
fn a_malformed_instance_is_named_by_file_and_line() {
    let good = (["o1 500 0 10 r1 30"], ["c1 0 0 0 100"], ["r1 0 0"]);
    let cases: [(&str, &str, &str); 7] = [
        ("o1 500 0 10 r9 30", "orders.txt:2", "`r9` is not in restaurants.txt"),
        ("o1 500 0 10 r1", "orders.txt:2", "expected 6 columns"),
        ("o1 x 0 10 r1 30", "orders.txt:2", "`x` is no x in metres"),
        ("o1 NaN 0 10 r1 30", "orders.txt:2", "is no x in metres"),
        ("o1 500 0 1.5 r1 30", "orders.txt:2", "whole minutes"),
        ("o{} 500 0 10 r1 30", "orders.txt:2", "an id is"),
        ("o1 500 0 99999999999999999999 r1 30", "orders.txt:2", "is no placement time"),
    ];
    for (line, place, reason) in cases {
        let error = run(&plain(&folder(&[line], &good.1, &good.2)), |_| ()).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains(reason), "{line}: {error}");
    }
    let twice = folder(&[good.0[0], good.0[0]], &good.1, &good.2);
    assert!(run(&plain(&twice), |_| ()).unwrap_err().to_string().contains("orders.txt:3"));
    fs::remove_file(twice.path().join("couriers.txt")).unwrap();
    let empty = tempfile::tempdir().unwrap();
    assert!(run(&plain(&empty), |_| ()).unwrap_err().to_string().contains("neither an instance"));
    let no_couriers = folder(&good.0, &[], &good.2);
    assert_eq!(checked(&plain(&no_couriers)).total.undelivered, 1);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_make_it_panic(junk in "[0-9a-z\t\n .eE+-]{0,120}", file in 0_usize..4) {
        let names = ["orders.txt", "couriers.txt", "restaurants.txt", "instance_parameters.txt"];
        let day = folder(&["o1 500 0 10 r1 30"], &["c1 0 0 0 100"], &["r1 0 0"]);
        fs::write(day.path().join(names[file]), format!("head\n{junk}")).unwrap();
        let _ = run(&plain(&day), |_| ());
    }
}

/// The shared public instances, where this machine has them.
fn shared(name: &str) -> Option<PathBuf> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mdrp");
    let folder = std::env::var_os("BEELINE_MDRP").map_or_else(usual, PathBuf::from).join(name);
    if !Instance::is_at(&folder) {
        println!("SKIPPED: {} is not there; set BEELINE_MDRP to the folder of the public instances", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn a_public_instance_stays_near_its_exact_optimum() {
    let Some(folder) = shared("0o50t75s2p100") else { return };
    let total = checked(&EvaluateOptions::of(vec![folder])).total;
    // The exact clairvoyant optimum is 26.83, plain matching 27.16.
    assert!(total.undelivered == 0 && total.click_to_door < 26.83 * 1.012, "{total:?}");
}
