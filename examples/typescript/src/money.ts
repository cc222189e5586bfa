// Money comes as text with four decimals. Keep it text, or whole units as here: a JavaScript number
// has no exact cents.

const DECIMALS = 4;

/** Ten-thousandths: `"12.5000"` is `125000n`. */
export function units(text: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,4}))?$/.exec(text);
  if (match === null) throw new Error(`not an amount: ${text}`);
  const [, sign, whole, fraction = ""] = match;
  const value = BigInt(`${whole}${fraction.padEnd(DECIMALS, "0")}`);
  return sign === "-" ? -value : value;
}

/** The way back, with as many decimals as asked for; what is cut off has to be zero. */
export function decimal(value: bigint, decimals = DECIMALS): string {
  const step = 10n ** BigInt(DECIMALS - decimals);
  if (value % step !== 0n) throw new Error(`${value} does not fit ${decimals} decimals`);
  const digits = String(value < 0n ? -value : value).padStart(DECIMALS + 1, "0");
  const end = digits.length - DECIMALS;
  const fraction = decimals > 0 ? `.${digits.slice(end, end + decimals)}` : "";
  return `${value < 0n ? "-" : ""}${digits.slice(0, end)}${fraction}`;
}
