use agent_kv::AppendError;
use agent_persistence::outbox::PendingId;
use chrono::DateTime;
use uuid::Uuid;

use super::*;

fn event(id: i64, payload: &str) -> PendingEvent {
    PendingEvent {
        place: PendingId { shard: 3, id },
        aggregate_hash: 1,
        attempts: 0,
        shard_retries: false,
        event_id: Uuid::nil(),
        event_type: "agent.withdraw.created".to_owned(),
        aggregate_type: "agent_withdraw".to_owned(),
        aggregate_id: "17".to_owned(),
        brand_id: 7,
        schema_version: 2,
        occurred_at: DateTime::UNIX_EPOCH,
        payload: payload.to_owned(),
    }
}

#[test]
fn p166_a_payload_that_does_not_name_its_brand_is_no_entry() {
    let deep = format!(
        r#"{{"brand_id": 7, "x": {}{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    for (payload, reason) in [
        (r#"{"brand_id": 7}"#, None),
        // Numbers and depths that a value in memory could not hold are passed on as they are.
        (r#"{"x": 1e400, "brand_id": 7}"#, None),
        (&deep, None),
        (r#"{"brand_id": 8}"#, Some("payload_without_brand")),
        (r#"{"brand_id": "7"}"#, Some("payload_without_brand")),
        (r#"{"brand_id": null}"#, Some("payload_without_brand")),
        ("{}", Some("payload_without_brand")),
        ("[7]", Some("payload_without_brand")),
        ("7", Some("payload_without_brand")),
        ("null", Some("payload_without_brand")),
        (
            &format!(r#"{{"brand_id": 7, "x": "{}"}}"#, "y".repeat(256 * 1024)),
            Some("payload_too_large"),
        ),
    ] {
        let row = event(1, payload);
        assert_eq!(entry::check(&row).err(), reason, "{payload:.60}");
        assert_eq!(entry::of(row).payload, payload);
    }
}

#[test]
fn q94_a_row_is_blamed_only_where_redis_takes_others() {
    let named = r#"{"brand_id": 7}"#;
    let (batch, refused) = Batch::of(vec![event(1, named), event(2, named)], 10);
    assert!(refused.is_empty());
    let rejected = || Err(AppendError::Rejected("ERR".to_owned()));
    let alone = || vec![rejected(), Err(AppendError::HeldBack)];
    let nobody = batch.outcome(alone(), false);
    assert!(nobody.refused.is_empty());
    assert_eq!(nobody.full.as_deref(), Some("ERR"));
    // Alone, but Redis takes an entry that nothing is wrong with.
    let at_fault = batch.outcome(alone(), true);
    assert_eq!((at_fault.refused.len(), at_fault.full), (1, None));
    assert_eq!(at_fault.refused[0].origin.place.id, 1);
    let among_others = batch.outcome(vec![rejected(), Ok(())], false);
    assert_eq!(among_others.refused.len(), 1);
    assert_eq!(among_others.full, None);
    assert_eq!(among_others.published, [batch.origins[1].place]);
}

#[test]
fn q94_a_row_that_is_no_entry_holds_back_its_aggregate_until_it_is_parked() {
    let rows = || vec![event(1, "{}"), event(2, r#"{"brand_id": 7}"#)];
    let (batch, refused) = Batch::of(rows(), 2);
    assert_eq!((batch.len(), refused.len()), (0, 1));
    let (batch, refused) = Batch::of(rows(), 1);
    assert_eq!((batch.len(), refused.len()), (1, 1));
}

#[test]
fn shards_that_were_read_to_their_end_are_crossed_off() {
    let at = |shard| Place { shard, after: 0 };
    let of = |shard| {
        let mut row = event(1, "{}");
        row.place.shard = shard;
        row
    };
    let left = |todo: &Todo| -> Vec<i16> { todo.without(&HashSet::new()).collect() };
    let mut todo = Todo::new(1..=5);
    todo.looked_at(&[at(1), at(2), at(4)], &[of(1), of(2)], true);
    assert_eq!(left(&todo), [3, 4, 5, 2]);
    let busy = HashSet::from([3, 2]);
    assert_eq!(todo.without(&busy).collect::<Vec<_>>(), [4, 5]);
    todo.looked_at(&[at(4), at(5)], &[of(5)], false);
    assert_eq!(left(&todo), [3, 2]);
}

/// What a read of shard 3 from its place on finds, and the place of the next one.
fn reads(hints: &mut Hints, ids: &[i64], full: bool) -> i64 {
    let places = [hints.place(3)];
    let events: Vec<_> = ids.iter().map(|id| event(*id, "{}")).collect();
    hints.found(&Found {
        places: &places,
        events: &events,
        full,
    });
    hints.place(3).after
}

fn hints() -> Hints {
    Hints::new(20, Duration::from_secs(30))
}

#[test]
fn q94_a_hint_rises_when_the_appends_that_were_open_have_ended_and_a_read_saw_what_they_left() {
    let mut hints = hints();
    let open = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    assert_eq!(reads(&mut hints, &[5, 7], false), 0);
    // Not looked at the open appends yet: this read proves nothing.
    assert_eq!(reads(&mut hints, &[8], false), 0);
    hints.appends_open(&open(&["3/1", "4/9"]));
    assert_eq!(reads(&mut hints, &[9], false), 0);
    // One of them goes on; others that began later do not count.
    hints.appends_open(&open(&["4/9", "3/2"]));
    assert_eq!(reads(&mut hints, &[10], false), 0);
    hints.appends_open(&open(&["3/2", "5/1"]));
    // They have ended, but a read that finds less than what was reached does not pass over what
    // they left behind.
    assert_eq!(reads(&mut hints, &[2, 3], true), 0);
    assert_eq!(reads(&mut hints, &[4, 11], false), 7);
    // The next one is on its way.
    assert!(hints.wait());
    hints.appends_open(&[]);
    assert!(!hints.wait());
    assert_eq!(reads(&mut hints, &[], false), 11);
}

#[test]
fn q94_a_shard_with_retries_is_read_from_its_first_id() {
    let mut hints = hints();
    reads(&mut hints, &[7], false);
    hints.appends_open(&[]);
    assert_eq!(reads(&mut hints, &[8], false), 7);
    let places = [hints.place(3)];
    let mut waiting = event(9, "{}");
    waiting.shard_retries = true;
    hints.found(&Found {
        places: &places,
        events: &[waiting],
        full: false,
    });
    assert_eq!(hints.place(3).after, 0);
}

#[test]
fn q94_a_shard_that_a_full_read_did_not_come_to_is_not_known_better() {
    let mut hints = hints();
    reads(&mut hints, &[7], false);
    hints.appends_open(&[]);
    let places = [Place { shard: 2, after: 0 }, hints.place(3)];
    let mut other = event(9, "{}");
    other.place.shard = 2;
    hints.found(&Found {
        places: &places,
        events: &[other],
        full: true,
    });
    assert_eq!(hints.place(3).after, 0);
    assert_eq!(reads(&mut hints, &[], false), 7);
}

#[test]
fn q94_looking_at_everything_takes_a_share_of_the_time_and_finds_what_came_back_by_hand() {
    let mut hints = hints();
    let now = Instant::now();
    let later = |seconds| now + Duration::from_secs(seconds);
    hints.begin(now);
    hints.renewed(Duration::from_secs(1), std::iter::empty());
    reads(&mut hints, &[7], false);
    hints.appends_open(&[]);
    reads(&mut hints, &[8], false);
    hints.begin(later(19));
    assert_eq!(hints.places(), [Place { shard: 3, after: 7 }]);
    hints.renewed(Duration::from_secs(1), [3].into_iter());
    assert_eq!(hints.place(3).after, 7, "only above the hint was looked");
    hints.begin(later(20));
    assert_eq!(hints.places(), []);
    hints.renewed(Duration::from_secs(9), [3].into_iter());
    assert_eq!(hints.place(3).after, 0);
    // Long passes are made all the same, but seldom.
    reads(&mut hints, &[7], false);
    hints.begin(later(49));
    assert_eq!(hints.places().len(), 1);
    hints.begin(later(50));
    assert_eq!(hints.places(), []);
}

#[test]
fn q94_retries_back_off_to_a_bound() {
    let settings = RelaySettings {
        instance: String::new(),
        batch: 1,
        lease: Duration::ZERO,
        poll: Duration::ZERO,
        publish_timeout: Duration::ZERO,
        retry_min: Duration::from_millis(200),
        retry_max: Duration::from_secs(30),
        park_after: 10,
        whole_pass_share: 20,
        whole_pass_every: Duration::ZERO,
    };
    let delays: Vec<u128> = [0, 1, 2, 7, 8, i16::MAX]
        .map(|attempts| retry_delay(&settings, attempts).as_millis())
        .to_vec();
    assert_eq!(delays, [200, 400, 800, 25_600, 30_000, 30_000]);
}
