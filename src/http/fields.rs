//! The fields of a body, one by one: every bad one is named with its JSON pointer, not only the first.

use crate::domain::fleet::Needs;
use crate::domain::fleet::Skill;
use crate::domain::fleet::VehicleKind;
use crate::limits;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use std::collections::BTreeSet;

/// What is wrong so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<(String, String)>);

impl Faults {
    /// Notes a bad field.
    pub fn note(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push((pointer.into(), detail.into()));
    }

    /// Free text, where there is some.
    pub fn text(&mut self, text: Option<&String>, pointer: &str) {
        let Some(text) = text else { return };
        if text.chars().count() > limits::TEXT_MAX_CHARS || text.contains('\0') {
            self.note(pointer, format!("at most {} characters, no NUL", limits::TEXT_MAX_CHARS));
        }
    }

    /// A kind of vehicle at `/vehicle`, where one is named.
    pub fn vehicle(&mut self, named: Option<&String>) -> Option<VehicleKind> {
        let kind = VehicleKind::parse(named?);
        if kind.is_none() {
            let known: Vec<&str> = VehicleKind::ALL.into_iter().map(VehicleKind::as_str).collect();
            self.note("/vehicle", format!("one of {}", known.join(", ")));
        }
        kind
    }

    /// Skills at `/skills`, each once.
    pub fn skills(&mut self, named: Option<&Vec<String>>) -> BTreeSet<Skill> {
        let named = named.map(Vec::as_slice).unwrap_or_default();
        if named.len() > limits::SKILLS_MAX {
            self.note("/skills", format!("at most {}", limits::SKILLS_MAX));
            return BTreeSet::new();
        }
        let mut skills = BTreeSet::new();
        for (index, name) in named.iter().enumerate() {
            match Skill::parse(name) {
                Ok(skill) => {
                    skills.insert(skill);
                }
                Err(error) => self.note(format!("/skills/{index}"), error.to_string()),
            }
        }
        skills
    }

    /// What an order asks of its driver.
    pub fn needs(&mut self, vehicle: Option<&String>, skills: Option<&Vec<String>>) -> Needs {
        Needs { vehicle: self.vehicle(vehicle), skills: self.skills(skills) }
    }

    /// Nothing is wrong, or 422 with all that is.
    pub fn settle(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let problem = Problem::new(Code::Invalid);
        Err(self.0.into_iter().fold(problem, |problem, (pointer, detail)| problem.field(pointer, detail)))
    }
}

/// Why somebody does something, in their words: cut at the length of a text, refused with a NUL.
pub fn reason(said: Option<String>) -> Result<Option<String>, Problem> {
    if said.as_ref().is_some_and(|said| said.contains('\0')) {
        return Err(Problem::new(Code::Invalid).field("/reason", "no NUL"));
    }
    Ok(said.map(|said| said.chars().take(limits::TEXT_MAX_CHARS).collect()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_field_is_named_at_once() {
        let mut faults = Faults::default();
        faults.text(Some(&"n".repeat(limits::TEXT_MAX_CHARS + 1)), "/name");
        let needs =
            faults.needs(Some(&"rocket".to_owned()), Some(&vec!["cold_box".into(), "Wings".into(), "cold_box".into()]));
        assert_eq!((needs.vehicle, needs.skills.len()), (None, 1));
        let problem = faults.settle().unwrap_err();
        let pointers: Vec<&str> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!((problem.status(), pointers), (422, vec!["/name", "/vehicle", "/skills/1"]));
        assert!(Faults::default().settle().is_ok());
    }

    #[test]
    fn a_reason_is_cut_and_holds_no_nul() {
        let long = "é".repeat(limits::TEXT_MAX_CHARS + 7);
        assert_eq!(reason(Some(long)).unwrap().unwrap().chars().count(), limits::TEXT_MAX_CHARS);
        assert_eq!(reason(Some("a\0b".into())).unwrap_err().errors[0].pointer, "/reason");
        assert_eq!(reason(None).unwrap(), None);
    }

    #[test]
    fn too_many_skills_are_one_fault() {
        let mut faults = Faults::default();
        let many: Vec<String> = (0..=limits::SKILLS_MAX).map(|index| format!("s{index}")).collect();
        assert!(faults.skills(Some(&many)).is_empty());
        assert_eq!(faults.settle().unwrap_err().errors[0].pointer, "/skills");
    }
}
