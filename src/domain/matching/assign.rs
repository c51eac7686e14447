//! The assignment problem, solved exactly and sparsely: rows take at most one column each, or none at a price.
//!
//! Shortest augmenting paths with column potentials (Jonker and Volgenant 1987, Dijkstra over the sparse costs). One path a
//! row, each `O(edges log columns)` at worst and short in practice, since most rows find their first choice free.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// What taking one column costs a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) column: u32,
    pub(super) cost: f64,
}

/// Gives every row one of its choices or none such that the sum of costs is least. A row without column costs `none`, no column has two rows.
pub(super) fn assign(rows: &[Vec<Choice>], columns: usize, none: f64) -> Vec<Option<u32>> {
    let mut solver = Solver {
        rows,
        none,
        taken_by: vec![None; columns],
        given: vec![None; rows.len()],
        potential: vec![0.0; columns],
        distance: vec![f64::INFINITY; columns],
        from_row: vec![0; columns],
        is_done: vec![false; columns],
    };
    for row in 0..rows.len() {
        solver.augment(row);
    }
    solver.given.into_iter().map(|given| given.map(|choice| choice.column)).collect()
}

struct Solver<'r> {
    rows: &'r [Vec<Choice>],
    none: f64,
    taken_by: Vec<Option<usize>>,
    given: Vec<Option<Choice>>,
    potential: Vec<f64>,
    distance: Vec<f64>,
    from_row: Vec<usize>,
    is_done: Vec<bool>,
}

/// A column on the frontier; the nearest comes out of the heap first, among equals the one with the lower number.
#[derive(PartialEq)]
struct Reached {
    distance: f64,
    column: u32,
}

impl Eq for Reached {}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then_with(|| other.column.cmp(&self.column))
    }
}

/// Where a path may end.
enum End {
    /// This row does without.
    Without(usize),
    /// Nobody has this column.
    Free(usize),
}

impl Solver<'_> {
    /// Brings one more row in by the cheapest chain of changes.
    fn augment(&mut self, start: usize) {
        let mut heap = BinaryHeap::new();
        let mut touched = Vec::new();
        let mut done = Vec::new();
        let mut best = (self.none, End::Without(start));
        self.scan(start, 0.0, &mut heap, &mut touched);
        while let Some(Reached { distance, column }) = heap.pop() {
            let column = column as usize;
            if self.is_done[column] || distance > self.distance[column] {
                continue;
            }
            if distance >= best.0 {
                break;
            }
            let Some(row) = self.taken_by[column] else {
                best = (distance, End::Free(column));
                break;
            };
            self.is_done[column] = true;
            done.push(column);
            let base = distance - self.own_price(row);
            if base + self.none < best.0 {
                best = (base + self.none, End::Without(row));
            }
            self.scan(row, base, &mut heap, &mut touched);
        }
        for &column in &done {
            self.potential[column] += self.distance[column] - best.0;
            self.is_done[column] = false;
        }
        for column in touched {
            self.distance[column] = f64::INFINITY;
        }
        self.shift(start, best.1);
    }

    /// What a row pays for the column it has, less the column's potential.
    fn own_price(&self, row: usize) -> f64 {
        self.given[row].map_or(0.0, |choice| choice.cost - self.potential[choice.column as usize])
    }

    fn scan(&mut self, row: usize, base: f64, heap: &mut BinaryHeap<Reached>, touched: &mut Vec<usize>) {
        for choice in &self.rows[row] {
            let column = choice.column as usize;
            let distance = base + choice.cost - self.potential[column];
            if !self.is_done[column] && distance < self.distance[column] {
                if self.distance[column].is_infinite() {
                    touched.push(column);
                }
                self.distance[column] = distance;
                self.from_row[column] = row;
                heap.push(Reached { distance, column: choice.column });
            }
        }
    }

    /// Changes hands along the path, from its end back to the row that came in.
    fn shift(&mut self, start: usize, end: End) {
        let mut column = match end {
            End::Free(column) => column,
            End::Without(row) => {
                let Some(left) = self.given[row].take() else { return };
                left.column as usize
            }
        };
        loop {
            let row = self.from_row[column];
            self.taken_by[column] = Some(row);
            let taken = self.rows[row].iter().find(|choice| choice.column as usize == column).copied();
            let left = std::mem::replace(&mut self.given[row], taken);
            if row == start {
                return;
            }
            let Some(left) = left else { return };
            column = left.column as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(rows: &[Vec<Choice>], given: &[Option<u32>], none: f64) -> f64 {
        let cost = |row: &Vec<Choice>, column: u32| row.iter().find(|choice| choice.column == column).unwrap().cost;
        rows.iter().zip(given).map(|(row, given)| given.map_or(none, |column| cost(row, column))).sum()
    }

    fn brute(rows: &[Vec<Choice>], used: u32, none: f64) -> f64 {
        let Some((first, rest)) = rows.split_first() else { return 0.0 };
        let free = first.iter().filter(|choice| used & (1 << choice.column) == 0);
        let with = free.map(|choice| choice.cost + brute(rest, used | (1 << choice.column), none));
        with.fold(none + brute(rest, used, none), f64::min)
    }

    fn sparse() -> impl Strategy<Value = Vec<Vec<Choice>>> {
        let row = proptest::collection::btree_map(0_u32..5, -20_i32..100, 0..5);
        let choice = |(column, cost)| Choice { column, cost: f64::from(cost) };
        proptest::collection::vec(row.prop_map(move |row| row.into_iter().map(choice).collect()), 0..7)
    }

    proptest! {
        #[test]
        fn no_assignment_is_cheaper(rows in sparse(), none in 0_i32..120) {
            let none = f64::from(none);
            let given = assign(&rows, 5, none);
            let mut columns: Vec<u32> = given.iter().flatten().copied().collect();
            columns.sort_unstable();
            columns.dedup();
            prop_assert_eq!(columns.len(), given.iter().flatten().count(), "a column went to two rows");
            let (ours, best) = (total(&rows, &given, none), brute(&rows, 0, none));
            prop_assert!((ours - best).abs() < 1e-6, "{} instead of {}", ours, best);
        }
    }

    #[test]
    fn the_nearest_is_given_up_where_another_needs_them_more() {
        let near = |costs: [f64; 2]| vec![Choice { column: 0, cost: costs[0] }, Choice { column: 1, cost: costs[1] }];
        assert_eq!(assign(&[near([1.0, 2.0]), near([1.0, 50.0])], 2, 1_000.0), [Some(1), Some(0)]);
    }
}
