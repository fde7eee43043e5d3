// Drawing a floor plan on a canvas: cores by layer or by an amount, links by their load.

// How an amount is shown: its name, its value for a core as a share of the scale, and the scale's ends.
function measures(floor) {
  const found = [{ id: "layer", name: "population" }];
  if (floor.limits.length) {
    found.push({ id: "fullest", name: "fullest limit of each core", top: "100%", share: (core) => {
      const limit = floor.binding(core);
      return limit < 0 ? null : floor.share(core, limit);
    } });
  }
  floor.limits.forEach((limit, n) => found.push({
    id: `limit${n}`, top: `100% = ${count(limit.most)} ${limit.unit}`, share: (core) => floor.share(core, n),
    name: `${limit.name.replaceAll("_", " ")}, used / limit${limit.chip ? " of the chip" : ""}`,
  }));
  const amounts = [["synaptic events in a step", floor.events], ["messages that come in a step", floor.in],
    ["messages that leave in a step", floor.out]];
  amounts.forEach(([name, values], n) => {
    const most = (values || []).reduce((a, b) => Math.max(a, b), 0);
    if (most > 0) found.push({ id: `amount${n}`, name, top: count(most), share: (core) => values[core] / most });
  });
  return found;
}

// Pixels between routers below which links alone are drawn, edge to edge.
const DENSE = 17;

// Pixels left of and below the floor for the numbers of columns and rows, and the least between two of them.
const [BESIDE, BELOW, APART] = [26, 18, 24];

// Pixels of height that a stripe of a core takes at least, and of a map on paper.
const STRIPE = 3.5;
const PAPER = [660, 330];

// A hexagon's neighbours, by the sixth of a turn in which they lie, clockwise from the right.
const AROUND = [[1, 0], [0, -1], [-1, -1], [-1, 0], [0, 1], [1, 1]];

class Drawing {
  constructor(canvas, floor, room) {
    Object.assign(this, { canvas, floor, room, ctx: canvas.getContext("2d"), kept: document.createElement("canvas") });
  }

  // Keeps what is drawn, so that what is chosen can be drawn over it again and again.
  keep() {
    const { canvas, kept } = this;
    Object.assign(kept, { width: canvas.width, height: canvas.height });
    kept.getContext("2d").drawImage(canvas, 0, 0);
  }

  again() {
    const { ctx, canvas, kept } = this;
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    ctx.drawImage(kept, 0, 0);
    ctx.restore();
  }

  // Makes the canvas fit a width and a height in pixels; `zoom` times what would fit.
  resize([width, height], zoom) {
    const floor = this.floor;
    const largest = (52 / this.room) * Math.max(floor.across, 1.6);
    this.scale = Math.min((width - BESIDE - 1) / floor.width, largest, (height - BELOW - 1) / floor.height) * zoom;
    [this.left, this.top] = [floor.left - BESIDE / this.scale, floor.top];
    const [w, h] = [Math.ceil(floor.width * this.scale) + BESIDE, Math.ceil(floor.height * this.scale) + BELOW];
    const dense = Math.min(window.devicePixelRatio || 1, 2, Math.sqrt(16e6 / (w * h)));
    Object.assign(this.canvas, { width: Math.round(w * dense), height: Math.round(h * dense) });
    Object.assign(this.canvas.style, { width: `${w}px`, height: `${h}px` });
    this.dense = dense;
    const style = getComputedStyle(this.canvas);
    this.colours = Object.fromEntries(["--ink", "--quiet", "--faint", "--empty", "--mark", "--page", "--rim", "--low"].map(
      (name) => [name.slice(2), style.getPropertyValue(name).trim()]));
  }

  heat(share) {
    return heat(share, Number(this.colours.low));
  }

  begin() {
    const { ctx, scale, dense } = this;
    ctx.setTransform(dense, 0, 0, dense, 0, 0);
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.coordinates();
    ctx.setTransform(dense * scale, 0, 0, dense * scale, -this.left * scale * dense, -this.top * scale * dense);
    this.outlines();
  }

  // The numbers of columns and rows at the edge; not all where there is no room.
  coordinates() {
    const { ctx, floor } = this;
    const step = [1, 2, 5, 10, 20, 50, 100].find((each) => each * this.scale >= APART) || 200;
    const lowest = floor.routers.reduce((least, [, y]) => Math.min(least, y), Infinity);
    const leftmost = floor.routers.reduce((least, [x]) => Math.min(least, x), Infinity);
    const [columns, rows] = [new Map(), new Map()];
    for (const [x, y] of floor.routers) {
      columns.set(x, floor.hex ? Math.min(columns.get(x) ?? y, y) : lowest);
      rows.set(y, floor.hex ? Math.min(rows.get(y) ?? x, x) : leftmost);
    }
    Object.assign(ctx, { font: "12px system-ui, sans-serif", fillStyle: this.colours.quiet, textBaseline: "middle" });
    const tell = (number, router, across, up, textAlign, aside) => {
      if (number % step) return;
      const [x, y] = floor.middle(router);
      const [px, py] = this.pixels([x + across, y + up]);
      Object.assign(ctx, { textAlign });
      ctx.fillText(String(number), px + aside, py + (aside ? 0 : 9));
    };
    columns.forEach((y, x) => tell(x, [x, y], floor.hex ? 0.3 : 0, floor.hex ? 0.52 : 0.6, "center", 0));
    rows.forEach((x, y) => tell(y, [x, y], floor.hex ? -0.55 : -0.6, 0, "right", -5));
  }

  // Chips, routers, and cores that nothing is on.
  outlines() {
    const { ctx, floor, colours } = this;
    const [columns, rows] = floor.data.size;
    ctx.lineWidth = 1 / this.scale;
    ctx.strokeStyle = colours.faint;
    for (const router of floor.routers) {
      if (floor.hex) this.hexagon(floor.middle(router));
    }
    if (floor.hex && columns * rows > 1) this.borders();
    if (!floor.hex) {
      for (const [cx, cy] of floor.data.chips) {
        const [x, y] = floor.middle([cx * columns, (cy + 1) * rows - 1]);
        ctx.strokeRect(x - 0.58, y - 0.58, columns + 0.16, rows + 0.16);
      }
    }
    ctx.fillStyle = colours.empty;
    for (const router of floor.routers) {
      for (let slot = 0; slot < floor.slots; slot++) this.cell(floor.square(router, slot, this.room));
    }
  }

  // Of chips with several routers: the sides of hexagons behind which another chip lies, or none.
  borders() {
    const { ctx, floor, colours } = this;
    const corner = (sixth) => [0.545 * Math.cos((sixth * Math.PI) / 3), 0.545 * Math.sin((sixth * Math.PI) / 3)];
    ctx.save();
    Object.assign(ctx, { strokeStyle: colours.quiet, lineWidth: 2.5 / this.scale, lineCap: "round" });
    ctx.beginPath();
    for (const router of floor.routers) {
      const [x, y] = floor.middle(router);
      AROUND.forEach(([dx, dy], sixth) => {
        if (String(floor.position(router)) === String(floor.position([router[0] + dx, router[1] + dy]))) return;
        for (const [way, [cx, cy]] of [["moveTo", corner(sixth - 0.5)], ["lineTo", corner(sixth + 0.5)]]) ctx[way](x + cx, y + cy);
      });
    }
    ctx.stroke();
    ctx.restore();
  }

  hexagon([x, y]) {
    const { ctx } = this;
    ctx.beginPath();
    for (let n = 0; n < 6; n++) {
      const angle = ((n + 0.5) * Math.PI) / 3;
      ctx.lineTo(x + 0.545 * Math.cos(angle), y + 0.545 * Math.sin(angle));
    }
    ctx.closePath();
    ctx.stroke();
  }

  cell([x, y, w, h]) {
    const edge = Math.min(0.08 * w, 1 / this.scale);
    const flat = Math.min(edge, 0.15 * h);
    this.ctx.fillRect(x + edge, y + flat, w - 2 * edge, h - 2 * flat);
  }

  // `lit`: the layer that stands out, or null.
  cores(measure, lit) {
    this.begin();
    for (let core = 0; core < this.floor.size; core++) {
      const square = this.square(core);
      const own = this.floor.pieces[core];
      this.ctx.globalAlpha = lit === null || own.some((piece) => piece.layer === lit) ? 1 : 0.12;
      if (measure.id === "layer") this.layers(own, square);
      else this.amount(measure.share(core), square);
    }
    this.ctx.globalAlpha = 1;
  }

  square(found) {
    return this.floor.square(...this.floor.site(found), this.room);
  }

  // A stripe for each slice; where there is no room for all, the last stripe says that there are more.
  layers(own, [x, y, w, h]) {
    const { ctx } = this;
    const stripes = Math.min(own.length, Math.max(2, Math.floor((h * this.scale) / STRIPE)));
    const shown = own.slice(0, stripes < own.length ? stripes - 1 : stripes);
    if (!own.length) {
      ctx.fillStyle = this.colours.faint;
      this.cell([x, y, w, h]);
    }
    shown.forEach((piece, n) => {
      const band = [x, y + (h * n) / stripes, w, h / stripes];
      ctx.fillStyle = layerColour(piece.layer);
      this.cell(band);
      this.inPixels(band, (px, py, pw, ph) => {
        hatch(ctx, hatchOf(piece.layer), px + 1, py + 1, pw - 2, ph - 2);
        if (pw >= 15 && ph >= 11) this.word(String(piece.layer + 1), px, py, pw, ph, ink(layerColour(piece.layer)));
      });
    });
    if (shown.length < own.length) this.more([x, y + (h * shown.length) / stripes, w, h / stripes]);
  }

  more(band) {
    this.inPixels(band, (x, y, w, h) => {
      this.ctx.fillStyle = this.colours.ink;
      for (const at of [0.25, 0.5, 0.75]) this.ctx.fillRect(x + at * w - 1, y + h / 2 - 1, 2, 2);
    });
  }

  amount(share, square) {
    const { ctx } = this;
    ctx.fillStyle = share === null ? this.colours.faint : this.heat(share);
    this.cell(square);
    if (share === null) return;
    this.inPixels(square, (x, y, w, h) => {
      if (w >= 22 && h >= 16) this.word(String(Math.round(100 * share)), x, y, w, h, ink(this.heat(share)));
    });
  }

  // Draws with pixels as units: text and hatching keep their size.
  inPixels([x, y, w, h], draw) {
    const { ctx, scale, dense } = this;
    ctx.save();
    ctx.setTransform(dense, 0, 0, dense, 0, 0);
    draw(...this.pixels([x, y]), w * scale, h * scale);
    ctx.restore();
  }

  word(text, x, y, w, h, colour) {
    const { ctx } = this;
    const size = Math.min(13, 0.62 * h, (1.5 * w) / Math.max(text.length, 2));
    if (size < 7) return;
    ctx.font = `600 ${size}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillStyle = colour;
    ctx.fillText(text, x + w / 2, y + h / 2 + 0.5);
  }

  links() {
    this.begin();
    const { ctx, floor, colours } = this;
    const dense = this.scale < DENSE;
    ctx.fillStyle = colours.ink;
    ctx.globalAlpha = 0.22;
    for (let core = 0; core < floor.size && !dense; core++) this.cell(this.square(core));
    ctx.globalAlpha = 1;
    const sorted = [...floor.links].sort((a, b) => a.load - b.load);
    for (const link of sorted) {
      const share = floor.mostLoad ? link.load / floor.mostLoad : 0;
      const width = 1.3 + Math.min(9, 0.075 * this.scale) * Math.sqrt(share);
      ctx.strokeStyle = colours.rim; // the darkest are seen on a dark page, the lightest on a light one
      if (!dense) this.line(link, (width + 1.4) / this.scale, width / this.scale);
      ctx.strokeStyle = this.heat(share);
      this.line(link, width / this.scale);
    }
  }

  // The ends of a link's line, beside the middle so that both directions are seen. One around the torus has two stubs.
  ends({ from, to }) {
    const { floor } = this;
    const [a, b] = [floor.middle(from), floor.middle(to)];
    const far = Math.hypot(b[0] - a[0], b[1] - a[1]);
    const [dx, dy] = [(b[0] - a[0]) / far, (b[1] - a[1]) / far];
    const [aside, trim] = this.scale < DENSE ? [0.2, 0.06] : [0.11, 0.27];
    const shifted = ([x, y], along) => [x + dx * along - dy * aside, y + dy * along + dx * aside];
    if (far < 2) return [[shifted(a, trim), shifted(b, -trim)]];
    return [[shifted(a, -trim), shifted(a, -0.5)], [shifted(b, 0.5), shifted(b, trim)]];
  }

  // `inner`: of a rim the width of the line within it, which gives the size of the head.
  line(link, width, inner = width) {
    const { ctx } = this;
    ctx.lineWidth = width;
    for (const [[ax, ay], [bx, by]] of this.ends(link)) {
      const angle = Math.atan2(by - ay, bx - ax);
      const head = Math.min(0.14, 2.2 * inner);
      ctx.beginPath();
      ctx.moveTo(ax, ay);
      ctx.lineTo(bx, by);
      if (this.scale > 24) {
        ctx.moveTo(bx - head * Math.cos(angle - 0.6), by - head * Math.sin(angle - 0.6));
        ctx.lineTo(bx, by);
        ctx.lineTo(bx - head * Math.cos(angle + 0.6), by - head * Math.sin(angle + 0.6));
      }
      ctx.stroke();
    }
  }

  // What stands out: links in the marking colour, each with a rim of the page's colour.
  marked(links) {
    const { ctx, colours } = this;
    for (const [colour, width] of [[colours.page, 9], [colours.mark, 5]]) {
      ctx.strokeStyle = colour;
      for (const [x, y, toX, toY] of links) this.line({ from: [x, y], to: [toX, toY] }, width / this.scale, 5 / this.scale);
    }
  }

  frame([x, y, w, h]) {
    const { ctx, colours } = this;
    for (const [colour, width] of [[colours.page, 5], [colours.mark, 2.5]]) {
      ctx.strokeStyle = colour;
      ctx.lineWidth = width / this.scale;
      ctx.strokeRect(x, y, w, h);
    }
  }

  // From pixels of the canvas to places on the floor.
  place(px, py) {
    return [px / this.scale + this.left, py / this.scale + this.top];
  }

  pixels([x, y]) {
    return [(x - this.left) * this.scale, (y - this.top) * this.scale];
  }
}
