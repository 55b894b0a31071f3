"use strict";
// Filter the matrix, and open what is folded before it is printed. The pages read without this.
(() => {
  const form = document.getElementById("filters");
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
  });
  if (!form) return;
  const families = [...document.querySelectorAll("details.family")].map((node) => ({
    node,
    name: node.dataset.family,
    open: node.open,
    rows: [...node.querySelectorAll("tbody tr")].map((row) => ({
      row,
      verdicts: row.dataset.v.split(" "),
      level: row.dataset.l,
      requirements: row.cells[1].textContent,
      text: `${node.dataset.family}::${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase(),
    })),
  }));
  const total = families.reduce((sum, one) => sum + one.rows.length, 0);
  const wanted = (name) => form.elements[name].value.trim();

  function fits(one, verdict, level, requirement, text) {
    if (verdict === "trouble" && one.verdicts.every((each) => each === "passed")) return false;
    if (verdict && verdict !== "trouble" && !one.verdicts.includes(verdict)) return false;
    if (level && one.level !== level) return false;
    if (requirement && !one.requirements.includes(requirement)) return false;
    return !text || one.text.includes(text);
  }

  function show() {
    const verdict = wanted("verdict"), family = wanted("family"), level = wanted("level");
    const requirement = wanted("requirement").toUpperCase(), text = wanted("text").toLowerCase();
    const filtered = Boolean(verdict || family || level || requirement || text);
    let count = 0;
    for (const group of families) {
      let here = 0;
      for (const one of group.rows) {
        const shown = (!family || family === group.name) && fits(one, verdict, level, requirement, text);
        one.row.hidden = !shown;
        here += shown;
      }
      group.node.hidden = !here;
      group.node.open = filtered ? here > 0 : group.open;
      count += here;
    }
    document.getElementById("count").textContent = `${count} of ${total} cases`;
  }

  const given = new URLSearchParams(location.search);
  for (const name of ["verdict", "family", "level", "requirement", "text"]) {
    if (given.has(name)) form.elements[name].value = given.get(name);
  }
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show));
  show();
})();
