"use strict";
{
  // The data, as data.go writes it. A Certificate stays a list of numbers: there are many.
  const [NAMESPACE, NAME, SECRET, KIND, OF, SOURCE, GENERATION, FLAGS, SETTLED, UNREAD, LEFT, ENTRIES, FIRST] = Array(13).keys();
  const [MANAGER, OPERATION, SUBRESOURCE, VERSION, CLASS] = Array(5).keys();
  const [GROUP, FIELD, VERDICT, NEXT, BY, SHOULD, HOW, FIGHT, HOLDERS] = Array(9).keys();
  const OURS = 1, HEALS = 2, STAYS = 1, LIVE = 2, WANTED = 4, ENTRY = 5;

  const $ = (id) => document.getElementById(id);
  const raw = JSON.parse($("data").textContent);
  $("data").remove();
  const strings = [""], writers = [], shapes = [];
  const fieldShape = [], fieldLive = [], fieldWanted = [];
  const add = (to, from) => { for (const item of from) to.push(item); };
  const numbers = ([row, newStrings = [], newWriters = [], newShapes = [], newFields = []]) => {
    add(strings, newStrings);
    add(writers, newWriters);
    add(shapes, newShapes);
    for (const [s, live, wanted = live] of newFields) {
      fieldShape.push(s);
      fieldLive.push(live);
      fieldWanted.push(wanted);
    }
    return row;
  };
  const certificates = raw.certificates.map(numbers);
  const findings = raw.findings.map(numbers).map(([kind, severity, message, ...about]) => {
    const objects = [];
    for (let i = 0; i < about.length; i += 3) objects.push(about.slice(i, i + 3));
    return { severity: strings[severity], message: strings[message], objects };
  });
  const events = raw.events.map(numbers);
  const { at, never, attention, verdicts, classes } = raw.head;

  const ofCertificate = (c) => `${strings[c[NAMESPACE]]}/${strings[c[NAME]]}`;
  const nameOf = (c) => (c[NAMESPACE] ? ofCertificate(c) : strings[c[NAME]]);
  const firstField = (c) => FIRST + ENTRY * c[ENTRIES];
  const fieldsOf = (c) => c.slice(firstField(c));
  const shapeOf = (field) => shapes[fieldShape[field]];
  const live = (field) => strings[fieldLive[field]];
  const wanted = (field) => strings[fieldWanted[field]];
  const pathOf = (shape) => {
    const [group, name] = [strings[shape[GROUP]], strings[shape[FIELD]]];
    return group && !name.startsWith("[") ? `${group}.${name}` : group + name;
  };
  const holdersOf = (shape) => shape.slice(HOLDERS).map((n) => writers[n]);
  const sourceOf = (c) => {
    if (!c[SOURCE]) return "";
    const namespace = c[OF] ? `${strings[c[OF]]}/` : "";
    return `${strings[c[KIND]]}/${namespace}${strings[c[SOURCE]]}`;
  };

  // What hangs on a Certificate by its name.
  const byName = (rows, names) => {
    const found = new Map();
    for (const row of rows) {
      for (const name of names(row)) {
        if (!found.has(name)) found.set(name, []);
        found.get(name).push(row);
      }
    }
    return found;
  };
  const findingsOf = byName(findings, ({ objects }) =>
    objects.filter(([kind]) => strings[kind] === "Certificate").map(([, namespace, name]) => `${strings[namespace]}/${strings[name]}`));
  const eventsOf = byName(events, ([namespace, name]) => [`${strings[namespace]}/${strings[name]}`]);

  // How grave a Certificate is: as tally.go ranks them, and then by its findings.
  const order = verdicts.map(([name]) => name);
  const tones = { unserved: "bad", contested: "bad", drifted: "warn", yielded: "warn", unowned: "warn", ours: "good", error: "bad", warning: "warn" };
  const toneOf = (word) => tones[word] ?? "note";
  const countsOf = (c) => {
    const counts = new Map(order.map((name) => [name, 0]));
    for (const f of fieldsOf(c)) {
      const verdict = strings[shapeOf(f)[VERDICT]];
      if (verdict) counts.set(verdict, counts.get(verdict) + 1);
    }
    if (c[SETTLED]) counts.set("ours", counts.get("ours") + c[SETTLED]);
    return counts;
  };
  const placeOf = shapes.map((s) => attention.indexOf(strings[s[VERDICT]]));
  const rankOf = (c) => {
    const counts = attention.map(() => 0);
    for (let i = firstField(c); i < c.length; i++) {
      const place = placeOf[fieldShape[c[i]]];
      if (place >= 0) counts[place]++;
    }
    return counts.reduce((rank, n) => rank * 100 + Math.min(n, 99), 0);
  };
  const all = certificates.map((c, i) => {
    const found = findingsOf.get(ofCertificate(c)) ?? [];
    const grave = found.filter(({ severity }) => severity !== "info").length;
    return { c, level: 1, key: `${i}`, name: nameOf(c), rank: rankOf(c), grave, found };
  });
  const orders = {
    "": (a, b) => b.rank - a.rank || b.grave - a.grave || orders.name(a, b),
    name: (a, b) => (a.name < b.name ? -1 : 1),
  };

  // Elements. Text is only ever set as text.
  const SVG = "http://www.w3.org/2000/svg";
  const make = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };
  const el = (name, attributes = {}, ...children) => make(document.createElement(name), attributes, children);
  const svg = (name, attributes = {}, ...children) => make(document.createElementNS(SVG, name), attributes, children);
  const slug = (word) => word.split(" ")[0];
  const shape = (name) => svg("svg", { class: "shape", "aria-hidden": "true" }, svg("use", { href: `#s-${name}` }));
  const mark = (word, text = word) => el("span", { class: `mark ${toneOf(word)}` }, shape(toneOf(word)), text);
  const count = (n, thing) => `${n.toLocaleString("en")} ${thing}${n === 1 ? "" : "s"}`;

  // What is chosen. It stands in the address, so that a view can be kept and passed on.
  const choices = ["search", "show", "verdict", "class", "manager", "namespace", "order"];
  let written = "", timer = 0;
  let chosen, rows = [], words = [], sorted = { by: undefined, all: [] };
  const open = new Set(), closed = new Set();
  let active = "", selected = "";

  const writeState = () => {
    const state = new URLSearchParams(choices.filter((id) => $(id).value).map((id) => [id, $(id).value]));
    if (chosen) state.set("at", ofCertificate(chosen.c));
    if (`#${state}` === (location.hash || "#")) return;
    written = `#${state}`;
    history.replaceState(null, "", written);
  };
  const readState = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const id of choices) {
      const value = state.get(id) ?? "";
      if ($(id).tagName === "SELECT" && ![...$(id).options].some((o) => o.value === value)) {
        $(id).append(el("option", { value }, value));
      }
      $(id).value = value;
    }
    const row = all.find(({ c }) => ofCertificate(c) === state.get("at"));
    if (row) {
      open.add(row.key);
      choose(row);
    }
  };

  // Filters. A word is looked up in each string once; then there are only numbers.
  let lower;
  const hitsOf = (word) => {
    lower ??= strings.map((text) => text.toLowerCase());
    const hit = Uint8Array.from(lower, (text) => text.includes(word));
    const byWriter = writers.map((writer) => writer.some((n) => hit[n]));
    const byShape = Uint8Array.from(shapes, (s) =>
      hit[s[VERDICT]] || hit[s[NEXT]] || hit[s[FIGHT]] || pathOf(s).toLowerCase().includes(word) || s.slice(HOLDERS).some((n) => byWriter[n]));
    const byField = new Uint8Array(fieldShape.length);
    for (let f = 0; f < byField.length; f++) byField[f] = byShape[fieldShape[f]] | hit[fieldLive[f]] | hit[fieldWanted[f]];
    return ({ c, found }) => {
      for (let i = NAMESPACE; i <= SOURCE; i++) if (hit[c[i]]) return true;
      if (word.includes("/") && ofCertificate(c).toLowerCase().includes(word)) return true;
      const first = firstField(c);
      for (let i = FIRST; i < first; i += ENTRY) if (byWriter[c[i]]) return true;
      for (let i = first; i < c.length; i++) if (byField[c[i]]) return true;
      return found.some(({ message }) => message.toLowerCase().includes(word));
    };
  };
  // All that is chosen must be true of one field.
  const fieldFilter = () => {
    const [verdict, cls, manager] = ["verdict", "class", "manager"].map((id) => $(id).value);
    if (!verdict && !cls && !manager) return () => true;
    const fits = (writer) => (!cls || strings[writer[CLASS]] === cls) && (!manager || strings[writer[MANAGER]] === manager);
    const byWriter = writers.map(fits);
    const byShape = shapes.map((s) => (!verdict || strings[s[VERDICT]] === verdict) &&
      (cls === "nobody" ? s.length === HOLDERS : (!cls && !manager) || s.slice(HOLDERS).some((n) => byWriter[n])));
    const settled = (!verdict || verdict === "ours") && (!cls || cls === "certshim") && (!manager || manager === "certshim");
    return (c) => {
      for (let i = firstField(c); i < c.length; i++) if (byShape[fieldShape[c[i]]]) return true;
      return settled && c[SETTLED] > 0;
    };
  };
  const sort = (by) => {
    if (sorted.by !== by) sorted = { by, all: all.toSorted(orders[by] ?? orders[""]) };
    return sorted.all;
  };
  const filter = () => {
    words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = words.map(hitsOf), fits = fieldFilter();
    const namespace = $("namespace").value && strings.indexOf($("namespace").value);
    const narrowed = $("verdict").value || $("class").value || $("manager").value || $("namespace").value || words.length > 0;
    const any = $("show").value === "all";
    const found = sort($("order").value).filter((row) =>
      (any || row.rank > 0 || row.grave > 0) && (namespace === "" || row.c[NAMESPACE] === namespace) && fits(row.c) && hits.every((hit) => hit(row)));
    rows = open.size ? found.flatMap((row) => (open.has(row.key) ? [row, ...below(row)] : row)) : found;
    $("count").textContent = `${found.length.toLocaleString("en")} of ${count(all.length, "Certificate")}` +
      (any ? "" : narrowed ? ", of those that need attention" : ": what needs attention");
  };
  // What stands below an open Certificate: its fields, by what they belong to.
  const below = (row) => {
    const groups = Map.groupBy(fieldsOf(row.c), (f) => strings[shapeOf(f)[GROUP]]);
    const out = [];
    for (const [group, list] of groups) {
      const key = `${row.key}:${group}`;
      out.push({ c: row.c, level: 2, key, group, list, parent: row.key });
      if (!closed.has(key)) out.push(...list.map((field, i) => ({ c: row.c, level: 3, key: `${key}:${i}`, field, parent: key })));
    }
    return out;
  };
  const isParent = (row) => row.level === 2 || (row.level === 1 && row.c.length > firstField(row.c));
  const isOpen = (row) => (row.level === 1 ? open.has(row.key) : !closed.has(row.key));
  const toggle = (row) => {
    const set = row.level === 1 ? open : closed;
    if (!set.delete(row.key)) set.add(row.key);
    update();
  };

  // Cells.
  const marked = (text) => {
    const places = words.map((word) => [text.toLowerCase().indexOf(word), word.length]).filter(([i]) => i >= 0).sort(([a], [b]) => a - b);
    const out = [];
    let end = 0;
    for (const [i, length] of places) {
      if (i < end) continue;
      out.push(text.slice(end, i), el("mark", {}, text.slice(i, i + length)));
      end = i + length;
    }
    return [...out, text.slice(end)];
  };
  const cell = (name, ...children) => el("span", { role: "gridcell", class: `cell-${name}` }, ...children);
  const twisty = (row) => (isParent(row)
    ? svg("svg", { class: "twisty", viewBox: "0 0 8 8", "aria-hidden": "true" }, svg("path", { d: "M2 0l5 4-5 4z" }))
    : svg("svg", { class: "twisty", "aria-hidden": "true" }));
  const classesOf = (list) => {
    const counts = new Map();
    for (const s of list.map(shapeOf)) {
      const names = new Set(holdersOf(s).map((w) => strings[w[CLASS]]));
      for (const name of names.size ? names : ["nobody"]) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  };
  // A stripe has a column for each field, parted among those who hold it.
  const stripe = (list) => svg("svg", { class: "stripe", viewBox: `0 0 ${Math.max(list.length, 16)} 12`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...list.slice(0, 96).flatMap((f, i) => {
      const names = [...new Set(holdersOf(shapeOf(f)).map((w) => strings[w[CLASS]]))];
      if (names.length === 0) names.push("nobody");
      return names.map((name, k) => svg("rect", {
        class: `c-${slug(name)}`, x: i + 0.08, width: 0.84, y: (12 / names.length) * k, height: 12 / names.length - (k < names.length - 1 ? 1 : 0),
      }));
    }));
  const holderWords = (list, settled) => {
    const counts = classesOf(list);
    if (settled) counts.set("certshim", (counts.get("certshim") ?? 0) + settled);
    const others = [...counts].sort(([a, m], [b, n]) => (a === "certshim") - (b === "certshim") || n - m);
    return others.map(([name, n]) => `${name} ${n}`).join(", ");
  };
  const holder = (writer, operation = true) => el("span", { class: `holder c-${slug(strings[writer[CLASS]])}` },
    shape(slug(strings[writer[CLASS]])), ...marked(strings[writer[MANAGER]] || '""'),
    ...(operation ? [el("span", { class: "soft" }, ` ${strings[writer[OPERATION]]}${writer[SUBRESOURCE] ? ` /${strings[writer[SUBRESOURCE]]}` : ""}`)] : []));
  const nobody = () => el("span", { class: "holder" }, shape("nobody"), "nobody");
  const verdictMarks = ({ c, found }) => {
    const counts = [...countsOf(c)].filter(([, n]) => n > 0);
    const telling = counts.filter(([name]) => attention.includes(name));
    const out = (telling.length ? telling : counts).slice(0, 2).map(([name, n]) => mark(name, `${n} ${name}`));
    if (!(c[FLAGS] & OURS)) out.push(el("span", { class: "soft" }, "not certshim’s"));
    if (found.length) out.push(el("span", { class: "soft" }, count(found.length, "finding")));
    return out;
  };
  const cells = {
    1: (row) => [
      cell("name", twisty(row), el("span", { class: "name" }, el("span", { class: "of" }, ...marked(strings[row.c[NAMESPACE]])), el("span", {}, row.c[NAMESPACE] ? "/" : "", ...marked(strings[row.c[NAME]])))),
      cell("verdict", ...verdictMarks(row)),
      cell("holders", stripe(fieldsOf(row.c)), el("span", { class: "soft" }, holderWords(fieldsOf(row.c), row.c[SETTLED]))),
      cell("value", el("span", {}, ...(row.c[SOURCE] ? marked(sourceOf(row.c)) : ["no source"]))),
    ],
    2: (row) => [
      cell("name", twisty(row), el("span", { class: "path" }, ...marked(row.group || "(top)"))),
      cell("verdict"),
      cell("holders", el("span", { class: "soft" }, holderWords(row.list))),
      cell("value", el("span", { class: "soft" }, count(row.list.length, "field"))),
    ],
    3: (row) => {
      const s = shapeOf(row.field), holders = holdersOf(s);
      return [
        cell("name", el("code", {}, ...marked(strings[s[FIELD]]))),
        cell("verdict", ...(s[VERDICT] ? [mark(strings[s[VERDICT]])] : [])),
        cell("holders", ...(holders.length ? holders.map((w) => holder(w)) : [nobody()])),
        cell("value", el("code", { class: "value" }, ...valueWords(row.field))),
      ];
    },
  };
  const valueWords = (field) => {
    const how = shapeOf(field)[HOW];
    if (!(how & LIVE)) return how & WANTED ? ["not there, wanted ", ...marked(wanted(field))] : ["not there"];
    return how & WANTED && wanted(field) !== live(field) ? [...marked(live(field)), ", wanted ", ...marked(wanted(field))] : marked(live(field));
  };
  const rowElement = (row, i, height) => {
    const element = el("div", {
      role: "row", id: `row-${i}`, "aria-rowindex": i + 2, "aria-level": row.level, "aria-selected": row.key === selected,
      "aria-expanded": isParent(row) ? isOpen(row) : undefined, class: row.key === active ? "active" : undefined,
    }, ...cells[row.level](row));
    element.style.setProperty("top", `${i * height}px`);
    return element;
  };

  // The list draws only the rows that can be seen, and some around.
  const overscan = 10, printed = 2000;
  let printing = false, frame = 0;
  const heightOf = () => parseFloat(getComputedStyle(document.documentElement).fontSize) *
    parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
  const draw = () => {
    frame = 0;
    const height = heightOf(), grid = $("grid");
    let first = Math.max(0, Math.floor(grid.scrollTop / height) - overscan);
    let last = Math.min(rows.length, Math.ceil((grid.scrollTop + grid.clientHeight) / height) + overscan);
    if (printing) [first, last] = [0, Math.min(rows.length, printed)];
    $("rows").style.setProperty("height", `${rows.length * height}px`);
    $("rows").replaceChildren(...rows.slice(first, last).map((row, i) => rowElement(row, first + i, height)));
    if (rows.length === 0) $("rows").append(el("div", { role: "row" }, el("span", { role: "gridcell", class: "soft" }, "Nothing fits.")));
    grid.setAttribute("aria-rowcount", rows.length + 1);
    const i = rows.findIndex(({ key }) => key === active);
    if (i >= first && i < last) grid.setAttribute("aria-activedescendant", `row-${i}`);
    else grid.removeAttribute("aria-activedescendant");
  };
  const later = () => { frame ||= requestAnimationFrame(draw); };
  const update = () => {
    filter();
    draw();
    clearTimeout(timer);
    timer = setTimeout(writeState, 200);
  };

  // Keys and clicks.
  const go = (i) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, i))];
    if (!row) return;
    active = row.key;
    const grid = $("grid"), height = heightOf(), top = rows.indexOf(row) * height;
    const seen = grid.clientHeight - $("columns").offsetHeight;
    if (top < grid.scrollTop) grid.scrollTop = top;
    if (top + height > grid.scrollTop + seen) grid.scrollTop = top + height - seen;
    draw();
  };
  const choose = (row) => {
    [chosen, selected, active] = [row, row.key, row.key];
    $("detail").replaceChildren(...detail(row));
    $("detail").scrollTop = 0;
  };
  const page = () => Math.max(1, Math.floor($("grid").clientHeight / heightOf()) - 2);
  const keys = {
    ArrowDown: (i) => go(i + 1),
    ArrowUp: (i) => go(i - 1),
    PageDown: (i) => go(i + page()),
    PageUp: (i) => go(i - page()),
    Home: () => go(0),
    End: () => go(rows.length - 1),
    ArrowRight: (i) => (isParent(rows[i]) && !isOpen(rows[i]) ? toggle(rows[i]) : isParent(rows[i]) && go(i + 1)),
    ArrowLeft: (i) => (isParent(rows[i]) && isOpen(rows[i]) ? toggle(rows[i]) : go(rows.findIndex(({ key }) => key === rows[i].parent))),
    Enter: (i) => {
      choose(rows[i]);
      update();
      $("detail").focus();
    },
  };
  $("grid").addEventListener("keydown", (event) => {
    const i = rows.findIndex(({ key }) => key === active);
    const move = keys[event.key === " " ? "Enter" : event.key];
    if (!move || rows.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (i < 0) go(0);
    else if (event.key !== "ArrowLeft" || rows[i].parent || isOpen(rows[i])) move(i);
  });
  $("grid").addEventListener("focus", () => {
    if (!rows.some(({ key }) => key === active)) go(Math.ceil($("grid").scrollTop / heightOf()));
  });
  $("rows").addEventListener("click", (event) => {
    const element = event.target.closest("[aria-rowindex]");
    const row = element && rows[element.getAttribute("aria-rowindex") - 2];
    if (!row) return;
    choose(row);
    if (isParent(row) && (event.target.closest(".twisty") || row.level === 2 || !isOpen(row))) toggle(row);
    else update();
  });
  $("grid").addEventListener("scroll", later, { passive: true });
  new ResizeObserver(later).observe($("grid"));
  $("detail").addEventListener("keydown", (event) => {
    if (event.key === "Escape") $("grid").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    event.preventDefault();
    $("search").focus();
    $("search").select();
  });
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !$("search").value) $("grid").focus();
  });
  const changed = () => {
    $("grid").scrollTop = 0;
    update();
  };
  for (const id of choices) $(id).addEventListener("input", changed);
  $("clear").addEventListener("click", () => {
    for (const id of choices) $(id).value = "";
    changed();
  });
  addEventListener("hashchange", () => {
    if (location.hash === written) return;
    readState();
    changed();
  });
  addEventListener("beforeprint", () => {
    printing = true;
    $("left").hidden = rows.length <= printed;
    $("left").textContent = `${count(rows.length - printed, "more row")} of this view are not printed.`;
    draw();
  });
  addEventListener("afterprint", () => {
    printing = false;
    $("left").hidden = true;
    draw();
  });

  // The details of a Certificate, and of one of its fields.
  const when = (ago) => {
    if (ago === never) return "no time recorded";
    const text = `${new Date((at - ago) * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
    if (ago < -60) return `${text}, later than this report`;
    const [unit, size] = [["day", 86400], ["hour", 3600]].find(([, s]) => ago >= s) ?? ["minute", 60];
    return `${text}, ${count(Math.max(0, Math.floor(ago / size)), unit)} before this report`;
  };
  const list = (terms) => el("dl", {}, ...terms.filter(([, value]) => value !== "").flatMap(([term, ...value]) => [el("dt", {}, term), el("dd", {}, ...value)]));
  const newest = (a, b) => (a.ago === never) - (b.ago === never) || a.ago - b.ago;
  const timeline = (c) => {
    const out = [];
    for (let i = FIRST; i < firstField(c); i += ENTRY) {
      const [writer, ago, held, alone, status] = c.slice(i, i + ENTRY);
      const version = strings[writers[writer][VERSION]];
      out.push({ ago, item: [holder(writers[writer]), ` holds ${count(held, "field")}, ${alone} alone`,
        status ? `, and ${count(status, "field")} of the status` : "", version && version !== "cert-manager.io/v1" ? `; as ${version}` : ""] });
    }
    for (const [, , ago, times, type, reason, message, reporter] of eventsOf.get(ofCertificate(c)) ?? []) {
      out.push({ ago, item: [mark(strings[type] === "Normal" ? "note" : "warning", `Event ${strings[reason]}`),
        ` ${strings[message]}`, el("span", { class: "soft" }, ` ${strings[reporter]}${times > 1 ? `, ${times} times` : ""}`)] });
    }
    return el("ol", {}, ...out.sort(newest).map(({ ago, item }) => el("li", {}, el("time", {}, when(ago)), ...item)));
  };
  const because = { source: "its source asks for it", rule: "a rule leaves it to them", nobody: "nobody asks for it" };
  const fieldDetail = (c, field) => {
    const s = shapeOf(field), how = s[HOW], holders = holdersOf(s);
    const entryTime = (n) => {
      for (let i = FIRST; i < firstField(c); i += ENTRY) if (c[i] === n) return when(c[i + 1]);
      return "";
    };
    const verdict = strings[s[VERDICT]];
    return [
      el("h3", {}, el("code", {}, pathOf(s))),
      list([
        ["Verdict", ...(verdict ? [mark(verdict), `: ${verdicts.find(([name]) => name === verdict)?.[1] ?? ""}`] : ["none: no source that owns the Certificate asks for it"])],
        ["Live", how & LIVE ? el("pre", {}, live(field)) : "not there"],
        ["Wanted", how & WANTED ? el("pre", {}, wanted(field)) : "not asked for"],
        ["Held by", ...(holders.length ? s.slice(HOLDERS).map((n) => el("div", {}, holder(writers[n]), el("span", { class: "soft" }, `; its entry last changed ${entryTime(n)}`))) : [nobody()])],
        ["Should be", s[BY] ? `${strings[s[SHOULD]] || "nobody"}, since ${because[strings[s[BY]]] ?? strings[s[BY]]}` : ""],
        ["Next apply", strings[s[NEXT]] || (verdict ? "leaves it as it is" : "")],
        ["Fight", strings[s[FIGHT]]],
        ["If dropped", how & STAYS ? "Removing it from the source would not remove it: somebody else applies it too." : ""],
      ]),
    ];
  };
  const detail = (row) => {
    const { c } = row, found = findingsOf.get(ofCertificate(c)) ?? [];
    const total = fieldsOf(c).length + c[SETTLED];
    return [
      el("h2", {}, nameOf(c)),
      list([
        ["Secret", strings[c[SECRET]]],
        ["Source", sourceOf(c) || "none"],
        ["Generation", c[GENERATION] ? `${c[GENERATION]}` : ""],
        ["Fields", `${total}${c[SETTLED] ? ", all held by certshim alone and as wanted" : ""}`],
        ["Unreadable", c[UNREAD] ? `${c[UNREAD]} of its entries of managedFields` : ""],
        ["Left out", c[LEFT] ? `${c[LEFT]} fields and entries, since there are so many` : ""],
        ["Healing", c[FLAGS] & HEALS ? "An entry is of a version that is no longer served, so that every apply fails; certshim audit -o json has the patch that mends it." : ""],
      ]),
      ...(found.length ? [el("h3", {}, "Findings"), el("ul", {}, ...found.map(({ severity, message }) => el("li", {}, mark(severity), ` ${message}`)))] : []),
      ...(row.level === 3 ? fieldDetail(c, row.field) : []),
      el("h3", {}, "Entries and Events, the newest first"),
      timeline(c),
      el("p", { class: "hint" }, "managedFields keep no history: an entry has one time, of its last change of a value. For a field that is “not after”, never “since”.",
        eventsOf.has(ofCertificate(c)) ? "" : " No Events of this Certificate were read."),
      el("details", {}, el("summary", {}, "How to read it"), ...legend()),
    ];
  };

  // Legend, choices, and the charts as filters.
  const legend = () => [
    el("p", {}, "Choose a row for its details. The stripe of a Certificate has a column for each field, parted among those who hold it."),
    el("h3", {}, "Holders"),
    el("p", { class: "legend" }, ...classes.map((name) => el("span", { class: `holder c-${slug(name)}` }, shape(slug(name)), name)), nobody()),
    el("h3", {}, "Verdicts"),
    list(verdicts.map(([name, text]) => [mark(name), text])),
  ];
  const options = (id, values) => $(id).append(...values.map((value) => el("option", { value }, value)));
  const frequent = () => {
    const counts = new Map();
    for (const c of certificates) {
      for (let i = FIRST; i < firstField(c); i += ENTRY) {
        const name = strings[writers[c[i]][MANAGER]];
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
    return [...counts].sort(([, a], [, b]) => b - a).slice(0, 500).map(([name]) => name).filter(Boolean);
  };
  options("verdict", order);
  options("class", [...classes, "nobody"]);
  options("manager", frequent());
  options("namespace", [...new Set(certificates.map((c) => strings[c[NAMESPACE]]))].filter(Boolean).sort().slice(0, 2000));
  for (const chart of document.querySelectorAll("table.chart")) {
    for (const head of chart.querySelectorAll("[data-value]")) {
      const button = el("button", { type: "button" });
      button.append(...[...head.childNodes].filter((node) => !node.matches?.(".bar")));
      head.prepend(button);
      button.addEventListener("click", () => {
        for (const id of choices) $(id).value = "";
        $("show").value = "all";
        const { filter: id } = chart.dataset, { value } = head.dataset;
        if (![...$(id).options].some((o) => o.value === value)) options(id, [value]);
        $(id).value = value;
        changed();
        $("all").scrollIntoView();
      });
    }
  }

  if (all.length > 0) {
    if ($("worst")) $("worst").hidden = true;
    $("all").hidden = false;
    $("detail").replaceChildren(el("h2", {}, "How to read it"), ...legend());
    readState();
    update();
  }
}
