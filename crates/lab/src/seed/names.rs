//! Names of people who do not exist.

use std::collections::HashSet;

use super::{dice::Dice, world::Country};

const THAI_FIRST: &[&str] = &[
    "Somchai",
    "Somsak",
    "Naree",
    "Kanya",
    "Anong",
    "Prasert",
    "Wichai",
    "Malee",
    "Suda",
    "Chai",
    "Niran",
    "Pim",
    "Arthit",
    "Kamon",
    "Ratana",
    "Sunee",
    "Thanawat",
    "Piyada",
    "Korn",
    "Nattapong",
    "Siriporn",
    "Boonmee",
    "Jintana",
    "Apinya",
    "Kittisak",
    "Lamai",
    "Mongkol",
    "Orawan",
    "Pakpao",
    "Waen",
];
const THAI_LAST: &[&str] = &[
    "Jaidee",
    "Srisuk",
    "Wongsa",
    "Thongdee",
    "Saelim",
    "Chaiyo",
    "Phanit",
    "Rattana",
    "Boonsong",
    "Kaewmanee",
    "Suwan",
    "Intharak",
    "Charoen",
    "Meesuk",
    "Panya",
    "Khamdee",
];
const FILIPINO_FIRST: &[&str] = &[
    "Maria", "Jose", "Juan", "Luz", "Ramon", "Teresa", "Carlo", "Grace", "Paolo", "Divina", "Rico",
    "Mylene", "Arnel", "Jocelyn", "Dante", "Rowena", "Efren", "Liza", "Marlon", "Cherry",
];
const FILIPINO_LAST: &[&str] = &[
    "Dela Cruz",
    "Santos",
    "Reyes",
    "Bautista",
    "Ocampo",
    "Garcia",
    "Mendoza",
    "Villanueva",
    "Navarro",
    "Aquino",
    "Salazar",
    "Pascual",
];
/// Holders of accounts also write their names in their own script.
const THAI_SCRIPT: &[&str] = &[
    "สมชาย ใจดี",
    "นารี ศรีสุข",
    "กานดา วงษา",
    "ประเสริฐ ทองดี",
    "มาลี แก้วมณี",
];
const TEAMS: &[&str] = &[
    "lotus", "bkk", "siam", "golden", "lucky", "star", "river", "jade", "orchid", "tiger",
];
const PLAYER_WORDS: &[&str] = &[
    "lucky", "nok", "somo", "bigwin", "tiger", "koi", "mango", "spin", "moon", "ace", "panda",
    "rain", "jade", "boss", "nine", "chang", "gold", "blue", "kiko", "ruby", "yam", "fah", "ploy",
    "bank", "mint", "joy",
];

/// A first and a last name.
pub(super) fn person(dice: &mut Dice, country: Country) -> (String, String) {
    let (first, last) = match country {
        Country::Thailand => (THAI_FIRST, THAI_LAST),
        Country::Philippines => (FILIPINO_FIRST, FILIPINO_LAST),
    };
    (dice.pick(first).to_owned(), dice.pick(last).to_owned())
}

/// How a person is named on a bank account.
pub(super) fn holder(dice: &mut Dice, country: Country, first: &str, last: &str) -> String {
    if country == Country::Thailand && dice.percent(15) {
        return dice.pick(THAI_SCRIPT).to_owned();
    }
    format!("{first} {last}")
}

/// Usernames that occur once.
#[derive(Default)]
pub(super) struct Usernames(HashSet<String>);

impl Usernames {
    pub(super) fn agent(&mut self, dice: &mut Dice, first: &str) -> String {
        let first = first.to_lowercase();
        let team = dice.pick(TEAMS);
        let name = match dice.below(4) {
            0 => format!("{team}_{first}"),
            1 => format!("{first}.{team}"),
            2 => format!("{first}{}", dice.digits(2)),
            _ => format!("{first}_{}", dice.digits(3)),
        };
        self.unique(dice, name)
    }

    pub(super) fn player(&mut self, dice: &mut Dice) -> String {
        let name = format!("{}{}", dice.pick(PLAYER_WORDS), dice.digits(3));
        self.unique(dice, name)
    }

    pub(super) fn unique(&mut self, dice: &mut Dice, mut name: String) -> String {
        while !self.0.insert(name.clone()) {
            name.push_str(&dice.digits(1));
        }
        name
    }
}
