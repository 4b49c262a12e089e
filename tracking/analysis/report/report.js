"use strict";
// A link into a folded part opens it, and so does printing.
const openAround = (id) => {
  for (let node = document.getElementById(id); node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
};
const openTarget = () => openAround(decodeURIComponent(location.hash.slice(1)));
addEventListener("hashchange", openTarget);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
openTarget();
// Sorting of tables: numbers by value, texts by the reader's alphabet, missing values last.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  if (body.rows.length < 2) continue;
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    if (heading.dataset.group) button.setAttribute("aria-label", `${heading.dataset.group} ${heading.textContent}`);
    heading.textContent = "";
    heading.append(button);
    const numeric = heading.classList.contains("n");
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      // Numbers begin with the highest, p-values and texts with the lowest.
      const highestFirst = numeric && !/^(p|z|McNemar)\b/.test(button.textContent);
      const descending = before ? before === "ascending" : highestFirst;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const sign = descending ? -1 : 1;
      const keyed = [...body.rows].map((row) => {
        const cell = row.cells[column];
        return { row, number: "v" in cell.dataset ? Number(cell.dataset.v) : null, text: cell.textContent };
      });
      keyed.sort((a, b) => {
        if (!numeric) return sign * a.text.localeCompare(b.text, undefined, { numeric: true });
        if (a.number === null || b.number === null) return (a.number === null) - (b.number === null);
        return sign * (a.number - b.number);
      });
      body.append(...keyed.map((item) => item.row));
    });
  });
}
