//! Invented names. Positions are real; nobody and no restaurant of these names need exist.

use super::dice::Dice;

const FIRST_NAMES: [&str; 48] = [
    "Ada", "Alba", "Aldo", "Anita", "Bruno", "Carla", "Cesare", "Chiara", "Dario", "Delia", "Diego", "Elena", "Elio",
    "Emma", "Enzo", "Fabio", "Flora", "Gaia", "Gino", "Greta", "Guido", "Ilaria", "Irene", "Ivo", "Lara", "Lea", "Leo",
    "Livia", "Luca", "Marta", "Mila", "Mirko", "Nadia", "Nico", "Nina", "Olga", "Oscar", "Paola", "Piero", "Rita",
    "Rocco", "Sara", "Silvio", "Tea", "Tino", "Ugo", "Vera", "Viola",
];

const HOUSES: [&str; 12] = [
    "Trattoria",
    "Osteria",
    "Pizzeria",
    "Locanda",
    "Rosticceria",
    "Cucina",
    "Forno",
    "Taverna",
    "Gastronomia",
    "Bottega",
    "Piadineria",
    "Paninoteca",
];

const SIGNS: [&str; 30] = [
    "del Grillo",
    "della Luna",
    "del Melograno",
    "dei Tre Gatti",
    "del Sole Alto",
    "della Zucca",
    "del Gambero Blu",
    "del Pozzo",
    "della Civetta",
    "delle Sette Scale",
    "del Ponte Verde",
    "dell'Ape d'Oro",
    "della Ruota",
    "del Cinghiale Bianco",
    "del Fico",
    "della Lanterna",
    "dell'Orto Piccolo",
    "del Merlo",
    "delle Quattro Sedie",
    "della Mandorla",
    "del Cappero",
    "della Volpe",
    "del Rosmarino",
    "dell'Olmo",
    "della Tartaruga",
    "del Timo",
    "del Vicolo Corto",
    "della Menta",
    "del Lupo Gentile",
    "del Carretto",
];

const DISHES: [Dish; 12] = [
    Dish { name: "Ribollita", price: 950 },
    Dish { name: "Pappa al pomodoro", price: 900 },
    Dish { name: "Pappardelle al cinghiale", price: 1_450 },
    Dish { name: "Schiacciata farcita", price: 750 },
    Dish { name: "Pizza margherita", price: 850 },
    Dish { name: "Pizza ai carciofi", price: 1_100 },
    Dish { name: "Tortelli di patate", price: 1_250 },
    Dish { name: "Panzanella", price: 800 },
    Dish { name: "Insalata di farro", price: 850 },
    Dish { name: "Cantucci", price: 450 },
    Dish { name: "Tiramisù", price: 550 },
    Dish { name: "Acqua", price: 150 },
];

/// Something to eat, in euro cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dish {
    pub(crate) name: &'static str,
    pub(crate) price: i64,
}

/// The first name of a driver, always the same for the same number.
pub(crate) fn first_name(number: usize) -> &'static str {
    FIRST_NAMES[number * 29 % FIRST_NAMES.len()]
}

/// The name over the door of a restaurant; the first 360 numbers have different ones.
pub(crate) fn restaurant(number: usize) -> String {
    let house = HOUSES[number * 5 % HOUSES.len()];
    let sign = SIGNS[(number * 7 + number / 60) % SIGNS.len()];
    format!("{house} {sign}")
}

/// One to three dishes.
pub(crate) fn meal(dice: &mut Dice) -> Vec<Dish> {
    let count = 1 + dice.index(3);
    (0..count).map(|_| DISHES[dice.index(DISHES.len())]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn restaurants_do_not_share_a_name() {
        let names: HashSet<_> = (0..360).map(restaurant).collect();
        assert_eq!(names.len(), 360);
    }
}
