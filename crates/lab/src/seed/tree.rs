//! Who the agents are, and who stands above whom.

use std::collections::HashSet;

use chrono::{DateTime, Duration, Utc};

use super::{
    dice::Dice,
    logins::{FOUNDERS, Founder},
    names::{self, Usernames},
    world::{
        BRAND_A, BRAND_B, Bank, Country, DemoAgent, DemoCard, Membership, PasswordForm, Storage,
    },
};

const DEEPEST: i16 = 4;
const MOST_CARDS: usize = 5;
/// Nobody recruits before they have been there for a while.
const MATURE: Duration = Duration::days(3);
const BRANCHES: &[&str] = &[
    "Silom",
    "Chatuchak",
    "Nimman",
    "Makati",
    "Ermita",
    "Central Plaza",
];
const REMARKS: &[&str] = &[
    "VIP line",
    "moved from another network",
    "paid weekly",
    "speaks English",
];

struct Planner<'a> {
    dice: Dice,
    now: DateTime<Utc>,
    banks: &'a [Bank],
    usernames: Usernames,
    card_numbers: HashSet<String>,
    agents: Vec<DemoAgent>,
}

/// As many agents as there are guids. Cards get their ids from [`number_cards`].
pub(super) fn plan(now: DateTime<Utc>, banks: &[Bank], guids: &[i64]) -> Vec<DemoAgent> {
    let mut planner = Planner {
        dice: Dice::of("agents"),
        now,
        banks,
        usernames: Usernames::default(),
        card_numbers: HashSet::new(),
        agents: Vec::with_capacity(guids.len()),
    };
    for (index, guid) in guids.iter().enumerate() {
        let agent = match FOUNDERS.get(index) {
            Some(founder) => planner.founder(*guid, founder),
            None => planner.follower(*guid, index),
        };
        planner.agents.push(agent);
    }
    planner.agents
}

pub(super) fn number_cards(agents: &mut [DemoAgent], ids: &[i64]) {
    let cards = agents.iter_mut().flat_map(|agent| &mut agent.cards);
    for (card, id) in cards.zip(ids) {
        card.id = *id;
    }
}

impl Planner<'_> {
    fn founder(&mut self, guid: i64, founder: &Founder) -> DemoAgent {
        let parent = founder.parent.and_then(|name| self.named(name));
        let given = founder.brands.iter().map(|brand| (*brand, true));
        let taken = founder.taken.iter().map(|brand| (*brand, false));
        let memberships = given.chain(taken);
        let memberships = memberships
            .map(|(brand, enabled)| Membership { brand, enabled })
            .collect();
        let created_at = self.now - Duration::days(founder.days_ago);
        let mut agent = self.person(guid, parent, memberships, created_at);
        let name = founder.username.to_owned();
        agent.username = self.usernames.unique(&mut self.dice, name);
        founder.nick_name.clone_into(&mut agent.nick_name);
        agent.status = founder.status;
        agent.password = founder.password;
        agent.payout_password = founder.payout_password;
        agent.storage = founder.storage;
        agent.is_login = founder.login.is_some();
        agent.cards = self.cards(&agent, founder.cards);
        agent
    }

    fn follower(&mut self, guid: i64, index: usize) -> DemoAgent {
        let parent = self.parent();
        let memberships = self.memberships(parent);
        let oldest = self.agents[parent].created_at + Duration::days(1);
        let newest = self.now - Duration::hours(6);
        let early = oldest + (newest - oldest) / 2;
        let recruited_early = self.dice.percent(50);
        let created_at = self
            .dice
            .instant(oldest, if recruited_early { early } else { newest });
        let mut agent = self.person(guid, Some(parent), memberships, created_at);
        agent.status = match index {
            index if index % 13 == 7 => "locked",
            index if index % 31 == 17 => "deleted",
            _ => "active",
        };
        agent.must_change_password = index % 17 == 5;
        if index % 3 == 2 {
            agent.password = PasswordForm::LegacySha256;
        }
        if index % 5 == 4 {
            agent.storage = Storage::Legacy;
        }
        agent.has_settings = index.is_multiple_of(8);
        if self.dice.percent(20) {
            agent.remark = Some(self.dice.pick(REMARKS));
        }
        let cards = match index {
            index if index == FOUNDERS.len() => MOST_CARDS,
            index if index % 7 == 6 => 0,
            _ => 1 + usize::from(self.dice.percent(30)),
        };
        agent.cards = self.cards(&agent, cards);
        agent
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.agents.iter().position(|agent| agent.username == name)
    }

    /// Somebody active with room below; the first agent's team becomes the largest.
    fn parent(&mut self) -> usize {
        let level = match self.dice.between(1, 100) {
            ..=25 => 1,
            26..=65 => 2,
            _ => DEEPEST - 1,
        };
        let settled = self.now - MATURE;
        let fits = |agent: &DemoAgent| {
            agent.level <= level && agent.status == "active" && agent.created_at < settled
        };
        let candidates = (0..self.agents.len()).filter(|index| fits(&self.agents[*index]));
        let mut candidates: Vec<usize> = candidates.collect();
        let deepest = candidates
            .iter()
            .map(|index| self.agents[*index].level)
            .max();
        candidates.retain(|index| Some(self.agents[*index].level) == deepest);
        let own = candidates.iter().filter(|index| self.root_of(**index) == 0);
        let own: Vec<usize> = own.copied().collect();
        let is_own = !own.is_empty() && self.dice.percent(20);
        self.dice.pick(if is_own { &own } else { &candidates })
    }

    fn root_of(&self, mut index: usize) -> usize {
        while let Some(parent) = self.agents[index].parent {
            index = parent;
        }
        index
    }

    /// Nobody serves a brand that the agent above does not serve.
    fn memberships(&mut self, parent: usize) -> Vec<Membership> {
        let above = &self.agents[parent];
        let (on_a, on_b) = (above.serves(BRAND_A), above.serves(BRAND_B));
        let member = |brand, enabled| Membership { brand, enabled };
        match (on_a, on_b, self.dice.between(1, 100)) {
            (true, true, ..=45) | (true, false, _) => vec![member(BRAND_A, true)],
            (true, true, 46..=60) | (false, _, _) => vec![member(BRAND_B, true)],
            (true, true, 61..=68) => vec![member(BRAND_A, true), member(BRAND_B, false)],
            (true, true, _) => vec![member(BRAND_A, true), member(BRAND_B, true)],
        }
    }

    fn person(
        &mut self,
        guid: i64,
        parent: Option<usize>,
        memberships: Vec<Membership>,
        created_at: DateTime<Utc>,
    ) -> DemoAgent {
        let on_a = memberships.iter().any(|m| m.brand == BRAND_A);
        let country = if on_a {
            Country::Thailand
        } else {
            Country::Philippines
        };
        let dice = &mut self.dice;
        let (first, last) = names::person(dice, country);
        let holder = names::holder(dice, country, &first, &last);
        let phone = match country {
            Country::Thailand => format!("+66{}{}", dice.pick(&["6", "8", "9"]), dice.digits(8)),
            Country::Philippines => format!("+639{}", dice.digits(9)),
        };
        let has_email = dice.percent(55);
        let mailbox = format!("{}.{}", first, last.replace(' ', "")).to_lowercase();
        let email = format!("{mailbox}{}@mail.example", dice.digits(2));
        let has_phone = parent.is_none() || dice.percent(90);
        let recently = dice.instant((self.now - Duration::days(21)).max(created_at), self.now);
        DemoAgent {
            guid,
            username: if parent.is_some() {
                self.usernames.agent(dice, &first)
            } else {
                String::new()
            },
            nick_name: first,
            holder,
            remark: None,
            parent,
            level: parent.map_or(1, |parent| self.agents[parent].level + 1),
            country,
            memberships,
            invite_code: dice.code(8),
            status: "active",
            must_change_password: false,
            password: PasswordForm::SharedArgon2,
            payout_password: None,
            storage: Storage::Current,
            phone: has_phone.then_some(phone),
            email: has_email.then_some(email),
            cards: Vec::new(),
            created_at,
            last_login_at: dice.percent(85).then_some(recently),
            is_login: false,
            has_settings: false,
        }
    }

    fn cards(&mut self, agent: &DemoAgent, count: usize) -> Vec<DemoCard> {
        let mut cards = Vec::with_capacity(count);
        let local: Vec<usize> = (0..self.banks.len())
            .filter(|index| self.banks[*index].country == agent.country)
            .collect();
        while cards.len() < count {
            let length = if agent.country == Country::Thailand {
                10
            } else {
                12
            };
            let number = format!(
                "{}{}",
                self.dice.between(1, 9),
                self.dice.digits(length - 1)
            );
            if !self.card_numbers.insert(number.clone()) {
                continue;
            }
            cards.push(DemoCard {
                id: 0,
                bank: self.dice.pick(&local),
                number,
                branch: self.dice.percent(40).then(|| self.dice.pick(BRANCHES)),
                created_at: self
                    .dice
                    .instant(agent.created_at, agent.created_at + Duration::hours(5)),
            });
        }
        cards
    }
}
