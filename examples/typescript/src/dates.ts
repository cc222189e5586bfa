// Ranges as the API counts them: calendar days of the brand, both ends included.

export type Range = { readonly date_from: string; readonly date_to: string };

/** So many days up to today, as the brand counts days. */
export function lastDays(timeZone: string, count: number): Range {
  const day = 24 * 60 * 60 * 1000;
  // The Swedish way to write a day is the one of ISO 8601.
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone });
  const today = format.format(Date.now());
  const first = new Date(Date.parse(today) - (count - 1) * day);
  return { date_from: first.toISOString().slice(0, 10), date_to: today };
}
