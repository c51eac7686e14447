//! An instance of the Meal Delivery Routing Problem as its folder holds it: four tab separated files with one header line each.

use crate::domain::ids::DriverId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OrderId;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

/// Most lines a file may have; the largest published instance has under 3,000.
const LINES_MAX: usize = 100_000;
/// Coordinates and times beyond this are no city and no day.
const NUMBER_MAX: f64 = 10_000_000.0;

/// A point in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Metres east.
    pub x: f64,
    /// Metres north.
    pub y: f64,
}

/// An order. Times in whole minutes of the day.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderRow {
    /// Its name.
    pub order_id: OrderId,
    /// The customer's door.
    pub door: Point,
    /// When it becomes known.
    pub placed: i64,
    /// Index of its restaurant.
    pub restaurant: usize,
    /// When it can be picked up.
    pub ready: i64,
}

/// A courier. Times in whole minutes of the day.
#[derive(Debug, Clone, PartialEq)]
pub struct CourierRow {
    /// Their name.
    pub driver_id: DriverId,
    /// Where they start.
    pub start: Point,
    /// When their shift begins.
    pub on: i64,
    /// The last minute they may pick up.
    pub off: i64,
}

/// A restaurant.
#[derive(Debug, Clone, PartialEq)]
pub struct RestaurantRow {
    /// Its name.
    pub merchant_id: MerchantId,
    /// Its counter.
    pub at: Point,
}

/// `instance_parameters.txt`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Speed.
    pub metres_per_minute: f64,
    /// Minutes at the pickup, half before the food is taken and half after.
    pub pickup_service: i64,
    /// Minutes at the door, half before the food is handed over and half after.
    pub drop_service: i64,
    /// Click-to-door in minutes that counts as in time.
    pub target: i64,
    /// Pay of a courier for an order.
    pub pay_per_order: f64,
    /// Least pay of a courier for an hour.
    pub pay_per_hour: f64,
}

/// One day of one city.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Name of its folder.
    pub name: String,
    /// All orders.
    pub orders: Vec<OrderRow>,
    /// All couriers.
    pub couriers: Vec<CourierRow>,
    /// All restaurants.
    pub restaurants: Vec<RestaurantRow>,
    /// Speed, service times, pay.
    pub parameters: Parameters,
}

/// What is wrong with an instance, and where.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{file}:{line}: {reason}")]
pub struct InstanceError {
    /// The file.
    pub file: String,
    /// Its line, from 1; 0: the file as a whole.
    pub line: usize,
    /// What was expected.
    pub reason: String,
}

/// The lines of one file, split at tabs.
struct Table {
    file: String,
    rows: Vec<(usize, Vec<String>)>,
}

impl Table {
    fn read(folder: &Path, name: &str, columns: usize) -> Result<Self, InstanceError> {
        let path = folder.join(name);
        let file = path.display().to_string();
        let wrong = |line, reason: String| InstanceError { file: file.clone(), line, reason };
        let bytes = fs::read(&path).map_err(|error| wrong(0, error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong(0, "is not UTF-8 text".to_owned()))?;
        let mut rows = Vec::new();
        for (index, line) in text.lines().enumerate().skip(1) {
            if line.trim().is_empty() {
                continue;
            }
            if index > LINES_MAX {
                return Err(wrong(index + 1, format!("more than {LINES_MAX} lines")));
            }
            let cells: Vec<String> = line.split('\t').map(|cell| cell.trim().to_owned()).collect();
            if cells.len() != columns {
                let reason = format!("expected {columns} columns separated by tabs, found {}", cells.len());
                return Err(wrong(index + 1, reason));
            }
            rows.push((index + 1, cells));
        }
        Ok(Self { file, rows })
    }

    fn wrong(&self, line: usize, reason: impl Into<String>) -> InstanceError {
        InstanceError { file: self.file.clone(), line, reason: reason.into() }
    }

    fn cells(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row { table: self, line: *line, cells })
    }
}

struct Row<'t> {
    table: &'t Table,
    line: usize,
    cells: &'t [String],
}

impl Row<'_> {
    fn wrong(&self, reason: impl Into<String>) -> InstanceError {
        self.table.wrong(self.line, reason)
    }

    fn read<T: FromStr>(&self, column: usize, what: &str) -> Result<T, InstanceError> {
        let text = &self.cells[column];
        text.parse().map_err(|_| self.wrong(format!("`{text}` is no {what}")))
    }

    fn number(&self, column: usize, what: &str) -> Result<f64, InstanceError> {
        let number: f64 = self.read(column, what)?;
        let sound = number.is_finite() && number.abs() <= NUMBER_MAX;
        if sound { Ok(number) } else { Err(self.wrong(format!("`{number}` is no {what}"))) }
    }

    fn minutes(&self, column: usize, what: &str) -> Result<i64, InstanceError> {
        // Published times are whole; some files write them with a decimal point.
        let number = self.number(column, what)?;
        #[allow(clippy::cast_possible_truncation)]
        let whole = number as i64;
        let sound = number.fract() == 0.0 && (-100_000..=100_000).contains(&whole);
        if sound { Ok(whole) } else { Err(self.wrong(format!("`{number}` is no {what} in whole minutes of a day"))) }
    }

    fn point(&self, column: usize) -> Result<Point, InstanceError> {
        Ok(Point { x: self.number(column, "x in metres")?, y: self.number(column + 1, "y in metres")? })
    }
}

impl Instance {
    /// Reads the four files of a folder.
    pub fn read(folder: &Path) -> Result<Self, InstanceError> {
        let name =
            folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into());
        let parameters = parameters(folder)?;
        let (restaurants, index_of) = restaurants(folder)?;
        let orders = orders(folder, &index_of)?;
        let couriers = couriers(folder)?;
        Ok(Self { name, orders, couriers, restaurants, parameters })
    }

    /// Whether a folder looks like an instance.
    #[must_use]
    pub fn is_at(folder: &Path) -> bool {
        folder.join("orders.txt").is_file()
    }
}

fn parameters(folder: &Path) -> Result<Parameters, InstanceError> {
    let table = Table::read(folder, "instance_parameters.txt", 7)?;
    let Some(row) = table.cells().next() else { return Err(table.wrong(2, "expected a line of parameters")) };
    let metres_per_minute = row.number(0, "speed in metres per minute")?;
    if metres_per_minute <= 0.0 {
        return Err(row.wrong("the speed must be above 0"));
    }
    let parameters = Parameters {
        metres_per_minute,
        pickup_service: row.minutes(1, "pickup service time")?,
        drop_service: row.minutes(2, "dropoff service time")?,
        target: row.minutes(3, "target click-to-door")?,
        pay_per_order: row.number(5, "pay per order")?,
        pay_per_hour: row.number(6, "guaranteed pay per hour")?,
    };
    let services = [parameters.pickup_service, parameters.drop_service];
    if services.iter().any(|service| *service < 0 || service % 2 != 0) {
        return Err(row.wrong("service times must be even numbers of minutes, 0 or more: half before, half after"));
    }
    Ok(parameters)
}

fn restaurants(folder: &Path) -> Result<(Vec<RestaurantRow>, HashMap<String, usize>), InstanceError> {
    let table = Table::read(folder, "restaurants.txt", 3)?;
    let mut index_of = HashMap::new();
    let mut rows = Vec::new();
    for row in table.cells() {
        let merchant_id = MerchantId::parse(&row.cells[0]).map_err(|error| row.wrong(error.to_string()))?;
        if index_of.insert(row.cells[0].clone(), rows.len()).is_some() {
            return Err(row.wrong(format!("restaurant `{}` stands here twice", row.cells[0])));
        }
        rows.push(RestaurantRow { merchant_id, at: row.point(1)? });
    }
    Ok((rows, index_of))
}

fn orders(folder: &Path, index_of: &HashMap<String, usize>) -> Result<Vec<OrderRow>, InstanceError> {
    let table = Table::read(folder, "orders.txt", 6)?;
    let mut seen = HashMap::new();
    let mut rows = Vec::new();
    for row in table.cells() {
        let order_id = OrderId::parse(&row.cells[0]).map_err(|error| row.wrong(error.to_string()))?;
        if seen.insert(order_id.clone(), row.line).is_some() {
            return Err(row.wrong(format!("order `{order_id}` stands here twice")));
        }
        let Some(&restaurant) = index_of.get(&row.cells[4]) else {
            return Err(row.wrong(format!("restaurant `{}` is not in restaurants.txt", row.cells[4])));
        };
        let (placed, ready) = (row.minutes(3, "placement time")?, row.minutes(5, "ready time")?);
        rows.push(OrderRow { order_id, door: row.point(1)?, placed, restaurant, ready: ready.max(placed) });
    }
    Ok(rows)
}

fn couriers(folder: &Path) -> Result<Vec<CourierRow>, InstanceError> {
    let table = Table::read(folder, "couriers.txt", 5)?;
    let mut seen = HashMap::new();
    let mut rows = Vec::new();
    for row in table.cells() {
        let driver_id = DriverId::parse(&row.cells[0]).map_err(|error| row.wrong(error.to_string()))?;
        if seen.insert(driver_id.clone(), row.line).is_some() {
            return Err(row.wrong(format!("courier `{driver_id}` stands here twice")));
        }
        let (on, off) = (row.minutes(3, "start of a shift")?, row.minutes(4, "end of a shift")?);
        rows.push(CourierRow { driver_id, start: row.point(1)?, on, off });
    }
    Ok(rows)
}
