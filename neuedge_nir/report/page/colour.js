// Colours that differ for everyone: viridis for amounts, those of Okabe and Ito for layers, with hatching from the
// ninth layer on. Every cell says in words or digits too what its colour says.

const VIRIDIS = ["440154", "482878", "3e4a89", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"];
const OKABE_ITO = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#9a9a9a"];
const HATCHES = 4;

function rgb(hex) {
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

// The colour of a share from 0 to 1; `from`: where on the scale 0 lies, as its darkest are not seen on a dark page.
function heat(share, from) {
  const at = (from + (1 - from) * Math.min(Math.max(share, 0), 1)) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const [a, b] = [rgb(VIRIDIS[low]), rgb(VIRIDIS[low + 1])];
  return `rgb(${a.map((v, i) => Math.round(v + (b[i] - v) * (at - low))).join(",")})`;
}

function layerColour(layer) {
  return OKABE_ITO[layer % OKABE_ITO.length];
}

function hatchOf(layer) {
  return Math.floor(layer / OKABE_ITO.length) % HATCHES;
}

// Black or white, whichever can be read on a colour.
function ink(colour) {
  const parts = colour.startsWith("#") ? rgb(colour.slice(1)) : colour.match(/\d+/g).map(Number);
  const [r, g, b] = parts.map((v) => (v / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.3 ? "#000" : "#fff";
}

// Lines over a cell, so that layers of one colour are told apart.
function hatch(ctx, kind, x, y, width, height) {
  if (!kind) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, height);
  ctx.clip();
  ctx.beginPath();
  const step = Math.max(3, Math.min(7, width / 3));
  for (let at = -height; at < width + height; at += step) {
    if (kind !== 2) { ctx.moveTo(x + at, y + height); ctx.lineTo(x + at + height, y); }
    if (kind !== 1) { ctx.moveTo(x + at, y); ctx.lineTo(x + at + height, y + height); }
  }
  ctx.strokeStyle = "rgba(0,0,0,.55)";
  ctx.lineWidth = 1;
  ctx.stroke();
  ctx.restore();
}
