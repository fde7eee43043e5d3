// The floor plan: where routers and cores lie, in units of the distance between routers, and what each core holds.
// A mesh is square, with gaps between chips; a hexagonal one has its six neighbours all around.

const GAP = 0.35;
const ROLES = ["neurons", "input", "io", "synapses"];

class Floor {
  constructor(data) {
    Object.assign(this, { data, hex: data.hex, limits: data.limits, names: data.names, slots: data.slots });
    const cores = data.cores;
    for (const key of ["chip", "x", "y", "slot", "role", "in", "out"]) this[key] = column(cores[key]);
    this.events = cores.events ? column(cores.events) : null;
    this.used = cores.used.map(column);
    this.size = this.chip.length;
    this.readPieces(data.pieces);
    this.readLinks(data.links);
    this.chipUse = this.limits.map((limit, n) => (limit.chip ? this.sums(this.used[n]) : null));
    this.across = Math.ceil(Math.sqrt(this.slots));
    this.down = Math.ceil(this.slots / this.across);
    this.routers = this.allRouters();
    this.place();
  }

  readPieces(pieces) {
    const [layer, neurons, run, copy] = [pieces.layer, pieces.neurons, pieces.run, pieces.copy].map(column);
    const spans = pieces.spans.map((ends) => ends.map(column));
    let at = 0;
    this.pieces = column(pieces.per_core).map((many) => {
      const own = [];
      for (const end = at + many; at < end; at++) {
        const ranges = spans.filter(([first]) => first[at] >= 0).map(([first, last]) => `${first[at]}..${last[at] - 1}`);
        own.push({ layer: layer[at], copy: copy[at], neurons: neurons[at], text: run[at] ? ranges[0] : ranges.join(" × ") });
      }
      return own;
    });
  }

  readLinks(links) {
    const [x, y, toX, toY, load] = [links.x, links.y, links.to_x, links.to_y, links.load].map(column);
    this.links = x.map((_, n) => ({ from: [x[n], y[n]], to: [toX[n], toY[n]], load: load[n] }));
    this.mostLoad = this.links.reduce((most, link) => Math.max(most, link.load), 0);
  }

  sums(used) {
    const sums = new Map();
    used.forEach((value, core) => sums.set(this.chip[core], (sums.get(this.chip[core]) || 0) + value));
    return sums;
  }

  // Every router of every chip in use, with cores or without.
  allRouters() {
    const [columns, rows] = this.data.size;
    return this.data.chips.flatMap(([cx, cy]) =>
      [...Array(columns * rows).keys()].map((n) => [cx * columns + (n % columns), cy * rows + Math.floor(n / columns)]));
  }

  // The middle of a router; rows count upwards.
  middle([x, y]) {
    if (this.hex) return [x - y / 2, (-y * Math.sqrt(3)) / 2];
    const [columns, rows] = this.data.size;
    return [x + GAP * Math.floor(x / columns), -y - GAP * Math.floor(y / rows)];
  }

  place() {
    const middles = this.routers.map((router) => this.middle(router));
    const [xs, ys] = [0, 1].map((axis) => middles.map((middle) => middle[axis]));
    const least = (all) => all.reduce((a, b) => Math.min(a, b), Infinity);
    const most = (all) => all.reduce((a, b) => Math.max(a, b), -Infinity);
    this.left = least(xs) - 0.66;
    this.top = least(ys) - 0.66;
    this.width = most(xs) + 0.66 - this.left;
    this.height = most(ys) + 0.66 - this.top;
    this.there = new Map();
    for (let core = 0; core < this.size; core++) this.there.set(this.key([this.x[core], this.y[core]], this.slot[core]), core);
  }

  key([x, y], slot) {
    return `${x},${y},${slot}`;
  }

  // The square of a slot around its router's middle, of which cores take `room`.
  square(router, slot, room) {
    const [mx, my] = this.middle(router);
    const side = (this.hex ? 0.74 : 0.96) * room;
    const [w, h] = [side / this.across, side / this.down];
    return [mx - side / 2 + (slot % this.across) * w, my - side / 2 + Math.floor(slot / this.across) * h, w, h];
  }

  // What is at a place: a core, ~n for the n-th slot of all routers if no core in use is there, or null.
  siteAt(x, y, room) {
    for (const router of this.routersNear(x, y)) {
      for (let slot = 0; slot < this.slots; slot++) {
        const [left, top, w, h] = this.square(router, slot, room);
        if (x >= left && x < left + w && y >= top && y < top + h) return this.there.get(this.key(router, slot)) ?? ~this.unused(router, slot);
      }
    }
    return null;
  }

  unused(router, slot) {
    return this.routers.indexOf(router) * this.slots + slot;
  }

  // The router and the slot of what `siteAt` finds.
  site(found) {
    if (found >= 0) return [[this.x[found], this.y[found]], this.slot[found]];
    return [this.routers[Math.floor(~found / this.slots)], ~found % this.slots];
  }

  position([x, y]) {
    const [columns, rows] = this.data.size;
    return [Math.floor(x / columns), Math.floor(y / rows)];
  }

  // The number of the chip that a router is on.
  chipOf(router) {
    const [column, row] = this.position(router);
    return this.data.chips.findIndex(([x, y]) => x === column && y === row);
  }

  routersNear(x, y) {
    return this.routers.filter((router) => {
      const [mx, my] = this.middle(router);
      return Math.abs(mx - x) <= 0.6 && Math.abs(my - y) <= 0.6;
    });
  }

  // The next core from one in a direction, or the same where there is none.
  next(core, dx, dy) {
    const at = this.centre(core);
    let [best, cost] = [core, Infinity];
    for (let other = 0; other < this.size; other++) {
      const to = this.centre(other);
      const along = (to[0] - at[0]) * dx + (to[1] - at[1]) * dy;
      const aside = Math.abs((to[0] - at[0]) * dy - (to[1] - at[1]) * dx);
      if (along > 0.01 && along + 3 * aside < cost) [best, cost] = [other, along + 3 * aside];
    }
    return best;
  }

  centre(found) {
    const [left, top, w, h] = this.square(...this.site(found), 1);
    return [left + w / 2, top + h / 2];
  }

  // Used / limit; of a limit of chips, what the whole chip uses. Cores without neurons are held against nothing.
  share(core, limit) {
    if (ROLES[this.role[core]] !== "neurons" && ROLES[this.role[core]] !== "synapses") return null;
    const { most, chip } = this.limits[limit];
    return (chip ? this.chipUse[limit].get(this.chip[core]) : this.used[limit][core]) / most;
  }

  // The limit that a core comes nearest to, or -1.
  binding(core) {
    let best = -1;
    this.limits.forEach((_, limit) => {
      const share = this.share(core, limit);
      if (share !== null && (best < 0 || share > this.share(core, best))) best = limit;
    });
    return best;
  }
}
