// Filters of tables, by choice or by the address (#site=x&finding=y); long tables are shown page by page.
(() => {
  function chosen(form) {
    return Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
  }

  function fits(values, wanted) {
    return Object.entries(wanted).every(([name, value]) => [].concat(values[name]).includes(value));
  }

  function short(form, table) { // all rows stand in the table
    const rows = [...table.tBodies[0].rows];
    return () => {
      const wanted = chosen(form);
      for (const row of rows) row.hidden = !fits(row.dataset, wanted);
      return rows.filter((row) => !row.hidden).length;
    };
  }

  function cell(tag, text, className) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function line(row) {
    const made = document.createElement("tr");
    const head = cell("th", row.page ? "" : row.name);
    head.scope = "row";
    if (row.page) {
      const link = cell("a", row.name);
      link.href = row.page;
      head.append(link);
    }
    const codes = cell("td", "");
    for (const code of row.finding) codes.append(cell("span", code, "code"), " ");
    made.append(head, cell("td", row.outcome.replaceAll("_", " ")), cell("td", row.site), codes,
      cell("td", row.why), cell("td", row.z || "", "number"));
    return made;
  }

  function long(form, table) { // all rows stand in a script element, a page of them in the table
    const rows = JSON.parse(document.getElementById(table.dataset.rows).textContent);
    const shown = Number(table.dataset.shown);
    const place = document.getElementById("recordings-page");
    let first = 0;
    let kept = rows;
    function show() {
      table.tBodies[0].replaceChildren(...kept.slice(first, first + shown).map(line));
      const last = Math.min(first + shown, kept.length);
      place.textContent = kept.length ? `${first + 1} to ${last} of ${kept.length}` : "none";
      for (const button of document.querySelectorAll("[data-page]")) {
        const next = first + shown * Number(button.dataset.page);
        button.disabled = next < 0 || next >= kept.length;
      }
    }
    for (const button of document.querySelectorAll("[data-page]")) {
      button.addEventListener("click", () => { first += shown * Number(button.dataset.page); show(); });
    }
    return () => {
      const wanted = chosen(form);
      kept = rows.filter((row) => fits(row, wanted));
      first = 0;
      show();
      return kept.length;
    };
  }

  for (const form of document.querySelectorAll("[data-filters]")) {
    const table = document.getElementById(form.dataset.filters);
    const apply = table.dataset.rows ? long(form, table) : short(form, table);
    const output = form.querySelector("output");
    const what = output.textContent.replace(/^\d+ /, "");
    const update = () => { output.textContent = `${apply()} ${what}`; };
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
      if (form.elements[name] instanceof HTMLSelectElement) form.elements[name].value = value;
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", update);
    form.addEventListener("reset", () => setTimeout(update));
    update();
  }
})();
