//! The places of the city: its streets, its restaurants where the map has them, and addresses to deliver to.

use super::dice::Dice;
use super::mvt;
use super::names;
use super::plane::LatLng;
use super::plane::Point;
use super::streets;
use super::streets::Build;
use super::streets::BuildError;
use super::streets::NodeId;
use super::streets::Streets;
use crate::tiles;
use crate::tiles::Archive;
use crate::tiles::ArchiveError;

/// Restaurants that take part.
const RESTAURANTS: usize = 160;
/// Farthest a restaurant may lie from the street that its orders are collected on.
const TO_STREET_MAX_M: f64 = 60.0;
/// How far customers live from where they order.
pub(crate) const CUSTOMERS_LIVE: Reach = Reach { nearest_m: 250.0, farthest_m: 1_200.0 };
/// Tries to find an address before taking whatever came last.
const ADDRESS_TRIES: usize = 40;
/// A typical kitchen is this quick. Slower ones exist, but a demo is watched for minutes.
const PREP_FROM_S: f64 = 60.0;
const PREP_TO_S: f64 = 210.0;

/// Why there is no city.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CityError {
    /// The map does not open.
    #[error(transparent)]
    Map(#[from] ArchiveError),
    /// The map has no streets.
    #[error(transparent)]
    Streets(#[from] BuildError),
    /// The map has no restaurants.
    #[error("the map has no restaurants")]
    NoRestaurants,
}

/// A ring around a place, in metres as the crow flies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reach {
    pub(crate) nearest_m: f64,
    pub(crate) farthest_m: f64,
}

/// Everything that does not move.
#[derive(Debug)]
pub(crate) struct City {
    pub(crate) streets: Streets,
    pub(crate) restaurants: Vec<Restaurant>,
}

/// A kitchen that takes orders.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Restaurant {
    /// `M001` onward.
    pub(crate) id: String,
    pub(crate) place: Place,
    /// What an order takes here on average, in seconds.
    pub(crate) prep_mean_s: f64,
}

/// Somewhere on a street that people can call by a name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    pub(crate) at: Point,
    pub(crate) address: String,
}

impl City {
    /// Florence, with the restaurants that a seed opens.
    pub(crate) fn florence(seed: u64) -> Result<Self, CityError> {
        let archive = tiles::florence()?;
        let streets = Build::from_archive(archive)?;
        let positions = restaurant_positions(archive)?;
        let mut dice = Dice::new(seed, "restaurants");
        let mut restaurants = Vec::new();
        let mut left = positions;
        while restaurants.len() < RESTAURANTS && !left.is_empty() {
            let at = left.swap_remove(dice.index(left.len()));
            let node = streets.nearest(at);
            if streets.at(node).distance_m(at) > TO_STREET_MAX_M {
                continue;
            }
            let number = restaurants.len();
            let name = names::restaurant(number);
            let address = streets.name_at(node).map_or_else(|| name.clone(), |street| format!("{name}, {street}"));
            restaurants.push(Restaurant {
                id: format!("M{:03}", number + 1),
                place: Place { at: streets.at(node), address },
                prep_mean_s: dice.between(PREP_FROM_S..PREP_TO_S),
            });
        }
        if restaurants.is_empty() {
            return Err(CityError::NoRestaurants);
        }
        Ok(Self { streets, restaurants })
    }

    /// Somewhere to deliver to, not far from a point, on a street with a name where there is one.
    pub(crate) fn address_near(&self, centre: Point, reach: Reach, dice: &mut Dice) -> Place {
        let around = self.streets.within(centre, reach.farthest_m);
        let mut found = Place { at: centre, address: "at the corner".to_owned() };
        for _ in 0..ADDRESS_TRIES {
            let Some(node) = dice.pick(&around) else { break };
            let at = self.streets.at(*node);
            found.at = at;
            if at.distance_m(centre) < reach.nearest_m {
                continue;
            }
            if let Some(street) = self.streets.name_at(*node) {
                found.address = format!("{street} {}", 1 + dice.index(120));
                break;
            }
        }
        found
    }

    /// Some street corner within a radius.
    pub(crate) fn corner_near(&self, centre: Point, radius_m: f64, dice: &mut Dice) -> NodeId {
        let around = self.streets.within(centre, radius_m);
        dice.pick(&around).copied().unwrap_or_else(|| self.streets.nearest(centre))
    }
}

/// Where the map has restaurants, each once although tiles overlap.
fn restaurant_positions(archive: &Archive) -> Result<Vec<Point>, BuildError> {
    let mut positions = Vec::new();
    for coord in archive.coords(archive.max_zoom()) {
        let Some(bytes) = archive.tile_inflated(coord) else { continue };
        let tile = mvt::decode(&bytes)?;
        let Some(layer) = tile.layer("pois") else { continue };
        let open = layer.features.iter().filter(|poi| layer.tags(poi).get("amenity") == Some(&"restaurant"));
        let vertices = open.flat_map(mvt::Feature::parts).flatten().filter(|vertex| streets::inside_tile(*vertex));
        positions.extend(vertices.map(|vertex| Point::from(streets::vertex_lat_lng(coord, vertex))));
    }
    Ok(positions)
}

impl Place {
    pub(crate) fn lat_lng(&self) -> LatLng {
        self.at.into()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Arc;
    use std::sync::LazyLock;

    /// One city for every test of the simulation.
    pub(crate) static CITY: LazyLock<Arc<City>> = LazyLock::new(|| Arc::new(City::florence(1).unwrap()));

    #[test]
    fn restaurants_stand_where_the_map_has_them_once_each() {
        let positions = restaurant_positions(tiles::florence().unwrap()).unwrap();
        assert!((780..850).contains(&positions.len()), "{}", positions.len());
        let ids: HashSet<_> = CITY.restaurants.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids.len(), RESTAURANTS);
        for restaurant in &CITY.restaurants {
            let nearest = positions.iter().map(|at| at.distance_m(restaurant.place.at)).min_by(f64::total_cmp).unwrap();
            assert!(nearest <= TO_STREET_MAX_M, "{restaurant:?}");
        }
    }

    #[test]
    fn a_seed_opens_the_same_restaurants() {
        assert_eq!(City::florence(1).unwrap().restaurants, CITY.restaurants);
        assert_ne!(City::florence(2).unwrap().restaurants, CITY.restaurants);
    }

    #[test]
    fn customers_live_near_but_not_next_door() {
        let mut dice = Dice::new(1, "addresses");
        let from = CITY.restaurants[0].place.at;
        for _ in 0..200 {
            let home = CITY.address_near(from, CUSTOMERS_LIVE, &mut dice);
            let Reach { nearest_m, farthest_m } = CUSTOMERS_LIVE;
            assert!((nearest_m..=farthest_m).contains(&home.at.distance_m(from)), "{home:?}");
        }
    }
}
