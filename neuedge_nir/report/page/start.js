// Brings the page to life: one plan is shown at a time, with its maps; all of them on paper.

function revive(plan) {
  const data = plan.querySelector("script[type='application/json']");
  const floor = new Floor(JSON.parse(data.textContent));
  const cores = new CoreMap(plan.querySelector(".map.cores"), floor);
  const boxed = plan.querySelector(".map.links");
  const links = boxed ? new LinkMap(boxed, floor) : null;
  for (const button of plan.querySelectorAll("button[data-flow]")) {
    button.addEventListener("click", () => showFlow(plan, links, button, floor));
  }
  cores.use("layer");
  if (links) setTimeout(() => links.show()); // below what is seen first
  return links ? [cores, links] : [cores];
}

function showFlow(plan, links, button, floor) {
  const [link, flow] = button.dataset.flow.split(",").map(Number);
  const again = button.ariaPressed === "true";
  plan.querySelectorAll("button[data-flow]").forEach((other) => { other.ariaPressed = "false"; });
  button.ariaPressed = String(!again);
  links.flow = again ? null : floor.data.hot[link].flows[flow];
  links.paint();
  if (!again) links.box.scrollIntoView({ block: "nearest" });
}

const plans = [...document.querySelectorAll("article.plan")];
const tabs = [...document.querySelectorAll("[role=tab]")];
const alive = new Map();
const opened = []; // for paper
let shown = 0;

function show(chosen) {
  plans.forEach((plan, n) => { plan.hidden = n !== chosen; });
  tabs.forEach((tab, n) => {
    tab.ariaSelected = String(n === chosen);
    tab.tabIndex = n === chosen ? 0 : -1;
  });
  if (!alive.has(chosen)) alive.set(chosen, revive(plans[chosen]));
  else alive.get(chosen).forEach((map) => map.show());
}

function everyMap(act) {
  for (const maps of alive.values()) maps.forEach(act);
}

function choose(n) {
  shown = n;
  show(n);
}

tabs.forEach((tab, n) => {
  tab.addEventListener("click", () => choose(n));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const to = (n + step + tabs.length) % tabs.length;
    choose(to);
    tabs[to].focus();
  });
});

document.querySelectorAll(".scroll > table").forEach((table) => table.tHead && labelled(table));
document.querySelectorAll("table.sortable").forEach(sortable);
show(0);

window.addEventListener("resize", () => everyMap((map) => map.show()));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => everyMap((map) => map.show()));
window.addEventListener("beforeprint", () => {
  document.documentElement.classList.add("paper");
  for (const closed of document.querySelectorAll("details:not([open])")) {
    closed.open = true;
    opened.push(closed);
  }
  plans.forEach((_, n) => show(n));
  plans.forEach((plan) => { plan.hidden = false; });
  everyMap((map) => map.show());
});
window.addEventListener("afterprint", () => {
  document.documentElement.classList.remove("paper");
  for (const each of opened.splice(0)) each.open = false;
  show(shown);
  everyMap((map) => map.show());
});
document.documentElement.dataset.ready = "true";
