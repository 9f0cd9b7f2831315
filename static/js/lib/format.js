/** Numbers and times as the server writes them (pulse/charts/format.py): same rules, same signs. */

export const MISSING = "-";
const MINUS = "\u2212";
const STEPS = [
  [1e12, "tn"],
  [1e9, "bn"],
  [1e6, "m"],
  [1e3, "k"],
];

const known = (value) => typeof value === "number" && Number.isFinite(value);

export function number(value, places = 2, plus = false) {
  if (!known(value)) return MISSING;
  const text = Math.abs(value).toLocaleString("en-US", {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
  const zero = Number(text.replaceAll(",", "")) === 0;
  const sign = zero ? "" : value < 0 ? MINUS : plus ? "+" : "";
  return sign + text;
}

export function short(value, plus = false, digits = 3) {
  if (!known(value)) return MISSING;
  const edge = 0.5 * 10 ** -digits;
  const places = (size) => Math.max(0, digits - String(Math.trunc(Math.abs(size) * (1 + edge))).length);
  for (const [step, name] of STEPS) {
    if (Math.abs(value) >= step * (1 - edge)) return number(value / step, places(value / step), plus) + name;
  }
  return number(value, places(value), plus);
}

export function money(value) {
  if (!known(value)) return MISSING;
  const text = short(value, true);
  return /^[+\u2212]/.test(text) ? `${text[0]}$${text.slice(1)}` : `$${text}`;
}

export function percent(value, plus = false) {
  return known(value) ? `${number(value, 2, plus)}%` : MISSING;
}

export function strike(value) {
  return number(value, known(value) && Number.isInteger(value) ? 0 : 2);
}

export function away(level, spot) {
  if (!known(level) || !known(spot) || spot === 0) return MISSING;
  const share = (level / spot - 1) * 100;
  if (Math.abs(share) < 0.005) return "at spot";
  return `${percent(Math.abs(share))} ${share > 0 ? "above" : "below"} spot`;
}

export function change(value, share) {
  return known(value) ? `${number(value, 2, true)} (${percent(share, true)})` : "prior close not known";
}

export function side(value) {
  return !known(value) || value === 0 ? "" : value > 0 ? "up" : "down";
}

export function age(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

export function hours(minutes) {
  const whole = Math.max(0, Math.round(minutes));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

const clock = new Intl.DateTimeFormat("en-GB", {
  timeZone: "America/New_York",
  hour: "2-digit",
  minute: "2-digit",
});

/** An instant on New York's clock: `14:32`. */
export function eastern(instant) {
  return clock.format(new Date(instant));
}
