// The two maps of a plan: its cores and its links. Pointer, touch and arrow keys show what a place holds.

const CORES_ROOM = 0.94;
const LINKS_ROOM = 0.46;

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// A name from a file, kept apart from what is around it whatever direction it is written in.
function named(name) {
  return element("bdi", name);
}

class MapView {
  constructor(box, floor, room) {
    this.box = box;
    this.floor = floor;
    this.stage = box.querySelector(".stage");
    this.canvas = box.querySelector("canvas");
    this.tip = box.querySelector(".tip");
    this.drawing = new Drawing(this.canvas, floor, room);
    this.zoom = 1;
    this.chosen = null;
    this.listen();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.point(event));
    canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.choose(null));
    canvas.addEventListener("click", (event) => this.point(event));
    canvas.addEventListener("keydown", (event) => this.press(event));
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && this.chosen === null && this.choose(this.first()));
    canvas.addEventListener("blur", () => this.choose(null));
    for (const button of this.box.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => {
        const step = Number(button.dataset.zoom);
        this.zoom = step ? Math.min(Math.max(this.zoom * step, 1), 8) : 1;
        this.show();
      });
    }
  }

  show() {
    if (!this.stage.clientWidth) return;
    this.drawing.resize(this.stage.clientWidth, this.zoom);
    this.repaint();
  }

  // Draws all anew, or only what is chosen.
  repaint() {
    if (!this.drawing.scale) return;
    this.draw();
    this.drawing.keep();
    this.over();
  }

  paint() {
    if (!this.drawing.scale) return;
    this.drawing.again();
    this.over();
  }

  point(event) {
    const at = this.canvas.getBoundingClientRect();
    const found = this.find(...this.drawing.place(event.clientX - at.left, event.clientY - at.top));
    if (found !== this.chosen) this.choose(found);
  }

  press(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Escape") this.choose(null);
    else if (event.key === "Home") this.choose(this.first());
    else if (event.key === "End") this.choose(this.last());
    else if (ways[event.key]) this.choose(this.chosen === null ? this.first() : this.step(...ways[event.key]));
    else return;
    event.preventDefault();
  }

  choose(found) {
    this.chosen = found;
    this.paint();
    this.tip.hidden = found === null;
    if (found === null) return;
    this.tip.replaceChildren(...this.tell(found));
    this.moveTip(this.spot(found));
  }

  // Beside the place, within the stage as it is scrolled.
  moveTip([x, y]) {
    const { stage, tip, drawing } = this;
    const [px, py] = [(x - this.floor.left) * drawing.scale, (y - this.floor.top) * drawing.scale];
    const [left, right] = [stage.scrollLeft + 4, stage.scrollLeft + stage.clientWidth - tip.offsetWidth - 4];
    const over = px + 18 > right ? px - tip.offsetWidth - 18 : px + 18;
    tip.style.left = `${Math.max(left, Math.min(over, right))}px`;
    const low = stage.scrollTop + Math.max(stage.clientHeight, 120) - tip.offsetHeight - 4;
    tip.style.top = `${Math.max(stage.scrollTop + 4, Math.min(py + 12, low))}px`;
  }
}

class CoreMap extends MapView {
  constructor(box, floor) {
    super(box, floor, CORES_ROOM);
    this.measures = measures(floor);
    this.measure = this.measures[0];
    this.lit = null;
    const select = box.querySelector("select");
    select.replaceChildren(...this.measures.map(({ id, name }) => Object.assign(element("option", name), { value: id })));
    select.addEventListener("change", () => this.use(select.value));
    this.legend = box.querySelector(".legend");
  }

  use(id) {
    this.measure = this.measures.find((measure) => measure.id === id);
    this.legend.replaceChildren(...(id === "layer" ? this.layerLegend() : scale("0", this.measure.top)));
    this.show();
  }

  // A button for every layer, which lets it stand out.
  layerLegend() {
    return this.floor.names.map((name, layer) => {
      const button = element("button", undefined, "layer");
      button.type = "button";
      button.append(element("span", String(layer + 1), `key k${layer % 8} h${hatchOf(layer)}`), named(name));
      const light = (lit) => () => { this.lit = lit; this.repaint(); };
      for (const event of ["pointerenter", "focus"]) button.addEventListener(event, light(layer));
      for (const event of ["pointerleave", "blur"]) button.addEventListener(event, light(null));
      return button;
    });
  }

  draw() {
    this.drawing.cores(this.measure, this.lit);
  }

  over() {
    if (this.chosen !== null) this.drawing.frame(this.drawing.square(this.chosen));
  }

  find(x, y) {
    const core = this.floor.coreAt(x, y, CORES_ROOM);
    return core < 0 ? null : core;
  }

  first() { return this.floor.size ? 0 : null; }
  last() { return this.floor.size ? this.floor.size - 1 : null; }
  step(dx, dy) { return this.floor.next(this.chosen, dx, dy); }
  spot(core) { return this.floor.centre(core); }

  tell(core) {
    const { floor } = this;
    const slot = floor.slots > 1 ? `, slot ${floor.slot[core]}` : "";
    const role = ROLES[floor.role[core]] === "neurons" ? "" : ` · ${ROLES[floor.role[core]]}`;
    const head = element("strong", `core ${core} · chip ${floor.chip[core]}, router ${floor.x[core]},${floor.y[core]}${slot}${role}`);
    return [head, this.slices(core), this.uses(core), this.flow(core)];
  }

  slices(core) {
    const list = element("ul");
    const own = this.floor.pieces[core];
    for (const piece of own.slice(0, 6)) {
      const line = element("li");
      const key = element("span", String(piece.layer + 1), `key k${piece.layer % 8} h${hatchOf(piece.layer)}`);
      line.append(key, named(this.floor.names[piece.layer]), `${piece.copy ? ` @${piece.copy}` : ""} [${piece.text}], ${count(piece.neurons)} neurons`);
      list.append(line);
    }
    if (own.length > 6) list.append(element("li", `and ${own.length - 6} more slices`));
    if (!own.length) list.append(element("li", "no neurons"));
    return list;
  }

  uses(core) {
    const { floor } = this;
    const table = element("table");
    const binds = floor.binding(core);
    floor.limits.forEach((limit, n) => {
      const share = floor.share(core, n);
      if (share === null) return;
      const row = table.insertRow();
      row.append(element("th", limit.name.replaceAll("_", " ")));
      const used = limit.chip ? floor.chipUse[n].get(floor.chip[core]) : floor.used[n][core];
      row.append(element("td", `${count(used)} / ${count(limit.most)}${limit.chip ? " of the chip" : ""}`));
      row.append(element("td", percent(share)), element("td", n === binds ? "binds" : ""));
      if (n === binds) row.className = "binds";
    });
    return table;
  }

  flow(core) {
    const { floor } = this;
    const events = floor.events ? `, ${count(floor.events[core])} synaptic events` : "";
    return element("p", `in a step: ${count(floor.in[core])} messages in, ${count(floor.out[core])} out${events}`);
  }
}

class LinkMap extends MapView {
  constructor(box, floor) {
    super(box, floor, LINKS_ROOM);
    this.flow = null;
    this.order = floor.links.map((_, n) => n).sort((a, b) => floor.links[b].load - floor.links[a].load);
    box.querySelector(".legend").replaceChildren(...scale("0", `${count(floor.mostLoad)} messages/step`));
  }

  draw() {
    this.drawing.links();
  }

  over() {
    if (this.flow) this.drawing.marked(this.flow.links);
    if (this.flow) this.drawing.frame(this.drawing.square(this.flow.core));
    if (this.chosen !== null) this.drawing.marked([this.flat(this.chosen)]);
  }

  flat(link) {
    const { from, to } = this.floor.links[link];
    return [...from, ...to];
  }

  // The link whose line is nearest to a place, if one is near.
  find(x, y) {
    let [best, least] = [null, 0.2];
    this.floor.links.forEach((link, n) => {
      for (const [[ax, ay], [bx, by]] of this.drawing.ends(link)) {
        const far = Math.hypot((ax + bx) / 2 - x, (ay + by) / 2 - y);
        if (far < least) [best, least] = [n, far];
      }
    });
    return best;
  }

  // Arrow keys go from the busiest link to the next.
  first() { return this.order[0] ?? null; }
  last() { return this.order.at(-1) ?? null; }
  step(dx, dy) {
    const at = this.order.indexOf(this.chosen) + (dx + dy > 0 ? 1 : -1);
    return this.order[Math.min(Math.max(at, 0), this.order.length - 1)];
  }

  spot(link) {
    const [[a, b]] = this.drawing.ends(this.floor.links[link]);
    return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  }

  tell(link) {
    const { from, to, load } = this.floor.links[link];
    const share = this.floor.mostLoad ? load / this.floor.mostLoad : 0;
    return [element("strong", `link (${from})-(${to})`),
      element("p", `${count(load)} messages in a step, ${percent(share)} of the busiest link`)];
  }
}

function scale(low, high) {
  return [element("span", low), element("span", undefined, "ramp"), element("span", high)];
}
