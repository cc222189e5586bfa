// An agent's day against a running server, each step checked. It leaves things as they were: the
// coupon is taken back, the withdrawal cancelled, and the new sub-agent locked. So it can be run
// again and again.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import { parseCsv } from "./csv.js";
import { type Range, lastDays } from "./dates.js";
import { fetchFromLocalhost } from "./localhost.js";
import { decimal, units } from "./money.js";
import { ApiProblem, type ProblemCode, ok } from "./problem.js";
import { type Connection, Session, type Tokens } from "./session.js";

const connection: Connection = {
  baseUrl: process.env["AGENT_API"] ?? "http://brand-a.localhost:8080",
  fetch: fetchFromLocalhost,
};
const USERNAME = process.env["AGENT_USERNAME"] ?? "demo_agent";
const PASSWORD = process.env["AGENT_PASSWORD"] ?? "demo-password-1";
/** By it a later run knows what an earlier one left behind. */
const REMARK = "an agent's day";

/** How many pairs of tokens the session has had. */
let pairs = 0;
const session = new Session(connection, () => {
  pairs += 1;
});
const { api } = session;

async function main(): Promise<void> {
  const zone = await signIn();
  await dashboard(lastDays(zone, 7));
  const player = await findPlayer(lastDays(zone, 92));
  await exportPlayers(lastDays(zone, 7));
  await coupon(player);
  const sub = await makeSub();
  await percentages(sub);
  await firstDayOfSub(sub);
  await messages();
  await withdraw();
  await signOut();
}

/** Gives the time zone in which the brand counts its days. */
async function signIn(): Promise<string> {
  // The frontend can show the brand before anybody has signed in.
  const brand = await ok(api.GET("/agent/common/brand"));
  const agent = await session.signIn(USERNAME, PASSWORD);
  assert.equal(agent.username, USERNAME);
  const profile = await ok(api.GET("/agent/info"));
  assert.equal(profile.guid, agent.guid);
  assert.ok(profile.brands.some(({ code }) => code === brand.code));
  done(`signed in as ${agent.username} at ${brand.name}`);

  // Five requests find out at once that the token is worn out: one refresh serves them all.
  session.resume({ ...needTokens(), accessToken: "worn-out" });
  const [before, old] = [pairs, needTokens()];
  const again = await Promise.all(Array.from({ length: 5 }, () => ok(api.GET("/agent/info"))));
  assert.ok(again.every(({ guid }) => guid === agent.guid));
  assert.equal(pairs, before + 1);
  // A refresh token is good for one use. Within ten seconds a second use is taken for a race; later
  // it would end the session.
  const used = { refresh_token: old.refreshToken };
  await refused("refresh_raced", ok(api.POST("/agent/refresh_token", { body: used })));
  done("renewed the tokens once for five requests");
  return brand.timezone;
}

async function dashboard(range: Range): Promise<void> {
  const [top, summary, trend, promotion, rank] = await Promise.all([
    ok(api.GET("/agent/top_info")),
    ok(api.GET("/agent/home/summary", { params: { query: range } })),
    ok(api.GET("/agent/home/trend", { params: { query: { ...range, group_by: "day" } } })),
    ok(api.GET("/agent/home/promotion")),
    ok(api.GET("/agent/home/rank", { params: { query: { ...range, by: "deposit" } } })),
  ]);
  assert.equal(top.balance, summary.balance.available);
  // The trend has a step for each day, with or without anything on it, and sums to the summary.
  assert.equal(trend.items.length, 7);
  assert.equal(trend.items[0]?.date, range.date_from);
  const deposits = trend.items.map((day) => units(day.deposit_amount));
  const total = deposits.reduce((sum, one) => sum + one, 0n);
  assert.equal(decimal(total), summary.current.deposit_amount);
  const ranked = rank.items.map((one) => units(one.deposit_amount));
  assert.deepEqual(ranked, [...ranked].sort(descending));
  for (const link of promotion.links) assert.ok(link.url.includes(promotion.invite_code));
  done(`${summary.player_count} players, ${decimal(total, 2)} ${top.currency} deposited in a week`);
}

interface Player {
  readonly id: number;
  readonly username: string;
}

async function findPlayer(range: Range): Promise<Player> {
  const query = { status: "active", sort: "-deposit_amount", page_size: 5, ...range } as const;
  const best = await ok(api.GET("/agent/player/list", { params: { query } }));
  const [first] = best.items;
  assert.ok(first, "the agent has no active player");

  const search = { keyword: first.username, ...range };
  const found = await ok(api.GET("/agent/player/list", { params: { query: search } }));
  assert.ok(found.items.some(({ player_id }) => player_id === first.player_id));

  const path = { player_id: first.player_id };
  const player = await ok(api.GET("/agent/player/{player_id}", { params: { path } }));
  assert.equal(player.username, first.username);
  const days = await ok(
    api.GET("/agent/player/{player_id}/daily", { params: { path, query: { ...range, page_size: 100 } } }),
  );
  const deposits = days.items.map((day) => units(day.deposit_amount));
  const total = deposits.reduce((sum, one) => sum + one, 0n);
  assert.equal(decimal(total), days.summary?.deposit_amount);

  // Whoever is not below the agent is not there: 404, as for a number that nobody has.
  const nobody = { path: { player_id: Number.MAX_SAFE_INTEGER } };
  await refused("not_found", ok(api.GET("/agent/player/{player_id}", { params: nobody })));
  done(`found ${player.username}, ${decimal(total, 2)} deposited in ${days.items.length} days`);
  return { id: player.player_id, username: player.username };
}

/** A list as a file: every row that the filter leaves, not one page. */
async function exportPlayers(range: Range): Promise<void> {
  const query = { status: "active", scope: "direct", ...range } as const;
  const page = await ok(api.GET("/agent/player/list", { params: { query } }));
  const csv = { ...query, format: "csv" } as const;
  const call = api.GET("/agent/player/list", { params: { query: csv }, parseAs: "text" });
  const rows = parseCsv(await ok(call));
  const { headers } = (await call).response;
  assert.match(headers.get("content-disposition") ?? "", /^attachment; .*\.csv/);
  assert.equal(rows.length, page.total);
  const ids = rows.slice(0, page.items.length).map((row) => row.get("player_id"));
  assert.deepEqual(ids, page.items.map(({ player_id }) => String(player_id)));
  const total = rows.reduce((sum, row) => sum + units(row.get("deposit_amount") ?? ""), 0n);
  assert.equal(decimal(total), page.summary?.deposit_amount);
  done(`exported ${rows.length} players as CSV`);
}

async function coupon(player: Player): Promise<void> {
  const grantable = await ok(api.GET("/agent/coupon/list"));
  const cheapest = grantable.items.toSorted((a, b) => descending(units(b.amount), units(a.amount)))[0];
  assert.ok(cheapest, "the brand has no coupons");

  // A key makes the write safe to repeat when its answer was lost.
  const header = { "Idempotency-Key": randomUUID() };
  const body = { template_id: cheapest.template_id, player_id: player.id, remark: REMARK };
  const granted = await ok(api.POST("/agent/coupon/grant", { params: { header }, body }));
  const repeated = await ok(api.POST("/agent/coupon/grant", { params: { header }, body }));
  assert.deepEqual(repeated, granted);
  const other = { ...body, remark: "another request" };
  await refused(
    "idempotency_conflict",
    ok(api.POST("/agent/coupon/grant", { params: { header }, body: other })),
  );
  const [given] = granted.items;
  assert.ok(given);
  assert.equal(given.status, "granted");

  const during = await ok(api.GET("/agent/coupon/list"));
  assert.equal(units(during.quota.used), units(grantable.quota.used) + units(cheapest.amount));
  const path = { player_id: player.id };
  const held = await ok(api.GET("/agent/player/{player_id}/coupons", { params: { path } }));
  assert.ok(held.items.some(({ coupon_id }) => coupon_id === given.coupon_id));

  const back = { coupon_id: given.coupon_id, reason: REMARK };
  const recycled = await ok(api.POST("/agent/coupon/recycle", { body: back }));
  assert.deepEqual(recycled.items, [{ coupon_id: given.coupon_id, status: "recycled" }]);
  await refused("coupon_not_recyclable", ok(api.POST("/agent/coupon/recycle", { body: back })));
  const after = await ok(api.GET("/agent/coupon/list"));
  assert.deepEqual(after.quota, grantable.quota);
  const query = { player_id: player.id };
  const logs = await ok(api.GET("/agent/coupon/logs", { params: { query } }));
  const actions = logs.items.filter(({ coupon_id }) => coupon_id === given.coupon_id);
  assert.deepEqual(actions.map(({ action }) => action), ["recycle", "grant"]);
  done(`granted ${cheapest.name} to ${player.username} and took it back`);
}

interface Sub {
  readonly guid: number;
  readonly username: string;
  readonly password: string;
  readonly provider: number;
  /** Its share in that provider, in units of money: shares have four decimals too. */
  readonly share: bigint;
}

async function makeSub(): Promise<Sub> {
  const own = await ok(api.GET("/agent/provider/percentage", { params: { query: { page_size: 100 } } }));
  const best = own.items.toSorted((a, b) => descending(units(a.percentage), units(b.percentage)))[0];
  assert.ok(best, "the brand has no providers");
  const share = units(best.percentage) / 2n;

  const header = { "Idempotency-Key": randomUUID() };
  const body = {
    username: `day_${Date.now().toString(36)}`,
    nick_name: "Made in a day",
    percentages: [{ provider_id: best.provider_id, percentage: decimal(share) }],
  };
  const made = await ok(api.POST("/agent/sub/add", { params: { header }, body }));
  // The first password is shown once: the repeat lacks it. Show it to the person at once.
  const repeated = await ok(api.POST("/agent/sub/add", { params: { header }, body }));
  assert.equal(repeated.guid, made.guid);
  assert.equal(repeated.initial_password, undefined);
  assert.ok(made.initial_password);
  await refused("conflict", ok(api.POST("/agent/sub/add", { body })));

  // The admin service lets new agents in; in development a stand-in does.
  const path = { guid: made.guid };
  for (let tries = 0; ; tries += 1) {
    const sub = await ok(api.GET("/agent/sub/{guid}", { params: { path } }));
    if (sub.brand_status === "enabled") break;
    assert.ok(tries < 40, `${made.username} is still ${sub.brand_status}: does \`cargo dev up\` run?`);
    await pause(250);
  }
  done(`made ${made.username}, and it was let in`);
  return {
    guid: made.guid,
    username: made.username,
    password: made.initial_password,
    provider: best.provider_id,
    share,
  };
}

async function percentages(sub: Sub): Promise<void> {
  const set = (percentage: string) =>
    ok(
      api.PUT("/agent/provider/sub/percentage", {
        body: {
          sub_guid: sub.guid,
          percentages: [{ provider_id: sub.provider, percentage }],
        },
      }),
    );
  // Nobody gives more than there is to give, and the answer names the field.
  const problem = await refused("percentage_out_of_range", set("100"));
  assert.equal(problem.fields.length, 1);

  const wanted = decimal(sub.share / 2n);
  const { items } = await set(wanted);
  const changed = items.find(({ provider_id }) => provider_id === sub.provider);
  assert.equal(changed?.percentage, decimal(sub.share));
  assert.equal(changed?.next?.percentage, wanted);
  assert.match(changed?.next?.effective_from ?? "", /^\d{4}-\d{2}-01$/);
  // What was set for a day is not changed again; the same once more is no change.
  await set(wanted);
  await refused("conflict", set("0"));
  done(`${sub.username} has ${decimal(sub.share)} %, and ${wanted} % from ${changed?.next?.effective_from}`);
}

/** The sub-agent signs in, sets its own password, and is locked again at the end. */
async function firstDayOfSub(sub: Sub): Promise<void> {
  const own = new Session(connection);
  const first = await own.signIn(sub.username, sub.password);
  assert.equal(first.must_change_password, true);
  const chosen = randomUUID();
  const change = { old_password: sub.password, new_password: chosen };
  await ok(own.api.POST("/agent/edit/password", { body: change }));
  // A new password ends every session of the agent, this one too.
  await refused("unauthenticated", ok(own.api.GET("/agent/info")));
  const second = await own.signIn(sub.username, chosen);
  assert.equal(second.must_change_password, false);
  assert.equal((await ok(own.api.GET("/agent/home/summary"))).player_count, 0);

  const path = { guid: sub.guid };
  await ok(api.POST("/agent/sub/{guid}/status", { params: { path }, body: { status: "locked" } }));
  await refused("unauthenticated", ok(own.api.GET("/agent/info")));
  assert.equal(own.tokens, null);
  await refused("account_locked", own.signIn(sub.username, chosen));
  const subs = await ok(api.GET("/agent/sub/list", { params: { query: { keyword: sub.username } } }));
  assert.deepEqual(subs.items.map(({ status }) => status), ["locked"]);
  done(`${sub.username} changed its password and was locked`);
}

async function messages(): Promise<void> {
  const before = await ok(api.GET("/agent/messages/unread/count"));
  assert.equal(before.total, before.announcement + before.private);
  const query = { unread: true, page_size: 1 };
  const inbox = await ok(api.GET("/agent/messages/list", { params: { query } }));
  assert.equal(inbox.total, before.total);
  const [unread] = inbox.items;
  if (unread === undefined) {
    const all = await ok(api.GET("/agent/messages/list"));
    assert.ok(all.items.every(({ is_read }) => is_read));
    done(`all ${all.total} messages were read before`);
    return;
  }
  const path = { id: unread.id };
  const message = await ok(api.GET("/agent/messages/{id}", { params: { path } }));
  assert.ok(message.body.length > 0);
  await ok(api.POST("/agent/messages/{id}/read", { params: { path } }));
  const after = await ok(api.GET("/agent/messages/unread/count"));
  assert.equal(after.total, before.total - 1);
  done(`read "${message.title}", ${after.total} left`);
}

async function withdraw(): Promise<void> {
  await cancelWhatWasLeft();
  const form = await ok(api.GET("/agent/withdraw/init"));
  assert.equal(form.pending, null, `withdrawal ${form.pending?.withdraw_no} is still open`);
  const card = form.cards.find(({ is_default }) => is_default);
  assert.ok(card, "the agent has no payout card");
  const least = units(form.min_amount);
  assert.ok(units(form.available) >= least, "the agent has too little for a withdrawal");

  const order = (amount: bigint) => ({
    amount: decimal(amount, 2),
    card_id: card.id,
    remark: REMARK,
  });
  const cent = units("0.01");
  await refused("below_min_withdrawal", ok(api.POST("/agent/withdraw/add", { body: order(least - cent) })));

  const header = { "Idempotency-Key": randomUUID() };
  const send = { params: { header }, body: order(least) };
  const made = await ok(api.POST("/agent/withdraw/add", send));
  assert.deepEqual(await ok(api.POST("/agent/withdraw/add", send)), made);
  assert.equal(made.status, "pending");
  assert.equal(units(made.net_amount), units(made.amount) - units(made.fee));
  await refused("withdraw_pending", ok(api.POST("/agent/withdraw/add", { body: order(least) })));

  // The amount is held: it is no longer available, and still there.
  const during = await ok(api.GET("/agent/withdraw/init"));
  assert.equal(units(during.available), units(form.available) - least);
  assert.equal(units(during.frozen), units(form.frozen) + least);
  assert.equal(during.pending?.withdraw_no, made.withdraw_no);
  const strip = await ok(api.GET("/agent/top_info"));
  assert.deepEqual([strip.balance, strip.frozen], [during.available, during.frozen]);

  const listed = await ok(api.GET("/agent/withdraw/list", { params: { query: { status: "pending" } } }));
  assert.deepEqual(listed.items.map(({ withdraw_no }) => withdraw_no), [made.withdraw_no]);
  assert.equal(listed.summary?.["pending"]?.amount, made.amount);

  const path = { withdraw_no: made.withdraw_no };
  const gone = await ok(api.POST("/agent/withdraw/{withdraw_no}/cancel", { params: { path } }));
  assert.equal(gone.status, "cancelled");
  const after = await ok(api.GET("/agent/withdraw/init"));
  assert.deepEqual(after, form);
  done(`asked for ${made.amount} ${made.currency}, ${made.net_amount} after the fee, and cancelled`);
}

/** A run that broke off may have left its withdrawal; those of others stay untouched. */
async function cancelWhatWasLeft(): Promise<void> {
  const { pending } = await ok(api.GET("/agent/withdraw/init"));
  if (pending === null) return;
  const path = { withdraw_no: pending.withdraw_no };
  const order = await ok(api.GET("/agent/withdraw/{withdraw_no}", { params: { path } }));
  if (order.remark !== REMARK) return;
  await ok(api.POST("/agent/withdraw/{withdraw_no}/cancel", { params: { path } }));
}

async function signOut(): Promise<void> {
  const last = needTokens();
  await session.signOut();
  assert.equal(session.tokens, null);
  // Nothing that somebody copied is good for anything.
  await refused("unauthenticated", ok(api.GET("/agent/info")));
  const copied = new Session(connection);
  copied.resume(last);
  await refused("unauthenticated", ok(copied.api.GET("/agent/info")));
  assert.equal(copied.tokens, null);
  done("signed out, and the tokens are worth nothing");
}

function descending(a: bigint, b: bigint): number {
  return a === b ? 0 : a < b ? 1 : -1;
}

function needTokens(): Tokens {
  assert.ok(session.tokens, "signed in");
  return session.tokens;
}

async function refused(code: ProblemCode, call: Promise<unknown>): Promise<ApiProblem> {
  const problem: unknown = await call.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(problem instanceof ApiProblem)) {
    assert.fail(`expected ${code}, got ${problem === null ? "a success" : String(problem)}`);
  }
  assert.equal(problem.code, code, problem.message);
  return problem;
}

function done(what: string): void {
  console.log(`  ok  ${what}`);
}

console.log(`An agent's day at ${connection.baseUrl}`);
await main();
