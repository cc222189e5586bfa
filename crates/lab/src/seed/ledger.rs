//! Writes accounts, withdrawals and ledger entries.

use agent_crypto::PiiColumn;
use agent_domain::WithdrawNo;
use chrono::Duration;
use sqlx::PgConnection;

use super::{
    books::{Account, Books, Entry, Order, Reference},
    ids,
    vault::Vault,
    world::{DemoAgent, DemoCard, Storage, World, column},
};

/// Orders older than this came from an earlier system where their agent did.
const IMPORTED_BEFORE_DAYS: i64 = 40;

pub(super) async fn store(
    conn: &mut PgConnection,
    world: &World,
    books: &Books,
    vault: &Vault,
) -> anyhow::Result<()> {
    store_accounts(conn, world, &books.accounts).await?;
    let numbers = store_orders(conn, world, books, vault).await?;
    store_entries(conn, world, books, &numbers).await
}

async fn store_accounts(
    conn: &mut PgConnection,
    world: &World,
    accounts: &[Account],
) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO agent_account (agent_id, brand_id, currency, available, frozen, version) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::numeric[], $5::numeric[], $6::bigint[])",
    )
    .bind(column(accounts, |a| world.agents[a.agent].guid))
    .bind(column(accounts, |a| world.brands[a.brand].id()))
    .bind(column(accounts, |a| world.brands[a.brand].brand.currency.as_str()))
    .bind(column(accounts, |a| a.balance.available))
    .bind(column(accounts, |a| a.balance.frozen))
    .bind(column(accounts, |a| a.entries))
    .execute(conn)
    .await?;
    Ok(())
}

/// An order with all that its row says.
struct OrderRow<'a> {
    order: &'a Order,
    agent: &'a DemoAgent,
    card: &'a DemoCard,
    brand: usize,
    guid: i64,
    number: String,
    card_number: String,
    bank_num: Option<String>,
    holder_name: String,
}

/// Gives the number of each order, by index.
async fn store_orders(
    conn: &mut PgConnection,
    world: &World,
    books: &Books,
    vault: &Vault,
) -> anyhow::Result<Vec<String>> {
    let count = books.orders.len();
    let guids = ids::reserve(conn, "agent_withdraw", "guid", count).await?;
    let sequence = ids::next_of(conn, "agent_withdraw_no_seq", count).await?;
    let mut by_time: Vec<usize> = (0..count).collect();
    by_time.sort_by_key(|index| books.orders[*index].created_at);
    let mut numbers = vec![String::new(); count];
    let mut rows = Vec::with_capacity(count);
    for (index, (guid, sequence)) in by_time.into_iter().zip(guids.into_iter().zip(sequence)) {
        let row = order_row(world, books, vault, &books.orders[index], guid, sequence)?;
        numbers[index].clone_from(&row.number);
        rows.push(row);
    }
    insert_orders(conn, world, &rows).await?;
    Ok(numbers)
}

fn order_row<'a>(
    world: &'a World,
    books: &Books,
    vault: &Vault,
    order: &'a Order,
    guid: i64,
    sequence: i64,
) -> anyhow::Result<OrderRow<'a>> {
    let account = &books.accounts[order.account];
    let agent = &world.agents[account.agent];
    let card = &agent.cards[order.card];
    let imported = agent.storage == Storage::Legacy
        && order.created_at < world.now - Duration::days(IMPORTED_BEFORE_DAYS);
    let storage = if imported {
        Storage::Legacy
    } else {
        Storage::Current
    };
    let sealed = |column, plain: &str| {
        let sealed = vault.seal(column, storage, Some(plain))?;
        anyhow::Ok(sealed.stored.unwrap_or_default())
    };
    let card_number = sealed(PiiColumn::CardNumber, &card.number)?;
    let day = world.brands[account.brand].brand.day_of(order.created_at);
    Ok(OrderRow {
        order,
        agent,
        card,
        brand: account.brand,
        guid,
        number: WithdrawNo::new(day, sequence).to_string(),
        bank_num: imported.then(|| card_number.clone()),
        card_number,
        holder_name: sealed(PiiColumn::HolderName, &agent.holder)?,
    })
}

async fn insert_orders(
    conn: &mut PgConnection,
    world: &World,
    rows: &[OrderRow<'_>],
) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO agent_withdraw (guid, withdraw_no, agent_id, brand_id, currency, amount, fee, net_amount, \
                                     card_id, bank_id, bank_name, card_number, bank_num, card_last4, holder_name, \
                                     remark, status, reject_reason, reviewed_by, reviewed_at, paid_at, created_at) \
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::numeric[], \
                              $7::numeric[], $8::numeric[], $9::bigint[], $10::integer[], $11::text[], $12::text[], \
                              $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], \
                              $19::text[], $20::timestamptz[], $21::timestamptz[], $22::timestamptz[])",
    )
    .bind(column(rows, |r| r.guid))
    .bind(column(rows, |r| r.number.as_str()))
    .bind(column(rows, |r| r.agent.guid))
    .bind(column(rows, |r| world.brands[r.brand].id()))
    .bind(column(rows, |r| world.brands[r.brand].brand.currency.as_str()))
    .bind(column(rows, |r| r.order.quote.amount))
    .bind(column(rows, |r| r.order.quote.fee))
    .bind(column(rows, |r| r.order.quote.net_amount))
    .bind(column(rows, |r| r.card.id))
    .bind(column(rows, |r| world.banks[r.card.bank].id))
    .bind(column(rows, |r| world.banks[r.card.bank].name))
    .bind(column(rows, |r| r.card_number.as_str()))
    .bind(column(rows, |r| r.bank_num.as_deref()))
    .bind(column(rows, |r| r.card.last4()))
    .bind(column(rows, |r| r.holder_name.as_str()))
    .bind(column(rows, |r| r.order.remark))
    .bind(column(rows, |r| r.order.status.as_str()))
    .bind(column(rows, |r| r.order.reject_reason))
    .bind(column(rows, |r| r.order.reviewed.map(|(by, _)| by)))
    .bind(column(rows, |r| r.order.reviewed.map(|(_, at)| at)))
    .bind(column(rows, |r| r.order.paid_at))
    .bind(column(rows, |r| r.order.created_at))
    .execute(conn)
    .await?;
    Ok(())
}

/// In the order of time: an account's entries are read by id.
async fn store_entries(
    conn: &mut PgConnection,
    world: &World,
    books: &Books,
    numbers: &[String],
) -> anyhow::Result<()> {
    let mut entries: Vec<&Entry> = books.entries.iter().collect();
    entries.sort_by_key(|entry| entry.at);
    let account = |entry: &Entry| &books.accounts[entry.account];
    let agent = |entry: &Entry| world.agents[account(entry).agent].guid;
    let brand = |entry: &Entry| &world.brands[account(entry).brand];
    let reference = |entry: &Entry| match entry.reference {
        Reference::Opening => format!("opening-{}-{}", agent(entry), brand(entry).id()),
        Reference::Commission(day) => format!("{}-{}-{day}", agent(entry), brand(entry).id()),
        Reference::Order(index) => numbers[index].clone(),
    };
    sqlx::query(
        "INSERT INTO agent_ledger (agent_id, brand_id, currency, kind, amount, available_delta, frozen_delta, \
                                   available_after, frozen_after, ref_type, ref_id, created_at) \
         SELECT agent_id, brand_id, currency, kind, amount, available_delta, frozen_delta, available, frozen, \
                ref_type, ref_id, at \
         FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::numeric[], $6::numeric[], $7::numeric[], \
                     $8::numeric[], $9::numeric[], $10::text[], $11::text[], $12::timestamptz[]) WITH ORDINALITY \
              AS e (agent_id, brand_id, currency, kind, amount, available_delta, frozen_delta, available, frozen, \
                    ref_type, ref_id, at) \
         ORDER BY ordinality",
    )
    .bind(column(&entries, |e| agent(e)))
    .bind(column(&entries, |e| brand(e).id()))
    .bind(column(&entries, |e| brand(e).brand.currency.as_str()))
    .bind(column(&entries, |e| e.kind))
    .bind(column(&entries, |e| e.amount))
    .bind(column(&entries, |e| e.available_delta))
    .bind(column(&entries, |e| e.frozen_delta))
    .bind(column(&entries, |e| e.after.available))
    .bind(column(&entries, |e| e.after.frozen))
    .bind(column(&entries, |e| e.ref_type))
    .bind(column(&entries, |e| reference(e)))
    .bind(column(&entries, |e| e.at))
    .execute(conn)
    .await?;
    Ok(())
}
