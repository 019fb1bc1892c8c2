"use strict";
// Tables are complete without this script; it lets them be sorted and filtered, and unfolds what is asked for.
(() => {
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
  };

  // Numbers before text, text as people order it (conv2 before conv10), empty cells last either way.
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (typeof a !== typeof b) return typeof a === "number" ? -sign : sign;
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  };

  const makeSortable = (table) => {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    const turn = { none: "ascending", ascending: "descending", descending: "none" };
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const order = turn[heading.getAttribute("aria-sort") || "none"];
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        const rows = [...original];
        if (order !== "none") {
          heading.setAttribute("aria-sort", order);
          const sign = order === "ascending" ? 1 : -1;
          rows.sort((a, b) => compare(valueOf(a, column), valueOf(b, column), sign));
        }
        body.append(...rows);
      });
    });
  };

  let filters = 0;
  const makeFilterable = (table) => {
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const line = document.createElement("div");
    const label = document.createElement("label");
    const input = document.createElement("input");
    const told = document.createElement("output");
    line.className = "filter";
    input.type = "search";
    input.id = `filter-${(filters += 1)}`;
    input.setAttribute("aria-label", `Show only rows of "${table.caption.textContent}" with these words`);
    label.htmlFor = input.id;
    label.textContent = "Rows with";
    told.htmlFor = input.id;
    line.append(label, input, told);
    table.parentElement.before(line);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, i) => {
        row.hidden = !words.every((word) => texts[i].includes(word));
        shown += !row.hidden;
      });
      told.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
    });
  };

  document.querySelectorAll("table").forEach((table) => {
    const rows = table.tBodies[0].rows.length;
    if (rows > 1) makeSortable(table);
    if (rows > 8) makeFilterable(table);
  });

  const unfoldTarget = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && target.closest("details");
    if (folded) {
      folded.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", unfoldTarget);
  unfoldTarget();

  document.querySelectorAll(".unfold").forEach((section) => {
    const button = document.createElement("button");
    const all = [...section.querySelectorAll("details")];
    if (all.length < 2) return;
    button.type = "button";
    button.className = "unfolding";
    const name = () => {
      button.textContent = all.every((details) => details.open) ? "Fold all" : "Unfold all";
    };
    name();
    button.addEventListener("click", () => {
      const open = !all.every((details) => details.open);
      all.forEach((details) => { details.open = open; });
      name();
    });
    all.forEach((details) => details.addEventListener("toggle", name));
    section.querySelector("h2").after(button);
  });

  // Paper cannot be unfolded.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));
})();
