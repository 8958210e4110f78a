
"use strict";
(() => {
  const PER_PAGE = 50;
  const RANK = {critical: 0, high: 1, medium: 2, low: 3, info: 4};
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);

  /** Make an element. Text only ever becomes text: nothing here parses markup. */
  function make(name, options = {}, ...children) {
    const {cls, text, ...attributes} = options;
    const node = document.createElement(name);
    if (cls) node.className = cls;
    if (text !== undefined) node.textContent = text;
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children.filter(Boolean));
    return node;
  }
  const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

  /* Light and dark: the reader's system decides until the button does. */
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  /* Which part is on the screen. */
  const links = [...document.querySelectorAll(".top nav a")];
  const parts = links.map((link) => document.querySelector(link.getAttribute("href")));
  function here() {
    let current = 0;
    parts.forEach((part, index) => {
      if (part.getBoundingClientRect().top < innerHeight / 3) current = index;
    });
    links.forEach((link, index) => {
      if (index === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }
  addEventListener("scroll", here, {passive: true});
  here();

  function codeBlock(lines, first, cls = "") {
    const code = make("code");
    lines.forEach((line, index) => {
      const row = make("span", {cls: `row ${cls}`.trim()});
      if (first) row.append(make("span", {cls: "no", text: first + index, "aria-hidden": "true"}));
      for (const [text, kind, marked] of line) {
        const names = [kind && `t-${kind}`, marked && "mark"].filter(Boolean).join(" ");
        row.append(names ? make("span", {cls: names, text}) : document.createTextNode(text));
      }
      row.append("\n");
      code.append(row);
    });
    return make("pre", {cls: "code", tabindex: "0"}, code);
  }

  function body(finding) {
    const rule = data.rules[finding.rule];
    const node = make("div", {cls: "body"});
    if (finding.code.length) node.append(codeBlock(finding.code, finding.first));
    if (finding.more) node.append(make("p", {cls: "sub", text: `and ${plural(finding.more, "more line")}`}));
    const list = make("dl");
    const add = (term, ...content) => {
      if (content.some(Boolean)) list.append(make("dt", {text: term}), make("dd", {}, ...content));
    };
    if (finding.explanation) add(finding.says, finding.explanation);
    if (finding.why) add("Accepted", finding.why);
    add("Why", rule?.why);
    add("How to fix", rule?.fix);
    const places = (name, spans) => make(name, {cls: "flow"},
      ...spans.map(([path, line]) => make("li", {}, make("code", {text: `${path}:${line}`}))));
    if (finding.flow.length) add("Flow", places("ol", finding.flow));
    if (finding.also.length) add("Also at", places("ul", finding.also));
    add("Evidence", finding.trust);
    if (finding.owners) add("Owners", finding.owners);
    if (rule?.links.length) {
      add("Read on", ...rule.links.flatMap((link) => [
        make("a", {href: link, text: link, rel: "noreferrer noopener", target: "_blank"}), " ",
      ]));
    }
    add("Fingerprint", make("code", {text: finding.id}));
    node.append(list);
    if (finding.fix) {
      const kind = finding.fix.safe ? "Safe fix" : "Fix that may change behaviour";
      node.append(make("p", {text: `${kind}: ${finding.fix.what || "the lines become"}`}));
      node.append(finding.fix.code.length
        ? codeBlock(finding.fix.code, finding.fix.line, "add")
        : make("p", {cls: "sub", text: `${plural(finding.fix.gone, "line")} removed`}));
    }
    return node;
  }

  const STATES = {blocks: ["blocks", "tag alarm"], refuted: ["refuted", "tag"],
    suppressed: ["suppressed", "tag"], baselined: ["baselined", "tag"]};
  function card(finding) {
    const [state, cls] = STATES[finding.state] || [];
    const node = make("details", {cls: `card k-${finding.severity}`, id: `f-${finding.id}`},
      make("summary", {},
        make("span", {cls: "sev", text: finding.severity}),
        make("span", {cls: "msg", text: finding.message}),
        state ? make("span", {cls, text: state}) : make("span"),
        make("span", {cls: "where"},
          make("code", {text: `${finding.path}:${finding.line}`}), " · ", finding.rule)));
    node.addEventListener("toggle", () => {
      if (node.open && node.children.length === 1) node.append(body(finding));
    });
    return node;
  }

  /* Findings: filter, order, page. Only one page of them is ever in the document. */
  const haystack = new Map();
  const counts = (one) => one.state === "blocks" || one.state === "open";
  function words(finding) {
    if (!haystack.has(finding)) {
      const code = finding.code.map((line) => line.map((piece) => piece[0]).join("")).join("\n");
      const text = [finding.rule, finding.path, finding.message, finding.explanation, code, finding.id];
      haystack.set(finding, text.join("\n").toLowerCase());
    }
    return haystack.get(finding);
  }
  const ORDERS = {
    worst: () => 0, // as the data comes
    path: (a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line),
    rule: (a, b) => (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : RANK[a.severity] - RANK[b.severity]),
  };
  let page = 0;
  let shown = [];

  function filter() {
    const wanted = new Set([...document.querySelectorAll("[name=severity]:checked")].map((box) => box.value));
    const terms = $("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [state, rule, origin] = ["state", "rule", "origin"].map((id) => $(id).value);
    shown = data.findings.filter((one) =>
      (!wanted.size || wanted.has(one.severity)) && (state ? one.state === state : counts(one))
      && (!rule || one.rule === rule) && (!origin || one.origin === origin)
      && terms.every((term) => words(one).includes(term)));
    shown.sort(ORDERS[$("order").value]);
    page = 0;
    draw();
  }

  function draw() {
    const last = Math.max(0, Math.ceil(shown.length / PER_PAGE) - 1);
    page = Math.min(Math.max(page, 0), last);
    const part = shown.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
    const nothing = data.findings.length ? "Nothing fits the filters." : "Nothing was found.";
    $("list").replaceChildren(...(part.length ? part.map(card) : [make("p", {cls: "empty", text: nothing})]));
    const total = data.findings.filter(counts).length;
    $("told").textContent = `${plural(shown.length, "finding")} of ${total.toLocaleString("en")}`
      + (last ? `, page ${page + 1} of ${last + 1}` : "");
    $("pages").hidden = !last;
    $("page").textContent = `${page + 1} / ${last + 1}`;
    $("before").disabled = page === 0;
    $("after").disabled = page === last;
  }

  function turn(by) {
    page += by;
    draw();
    $("findings").scrollIntoView();
    $("list").querySelector("summary")?.focus({preventScroll: true});
  }

  for (const rule of [...new Set(data.findings.map((one) => one.rule))].sort()) {
    $("rule").append(make("option", {value: rule, text: rule}));
  }
  if (data.findings.length) {
    $("filters").hidden = false;
    let waiting = 0;
    $("filters").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 80);
    });
    $("filters").addEventListener("reset", () => setTimeout(filter));
    $("filters").addEventListener("submit", (event) => event.preventDefault());
  }
  $("before").addEventListener("click", () => turn(-1));
  $("after").addEventListener("click", () => turn(1));

  /* "/" searches; j and k walk through the findings. */
  addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape" && event.target === $("q")) {
      $("q").value = "";
      filter();
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && data.findings.length) {
      event.preventDefault();
      $("q").focus();
    }
    if (event.key === "j" || event.key === "k") {
      const heads = [...$("list").querySelectorAll(".card > summary")];
      const at = heads.indexOf(document.activeElement);
      heads[event.key === "j" ? Math.min(at + 1, heads.length - 1) : Math.max(at - 1, 0)]?.focus();
    }
  });

  /** A table of many rows, a page of them at a time. */
  function table(root, title, columns, rows, cells) {
    if (!root || !rows.length) return;
    const tbody = make("tbody");
    const told = make("span", {role: "status"});
    const before = make("button", {type: "button", text: "← Previous"});
    const after = make("button", {type: "button", text: "Next →"});
    let at = 0;
    const show = () => {
      tbody.replaceChildren(...rows.slice(at, at + PER_PAGE).map((row) => make("tr", {}, ...cells(row))));
      told.textContent = `${at + 1}–${Math.min(at + PER_PAGE, rows.length)} of ${rows.length.toLocaleString("en")}`;
      before.disabled = at === 0;
      after.disabled = at + PER_PAGE >= rows.length;
    };
    before.addEventListener("click", () => { at -= PER_PAGE; show(); });
    after.addEventListener("click", () => { at += PER_PAGE; show(); });
    show();
    const heads = columns.map(([text, cls]) => make("th", {scope: "col", text, cls}));
    const whole = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), tbody);
    const pages = rows.length > PER_PAGE ? make("div", {cls: "pages"}, before, told, after) : null;
    root.append(make("div", {cls: "panel scroll", tabindex: "0", role: "region", "aria-label": title},
      make("h3", {text: title}), whole, pages));
  }

  table($("files"), "By file", [["File"], ["Lines", "n"], ["Detectors that finished"], ["Lines by models", "n"],
    ["Lines missing", "n"], ["Where"], ["Findings", "n"]], data.files, (row) => [
    make("th", {scope: "row"}, make("code", {text: row.path})),
    make("td", {cls: "n", text: row.lines.toLocaleString("en")}),
    make("td", {text: row.engines.join(", ") || "none"}),
    make("td", {cls: "n", text: row.model.toLocaleString("en")}),
    make("td", {cls: row.missing ? "n alarm" : "n", text: row.missing.toLocaleString("en")}),
    make("td", {text: row.where}),
    make("td", {cls: "n", text: row.findings}),
  ]);
  table($("calls"), "Calls outside the loop", [["Purpose"], ["About"], ["Model"], ["In", "n"], ["Out", "n"],
    ["Cost", "n"], ["Seconds", "n"], ["Outcome"]], data.calls, (row) => [
    make("th", {scope: "row", text: row.purpose}),
    make("td", {}, make("code", {text: row.about})),
    make("td", {text: row.model}),
    make("td", {cls: "n", text: row.in.toLocaleString("en")}),
    make("td", {cls: "n", text: row.out.toLocaleString("en")}),
    make("td", {cls: "n", text: row.usd}),
    make("td", {cls: "n", text: row.seconds === null ? "" : row.seconds.toFixed(1)}),
    row.error ? make("td", {}, make("span", {cls: "tag alarm", text: row.error}))
      : make("td", {}, make("details", {}, make("summary", {text: "answered"}), make("pre", {cls: "output", text: row.answer}))),
  ]);
  filter();
})();
