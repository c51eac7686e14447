//! A played instance in the library's three solution files: space separated, one header line each.

use super::day::Day;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

/// Writes the three files into a folder, which is made if need be.
pub fn write(folder: &Path, day: &Day<'_>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("solution_info_assignments.txt"), assignments(day))?;
    fs::write(folder.join("solution_info_orders.txt"), orders(day))?;
    fs::write(folder.join("solution_info_couriers.txt"), couriers(day))
}

/// One line a bundle: when it was given, when it was picked up, by whom, and its orders in the sequence of their drops.
fn assignments(day: &Day<'_>) -> String {
    let mut text = "assignment_time pickup_time courier orders\n".to_owned();
    for leg in day.legs.iter().filter(|leg| !leg.orders.is_empty()) {
        let courier = &day.instance.couriers[leg.courier].driver_id;
        let _ = write!(text, "{} {} {courier}", leg.left, leg.picked_up);
        for &order in &leg.orders {
            let _ = write!(text, " {}", day.instance.orders[order].order_id);
        }
        text.push('\n');
    }
    text
}

/// One line a delivered order.
fn orders(day: &Day<'_>) -> String {
    let mut text = "order placement_time ready_time pickup_time dropoff_time courier\n".to_owned();
    let mut lines = Vec::new();
    for leg in &day.legs {
        let courier = &day.instance.couriers[leg.courier].driver_id;
        for (&order, dropped) in leg.orders.iter().zip(&leg.dropped) {
            let row = &day.instance.orders[order];
            let (placed, ready, picked_up) = (row.placed, row.ready, leg.picked_up);
            lines.push((order, format!("{} {placed} {ready} {picked_up} {dropped} {courier}\n", row.order_id)));
        }
    }
    lines.sort();
    text.extend(lines.into_iter().map(|(_, line)| line));
    text
}

/// One line a leg of a courier's day; origin 0 is the start point.
fn couriers(day: &Day<'_>) -> String {
    let after_pickup = day.instance.parameters.pickup_service / 2;
    let after_drop = day.instance.parameters.drop_service / 2;
    let mut text = "courier departure_time origin destination\n".to_owned();
    for (courier, row) in day.instance.couriers.iter().enumerate() {
        let mut place = "0".to_owned();
        for leg in day.legs.iter().filter(|leg| leg.courier == courier) {
            let restaurant = &day.instance.restaurants[leg.restaurant].merchant_id;
            let _ = writeln!(text, "{} {} {place} {restaurant}", row.driver_id, leg.left);
            place = restaurant.to_string();
            let mut departure = leg.picked_up + after_pickup;
            for (&order, dropped) in leg.orders.iter().zip(&leg.dropped) {
                let order = &day.instance.orders[order].order_id;
                let _ = writeln!(text, "{} {departure} {place} {order}", row.driver_id);
                place = order.to_string();
                departure = dropped + after_drop;
            }
        }
    }
    text
}
