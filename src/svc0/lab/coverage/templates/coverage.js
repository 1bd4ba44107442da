// Tables are sorted by their headings, rows filtered by name, and n and p go from gap to gap.

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((each) => each.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.value;
      const order = (one, other) =>
        value(one).localeCompare(value(other), "en", { numeric: true }) * (down ? -1 : 1);
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
    });
  });
}

for (const input of document.querySelectorAll("[data-filter]")) {
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of document.getElementById(input.dataset.filter).rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    }
  });
}

const gaps = [...document.querySelectorAll("[data-gap]")];

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const here = gaps.indexOf(document.activeElement);
  const next = { n: here + 1, p: here < 0 ? gaps.length - 1 : here - 1 }[event.key];
  const gap = gaps[next];
  if (gap) {
    gap.focus({ preventScroll: true });
    gap.scrollIntoView({ block: "center" });
  }
});
