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

// Slices of a core that are named; of the others the numbers of their layers.
const NAMED = 30;

function keyOf(layer) {
  return element("span", String(layer + 1), `key k${layer % 8} h${hatchOf(layer)}`);
}

class MapView {
  constructor(box, floor, room) {
    this.box = box;
    this.floor = floor;
    this.stage = box.querySelector(".stage");
    this.canvas = box.querySelector("canvas");
    this.tip = box.querySelector(".tip");
    this.live = box.querySelector(".live");
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
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && this.chosen === null && this.say(this.first()));
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
    this.drawing.resize(this.room(), this.zoom);
    this.repaint();
  }

  // Width and height for the map: all of it is seen before it is enlarged.
  room() {
    if (document.documentElement.classList.contains("paper")) return PAPER;
    return [this.stage.clientWidth, Math.max(0.8 * window.innerHeight, 320)];
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
    else if (event.key === "Home") this.say(this.first());
    else if (event.key === "End") this.say(this.last());
    else if (ways[event.key]) this.say(this.chosen === null ? this.first() : this.step(...ways[event.key]));
    else return;
    event.preventDefault();
  }

  // Chooses by key: told to who does not see it, too.
  say(found) {
    this.choose(found);
    this.live.textContent = found === null ? "" : this.tip.innerText;
  }

  choose(found) {
    this.chosen = found;
    this.paint();
    this.tip.hidden = found === null;
    if (found === null) return;
    this.tip.replaceChildren(...this.tell(found));
    this.moveTip(this.spot(found));
  }

  // Beside the place, within the map's width and the window's height; on a phone the style puts it below the map.
  moveTip(place) {
    const { box, canvas, tip, drawing } = this;
    const [outer, inner] = [box, canvas].map((each) => each.getBoundingClientRect());
    const [px, py] = drawing.pixels(place);
    const [x, y] = [px + inner.left - outer.left, py + inner.top - outer.top];
    const right = box.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(4, Math.min(x + 18 > right ? x - tip.offsetWidth - 18 : x + 18, right))}px`;
    const low = window.innerHeight - outer.top - tip.offsetHeight - 4;
    tip.style.top = `${Math.max(48 - outer.top, Math.min(y + 12, low))}px`;
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
    this.legend.classList.toggle("many", id === "layer" && this.floor.names.length > 40);
    this.legend.replaceChildren(...(id === "layer" ? this.layerLegend() : scale("0", this.measure.top)));
    this.show();
  }

  // A button for every layer, which lets it stand out.
  layerLegend() {
    return this.floor.names.map((name, layer) => {
      const button = element("button", undefined, "layer");
      button.type = "button";
      button.append(keyOf(layer), named(name));
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
    return this.floor.siteAt(x, y, CORES_ROOM);
  }

  first() { return this.floor.size ? 0 : null; }
  last() { return this.floor.size ? this.floor.size - 1 : null; }
  step(dx, dy) { return this.floor.next(this.chosen, dx, dy); }
  spot(found) { return this.floor.centre(found); }

  tell(core) {
    const { floor } = this;
    const [router, number] = floor.site(core);
    const where = `chip ${floor.chipOf(router)}, router ${router}${floor.slots > 1 ? `, slot ${number}` : ""}`;
    if (core < 0) return this.unused(where, floor.chipOf(router));
    const role = ROLES[floor.role[core]] === "neurons" ? "" : ` · ${ROLES[floor.role[core]]}`;
    const head = element("strong", `core ${core} · ${where}${role}`);
    return [head, this.slices(core), this.uses(core), this.flow(core)];
  }

  unused(where, chip) {
    const taken = this.floor.chip.filter((each) => each === chip).length;
    const text = `${taken} of the ${count(this.floor.data.usable)} usable cores of this chip are in use`;
    return [element("strong", `not in use · ${where}`), element("p", text)];
  }

  slices(core) {
    const list = element("ul");
    const own = this.floor.pieces[core];
    for (const piece of own.slice(0, NAMED)) {
      const line = element("li");
      const copy = piece.copy ? ` @${piece.copy}` : "";
      line.append(keyOf(piece.layer), named(this.floor.names[piece.layer]), `${copy} [${piece.text}], ${many(piece.neurons, "neuron")}`);
      list.append(line);
    }
    if (own.length > 8) list.className = "long";
    if (own.length > NAMED) {
      const rest = element("li", `and ${many(own.length - NAMED, "more slice")} of `);
      rest.append(...[...new Set(own.slice(NAMED).map((piece) => piece.layer))].map(keyOf));
      list.append(rest);
    }
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
    const events = floor.events ? `, ${many(floor.events[core], "synaptic event")}` : "";
    return element("p", `in a step: ${many(floor.in[core], "message")} in, ${count(floor.out[core])} out${events}`);
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
      element("p", `${many(load, "message")} in a step, ${percent(share)} of the busiest link`)];
  }
}

function scale(low, high) {
  return [element("span", low), element("span", undefined, "ramp"), element("span", high)];
}
