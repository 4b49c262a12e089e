// Sorting of tables: numbers by their value, words by the reader's alphabet, what is missing last.
"use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  if (body.rows.length < 2) continue;
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.textContent = "";
    heading.append(button);
    button.addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending" ||
        (!heading.hasAttribute("aria-sort") && heading.classList.contains("n") && !heading.textContent.startsWith("p"));
      const again = heading.getAttribute("aria-sort") === "descending";
      const sign = descending && !again ? -1 : 1;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
      const keyed = [...body.rows].map((row) => {
        const cell = row.cells[column];
        const number = "v" in cell.dataset ? Number(cell.dataset.v) : null;
        return { row, number, words: cell.textContent };
      });
      const numeric = heading.classList.contains("n");
      keyed.sort((a, b) => {
        if (!numeric) return sign * a.words.localeCompare(b.words, undefined, { numeric: true });
        if (a.number === null || b.number === null) return (a.number === null) - (b.number === null);
        return sign * (a.number - b.number);
      });
      body.append(...keyed.map((entry) => entry.row));
    });
  });
}
