// Columns as `columns.py` packs them: a plain list, or the different values and a text of their numbers in base 86.

const DIGITS = [...Array(92).keys()].map((n) => String.fromCharCode(n + 35)).filter((c) => !"&'<>\\`".includes(c));
const VALUE = new Map(DIGITS.map((digit, value) => [digit, value]));

function column(packed) {
  if (Array.isArray(packed)) return packed;
  const found = [];
  for (let at = 0; at < packed.at.length; at += packed.width) {
    let number = 0;
    for (let i = 0; i < packed.width; i++) number = number * DIGITS.length + VALUE.get(packed.at[at + i]);
    found.push(packed.of[number]);
  }
  return found;
}

function count(value) {
  if (Number.isInteger(value) || value >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

// An amount with its noun, in the plural where that belongs.
function many(value, noun) {
  const shown = count(value);
  return `${shown} ${noun}${shown === "1" ? "" : "s"}`;
}

function percent(share) {
  return `${(100 * share).toFixed(1)}%`;
}
