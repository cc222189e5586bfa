// Reads the CSV files of the API (RFC 4180). Texts that a spreadsheet would take for a formula have
// a `'` in front of them.

/** A cell, plain or in quotes with quotes twice, and what ends it. Every row ends with CR LF. */
const CELL = /(?:"((?:[^"]|"")*)"|([^,"\r\n]*))(,|\r\n)/g;

/** The rows, by the names in the first one. */
export function parseCsv(text: string): ReadonlyArray<ReadonlyMap<string, string>> {
  const table: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(CELL)) {
    table.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? "");
    if (end !== ",") table.push([]);
  }
  const [names = [], ...rows] = table.slice(0, -1);
  return rows.map((row) => new Map(names.map((name, at) => [name, row[at] ?? ""])));
}
