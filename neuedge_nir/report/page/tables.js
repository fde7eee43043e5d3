// Tables that sort by a click or a key on a column's head: numbers by their value, words by the alphabet.

// Gives every cell its column's name: on a phone the cells of a row stand below each other.
function labelled(table) {
  const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent);
  for (const row of table.tBodies[0].rows) {
    [...row.cells].forEach((cell, column) => { if (column) cell.dataset.label = heads[column]; });
  }
}

const NUMBERS = ["none", "descending", "ascending"];
const WORDS = ["none", "ascending", "descending"];

function sortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const original = [...body.rows];
  heads.forEach((head, column) => {
    const button = element("button", undefined, "sort");
    button.type = "button";
    button.append(...head.childNodes);
    head.replaceChildren(button);
    const turns = original[0]?.cells[column].dataset.value === undefined ? WORDS : NUMBERS;
    button.addEventListener("click", () => {
      const order = turns[turns.indexOf(head.ariaSort || "none") + 1] || "none";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (order !== "none") head.ariaSort = order;
      body.replaceChildren(...(order === "none" ? original : sorted(original, column, order)));
    });
  });
}

function sorted(rows, column, order) {
  const sign = order === "ascending" ? 1 : -1;
  return [...rows].sort((a, b) => sign * compared(a.cells[column], b.cells[column]));
}

// Cells without a value come last when the greatest come first.
function compared(a, b) {
  const [left, right] = [a.dataset.value, b.dataset.value];
  if (left === undefined && right === undefined) return a.textContent.localeCompare(b.textContent, "en");
  return (left === "" || left === undefined ? -Infinity : Number(left))
    - (right === "" || right === undefined ? -Infinity : Number(right)) || 0;
}
