/* The explorer: linked maps of samples, drawn by BokehJS from values packed by tybalt/explorer.py.

   One data source holds all samples; every map draws it with coordinates of its own, so colours
   and selections are the same in all. Everything a mouse can do but the lasso itself, a keyboard
   can do too: the groups of the legend are buttons. */

"use strict";

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const samples = data.samples.split("\n");
const count = samples.length;
const MISSING_COLOUR = "#c8c8c8";
const ROWS_SHOWN = 15;    // of the table of features
const LEVELS_SHOWN = 12;  // of the table of groups
const RINGED = 25;        // at most so many selected samples have a ring around them

/* Cividis, safe for all readers: Nuñez, Anderton and Renslow 2018, doi:10.1371/journal.pone.0199239 */
const SCALE = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115],
  [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]];


// Unpacking

const Whole = { 1: Uint8Array, 2: Uint16Array };

function unpack(text, width) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return new Whole[width](bytes.buffer);
}

function unpackNumbers(packed) {
  const whole = unpack(packed.values, 2);
  const steps = packed.missing ? 65534 : 65535;
  const step = (packed.high - packed.low) / steps;
  return Float32Array.from(whole, (q) => (q > steps ? NaN : packed.low + q * step));
}

/** The bytes of one feature or gene of a block; a block is unpacked when it is first used. */
function bytesOf(block, index) {
  block.bytes ??= unpack(block.values, 1);
  return block.bytes.subarray(index * count, (index + 1) * count);
}


// Colours

const colouring = { kind: 0, item: 0 };  // kind 0: clinical columns; kind k: block k - 1

const hex = ([r, g, b]) => `#${[r, g, b].map((v) => Math.round(v).toString(16).padStart(2, "0")).join("")}`;
const shades = Array.from({ length: 256 }, (_, i) => {
  const position = (i / 255) * (SCALE.length - 1);
  const below = Math.min(Math.floor(position), SCALE.length - 2);
  const part = position - below;
  return hex(SCALE[below].map((v, channel) => v + part * (SCALE[below + 1][channel] - v)));
});

/** A colour as BokehJS takes it fastest: red, green, blue and opacity in one whole number. */
const whole32 = (colour) => parseInt(`${colour.slice(1)}ff`, 16);
const packedShades = shades.map(whole32);

/** The largest byte that is a value: a column with missing values keeps 255 for them. */
const stepsOf = (block, index) => (block.missing[index] ? 254 : 255);

/** What the maps are coloured by: `text` with levels, or `number` with a shade of 0 to 255 each. */
function coloured() {
  if (colouring.kind === 0) return column(colouring.item);
  const block = data.blocks[colouring.kind - 1];
  const [low, high] = [block.low[colouring.item], block.high[colouring.item]];
  const bytes = bytesOf(block, colouring.item);
  const steps = stepsOf(block, colouring.item);
  return {
    kind: "number", name: block.names[colouring.item], low, high,
    shade: (i) => (bytes[i] > steps ? -1 : Math.round((255 * bytes[i]) / steps)),
    value: (i) => (bytes[i] > steps ? NaN : low + ((high - low) * bytes[i]) / steps), note: block.notes[block.names[colouring.item]] ?? "",
  };
}

const column = (index) => unpackColumn(data.columns[index]);

function unpackColumn(packed) {
  if (packed.kind === "text") {
    packed.whole ??= unpack(packed.values, 1);
    return { ...packed, value: (i) => packed.levels[packed.whole[i]], note: "" };
  }
  packed.numbers ??= unpackNumbers(packed);
  const { low, high, numbers } = packed;
  return {
    ...packed, value: (i) => numbers[i], note: "",
    shade: (i) => (Number.isNaN(numbers[i]) ? -1 : Math.round((255 * (numbers[i] - low)) / (high - low || 1))),
  };
}

const readable = (name) => name.replaceAll("_", " ");
const digits = (value) => (typeof value === "string" ? value : Number.isNaN(value) ? "not known" : String(+value.toPrecision(3)));

function recolour() {
  const by = coloured();
  const colours = new Uint32Array(count);
  const texts = new Array(count);
  const levels = by.kind === "text" ? by.colours.map(whole32) : [];
  for (let i = 0; i < count; i++) {
    const shade = by.kind === "number" ? by.shade(i) : 0;
    colours[i] = by.kind === "text" ? levels[by.whole[i]] : shade < 0 ? whole32(MISSING_COLOUR) : packedShades[shade];
    texts[i] = `${readable(by.name)}: ${digits(by.value(i))}`;
  }
  source.data = { ...source.data, colour: colours, shown: texts };
  $("note").textContent = by.note;
  drawLegend(by);
  for (const panel of panels) describe(panel);
  say(`${count.toLocaleString("en")} samples, coloured by ${readable(by.name)}.` +
    (data.omitted.length ? ` Left out for the size of this page: features of ${data.omitted.join(", ")}.` : ""));
}

function element(tag, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

function groupButton(label, n, colour, members) {
  const swatch = element("span", { className: "swatch" });
  swatch.style.background = colour;
  const button = element("button", { type: "button", className: "group", title: label }, swatch,
    element("span", { className: "name" }, label), element("span", { className: "n" }, n.toLocaleString("en")));
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    const pressed = button.getAttribute("aria-pressed") === "true";
    select(pressed ? [] : members());
    button.setAttribute("aria-pressed", String(!pressed));
  });
  return button;
}

function drawLegend(by) {
  const legend = $("legend");
  legend.className = by.kind;
  legend.replaceChildren();
  if (by.kind === "text") {
    const sizes = new Array(by.levels.length).fill(0);
    for (const level of by.whole) sizes[level]++;
    by.levels.forEach((level, code) => legend.append(groupButton(level, sizes[code], by.colours[code],
      () => where((i) => by.whole[i] === code))));
    return;
  }
  const bar = element("i");
  bar.style.background = `linear-gradient(to right, ${SCALE.map(hex).join(", ")})`;
  legend.append(element("div", { className: "scale" }, digits(by.low), bar, digits(by.high)));
  const order = where((i) => by.shade(i) >= 0).sort((a, b) => by.value(a) - by.value(b) || a - b);
  const tenth = Math.ceil(order.length / 10);
  legend.append(groupButton("lowest tenth", tenth, shades[0], () => order.slice(0, tenth)));
  legend.append(groupButton("highest tenth", tenth, shades[255], () => order.slice(-tenth)));
  if (order.length < count) {
    legend.append(groupButton("not known", count - order.length, MISSING_COLOUR, () => where((i) => by.shade(i) < 0)));
  }
}

function where(test) {
  const found = [];
  for (let i = 0; i < count; i++) if (test(i)) found.push(i);
  return found;
}


// Maps

const source = new Bokeh.ColumnDataSource({ data: { sample: samples, colour: new Uint32Array(count), shown: samples } });
const rings = new Bokeh.ColumnDataSource({ data: {} });
const panels = [];

function coordinates(number) {
  const map = data.maps[number];
  map.unpacked ??= [unpackNumbers(map.x), unpackNumbers(map.y)];
  return map.unpacked;
}

/** Lowest and highest coordinate of a map, with those of the new samples that are shown in it. */
function bounds(map, axis) {
  const packed = [map, ...layers.filter((layer) => layer.shown && layer.map === map.name)].map((each) => each[axis]);
  return { low: Math.min(...packed.map((each) => each.low)), high: Math.max(...packed.map((each) => each.high)) };
}

/** Show all points of a map, with some room; one unit of t-SNE is as long across as up. */
function fit(panel) {
  const map = data.maps[panel.number];
  const spans = [bounds(map, "x"), bounds(map, "y")];
  const lengths = spans.map((span) => 1.08 * (span.high - span.low || 1));
  const { clientWidth, clientHeight } = panel.plot;
  if (map.name.startsWith("t-SNE") && clientWidth && clientHeight) {
    const unit = Math.max(lengths[0] / clientWidth, lengths[1] / clientHeight);
    lengths[0] = unit * clientWidth;
    lengths[1] = unit * clientHeight;
  }
  [panel.figure.x_range, panel.figure.y_range].forEach((range, axis) => {
    const middle = (spans[axis].low + spans[axis].high) / 2;
    range.start = range.reset_start = middle - lengths[axis] / 2;
    range.end = range.reset_end = middle + lengths[axis] / 2;
  });
}

function addPanel(position, number) {
  const picker = element("select");
  picker.setAttribute("aria-label", `Map ${position + 1}`);
  data.maps.forEach((map, i) => picker.append(element("option", { value: i, selected: i === number }, map.name)));
  const plot = element("div", { className: "plot" });
  plot.setAttribute("role", "img");
  const kept = element("p", { className: "small kept" });
  $("maps").append(element("div", { className: "map" }, picker, plot, kept));
  const lasso = new Bokeh.LassoSelectTool({ continuous: false });
  const wheel = new Bokeh.WheelZoomTool();
  const tap = new Bokeh.TapTool();
  const hover = new Bokeh.HoverTool({ tooltips: [["", "@sample"], ["", "@shown"]], limit: 2, point_policy: "snap_to_data" });
  const figure = Bokeh.Plotting.figure({
    output_backend: "webgl", sizing_mode: "stretch_both", min_width: 100, min_height: 100,
    tools: [lasso, new Bokeh.BoxSelectTool(), new Bokeh.PanTool(), wheel, tap, hover, new Bokeh.ResetTool(), new Bokeh.SaveTool()],
    x_range: new Bokeh.Range1d(), y_range: new Bokeh.Range1d(), toolbar_location: "right", outline_line_color: null,
  });
  figure.toolbar.logo = null;
  figure.toolbar.active_drag = lasso;
  figure.toolbar.active_scroll = wheel;
  for (const axis of [...figure.below, ...figure.left]) axis.visible = false;
  for (const grid of figure.center) grid.visible = false;
  const panel = { position, number, picker, plot, figure, kept };
  place(panel);
  const size = Math.max(3.5, Math.min(8, 450 / Math.sqrt(count)));
  const points = figure.scatter({ field: `x${position}` }, { field: `y${position}` }, {
    source, size, fill_color: { field: "colour" }, fill_alpha: 0.85, selection_fill_alpha: 0.95,
    line_color: "#333333", line_width: 0.4, line_alpha: 0.5, nonselection_fill_alpha: 0.1, nonselection_line_alpha: 0.03,
  });
  hover.renderers = tap.renderers = lasso.renderers = [points];
  figure.scatter({ field: `x${position}` }, { field: `y${position}` },
    { source: rings, size: size + 9, fill_color: null, line_color: "#d55e00", line_width: 2.5 });
  panel.marks = layers.map((layer) => figure.scatter({ field: "x" }, { field: "y" }, {
    source: layer.source, size: size + 4, marker: "diamond", fill_color: { field: "colour" }, line_color: "#000000", line_width: 1.2,
  }));
  if (panel.marks.length) {
    figure.add_tools(new Bokeh.HoverTool({ tooltips: [["new", "@sample"], ["", "@shown"], ["", "@doubts"]], limit: 2, point_policy: "snap_to_data", renderers: panel.marks }));
  }
  showLayers(panel);
  panels.push(panel);
  picker.addEventListener("change", () => { panel.number = Number(picker.value); place(panel); describe(panel); });
}

function place(panel) {
  const [x, y] = coordinates(panel.number);
  source.data = { ...source.data, [`x${panel.position}`]: x, [`y${panel.position}`]: y };
  ring();
  showLayers(panel);
  fit(panel);
}


// New samples: each cohort is a layer, with a place in one map alone

const layers = data.layers.map((layer) => ({
  ...layer, shown: false, names: layer.samples.split("\n"),
  source: new Bokeh.ColumnDataSource({ data: { x: unpackNumbers(layer.x), y: unpackNumbers(layer.y), sample: layer.samples.split("\n"), doubts: layer.doubts } }),
}));

function showLayers(panel) {
  (panel.marks ?? []).forEach((mark, i) => { mark.visible = layers[i].shown && layers[i].map === data.maps[panel.number].name; });
}

/** Colour the samples of a layer by one of its own columns, and say what the colours mean. */
function colourLayer(layer, index, legend) {
  const by = unpackColumn(layer.columns[index]);
  const levels = by.kind === "text" ? by.colours.map(whole32) : [];
  const shadeOf = (i) => (by.shade(i) < 0 ? whole32(MISSING_COLOUR) : packedShades[by.shade(i)]);
  layer.source.data = {
    ...layer.source.data,
    colour: Uint32Array.from(layer.names, (_, i) => (by.kind === "text" ? levels[by.whole[i]] : shadeOf(i))),
    shown: layer.names.map((_, i) => `${readable(by.name)}: ${digits(by.value(i))}`),
  };
  if (by.kind === "text") {
    legend.replaceChildren(...by.levels.map((level, code) => {
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = by.colours[code];
      return element("li", {}, swatch, `${level} ${by.whole.filter((each) => each === code).length}`);
    }));
  } else {
    legend.replaceChildren(element("li", {}, `${digits(by.low)} (dark) to ${digits(by.high)} (bright)`));
  }
}

function addLayerControls(layer, number) {
  const box = element("input", { type: "checkbox", id: `layer-${number}` });
  const legend = element("ul", { className: "layer-legend small", hidden: true });
  const picker = element("select", { hidden: true });
  picker.setAttribute("aria-label", `Colour of the new samples of ${layer.name}`);
  layer.columns.forEach((packed, i) => picker.append(element("option", { value: i }, readable(packed.name))));
  const where = data.maps.some((map) => map.name === layer.map) ? `in ${layer.map}` : "without a place: the code is constant";
  box.addEventListener("change", () => {
    layer.shown = box.checked;
    picker.hidden = legend.hidden = !layer.shown;
    if (layer.shown && !panels.some((panel) => data.maps[panel.number].name === layer.map)) showMapOf(layer);
    for (const panel of panels) { showLayers(panel); fit(panel); }
    say(`${layer.names.length.toLocaleString("en")} new samples of ${layer.name} are ${layer.shown ? "shown" : "hidden"} ${where}.`);
  });
  picker.addEventListener("change", () => colourLayer(layer, Number(picker.value), legend));
  $("layer-controls").append(element("div", { className: "layer" },
    element("label", {}, box, ` ${layer.name}: ${layer.names.length.toLocaleString("en")} samples, ${where}`), picker, legend));
  colourLayer(layer, 0, legend);
}

/** Put the map in which a layer has its places into the last panel. */
function showMapOf(layer) {
  const number = data.maps.findIndex((map) => map.name === layer.map);
  const panel = panels.at(-1);
  if (number < 0 || !panel) return;
  panel.number = number;
  panel.picker.value = number;
  place(panel);
  describe(panel);
}

function describe(panel) {
  panel.kept.textContent = `It ${data.maps[panel.number].note}.`;
  panel.plot.setAttribute("aria-label",
    `${data.maps[panel.number].name}: ${count} samples, coloured by ${readable(coloured().name)}`);
}

/* All maps are in one document, because they share a source. */
let shown = null;

async function showMaps(wanted) {
  shown?.clear();
  $("maps").replaceChildren();
  $("maps").className = { 1: "one", 2: "two", 4: "four" }[wanted];
  panels.length = 0;
  /* The genes' map first, then the codes' maps; t-SNE before all others. */
  const leads = (number) => /^t-SNE/.test(data.maps[number].name);
  const order = [...data.maps.keys()].sort((a, b) => leads(b) - leads(a));
  for (let i = 0; i < wanted; i++) addPanel(i, order[i % order.length]);
  shown = new Bokeh.Document();
  for (const panel of panels) shown.add_root(panel.figure);
  await Bokeh.embed.add_document_standalone(shown, element("div"), panels.map((panel) => panel.plot));
  for (const panel of panels) describe(panel);
}


// Selection

const say = (text) => { $("status").textContent = text; };
const chosen = () => source.selected.indices;
const select = (indices) => { source.selected.indices = indices; };
const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(part && part * 20 < whole ? 1 : 0)} %` : "–");

function ring() {
  const near = chosen().length <= RINGED ? chosen() : [];
  const columns = Object.keys(source.data).filter((name) => /^[xy]\d$/.test(name));
  rings.data = Object.fromEntries(columns.map((name) => [name, near.map((i) => source.data[name][i])]));
}

function selectionChanged() {
  const picked = chosen();
  const some = picked.length > 0;
  ring();
  for (const button of document.querySelectorAll(".group")) button.setAttribute("aria-pressed", "false");
  $("clear").disabled = $("save").disabled = !some;
  $("composition").hidden = $("apart").hidden = picked.length < 2;
  $("summary").textContent = some
    ? `${picked.length.toLocaleString("en")} of ${count.toLocaleString("en")} samples (${percent(picked.length, count)}).`
    : "Draw around samples on a map, or press a group of the legend.";
  say(some ? `${picked.length.toLocaleString("en")} samples selected.` : "Nothing is selected.");
  $("details").replaceChildren(...(picked.length === 1 ? [detailsOf(picked[0])] : []));
  if (picked.length > 1) { showComposition(); showApart(); }
}

function detailsOf(i) {
  const list = element("dl", {}, element("dt", {}, "sample"), element("dd", {}, samples[i]));
  data.columns.forEach((packed, index) => {
    list.append(element("dt", {}, readable(packed.name)), element("dd", {}, digits(column(index).value(i))));
  });
  return list;
}

function showComposition() {
  const by = column(Number($("composed").value));
  const inside = new Array(by.levels.length).fill(0);
  const all = new Array(by.levels.length).fill(0);
  for (const level of by.whole) all[level]++;
  for (const i of chosen()) inside[by.whole[i]]++;
  const n = chosen().length;
  const rows = [...by.levels.keys()].filter((level) => inside[level]).sort((a, b) => inside[b] - inside[a]);
  $("composition-rows").replaceChildren(...rows.slice(0, LEVELS_SHOWN).map((level) => tableRow(
    by.levels[level], inside[level].toLocaleString("en"), percent(inside[level], n), percent(all[level] - inside[level], count - n))));
  if (rows.length > LEVELS_SHOWN) $("composition-rows").append(tableRow(`and ${rows.length - LEVELS_SHOWN} more`, "", "", ""));
}

function tableRow(...cells) {
  return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
}

/** AUROC of a column of bytes: the chance that a member has a higher value, ties counting half.
    Missing values, above `steps`, do not count; NaN where no member or no other sample has one. */
function separation(bytes, steps, member) {
  const inside = new Float64Array(256);
  const outside = new Float64Array(256);
  for (let i = 0; i < count; i++) (member[i] ? inside : outside)[bytes[i]]++;
  let below = 0, wins = 0, sumInside = 0, sumOutside = 0, n = 0;
  for (let value = 0; value <= steps; value++) {
    n += inside[value];
    wins += inside[value] * (below + outside[value] / 2);
    below += outside[value];
    sumInside += value * inside[value];
    sumOutside += value * outside[value];
  }
  return { auroc: wins / (n * below), inside: sumInside / n / steps, outside: sumOutside / below / steps };
}

function showApart() {
  const member = new Uint8Array(count);
  for (const i of chosen()) member[i] = 1;
  const n = chosen().length;
  if (n === count) { $("apart-rows").replaceChildren(tableRow("all samples are selected", "", "", "")); return; }
  const only = Number($("compared").value);
  const found = [];
  data.blocks.forEach((block, number) => {
    if (number !== only) return;
    block.names.forEach((name, index) => {
      const apart = separation(bytesOf(block, index), stepsOf(block, index), member);
      if (!Number.isNaN(apart.auroc)) found.push({ number, index, name, ...apart });
    });
  });
  found.sort((a, b) => Math.abs(b.auroc - 0.5) - Math.abs(a.auroc - 0.5));
  $("apart-rows").replaceChildren(...found.slice(0, ROWS_SHOWN).map((row) => {
    const block = data.blocks[row.number];
    const [low, span] = [block.low[row.index], block.high[row.index] - block.low[row.index]];
    const button = element("button", { type: "button", title: `colour by ${row.name}` }, row.name);
    button.addEventListener("click", () => colourBy(row.number + 1, row.index));
    return tableRow(button, row.auroc.toFixed(2), digits(low + span * row.inside), digits(low + span * row.outside));
  }));
}

function saveSelection() {
  const file = new Blob([["sample", ...chosen().map((i) => samples[i]), ""].join("\n")], { type: "text/tab-separated-values" });
  const link = element("a", { href: URL.createObjectURL(file), download: "selection.tsv" });
  link.click();
  URL.revokeObjectURL(link.href);
}

function find(event) {
  event.preventDefault();
  const wanted = $("wanted").value.trim().toUpperCase();
  if (!wanted) return;
  const found = where((i) => samples[i].toUpperCase().includes(wanted));
  select(found);
  say(found.length ? `${found.length.toLocaleString("en")} samples have “${$("wanted").value.trim()}” in their id.` : `No sample has “${$("wanted").value.trim()}” in its id.`);
}


// Controls

function colourBy(kind, item) {
  colouring.kind = kind;
  colouring.item = item;
  $("kind").value = kind;
  const names = kind === 0 ? data.columns.map((packed) => readable(packed.name)) : data.blocks[kind - 1].names;
  $("item").replaceChildren(...names.map((name, i) => element("option", { value: i, selected: i === item }, name)));
  recolour();
}

function fillControls() {
  ["clinical column", ...data.blocks.map((block) => block.name)].forEach((name, i) => $("kind").append(element("option", { value: i }, name)));
  data.blocks.forEach((block, i) => $("compared").append(element("option", { value: i }, block.name)));
  $("compared").value = data.blocks.length > 1 ? 1 : 0;
  data.columns.forEach((packed, i) => {
    if (packed.kind === "text") $("composed").append(element("option", { value: i }, readable(packed.name)));
  });
  $("kind").addEventListener("change", () => colourBy(Number($("kind").value), 0));
  $("item").addEventListener("change", () => colourBy(colouring.kind, Number($("item").value)));
  $("composed").addEventListener("change", showComposition);
  $("compared").addEventListener("change", showApart);
  $("count").addEventListener("change", () => showMaps(Number($("count").value)));
  $("clear").addEventListener("click", () => select([]));
  $("save").addEventListener("click", saveSelection);
  $("search").addEventListener("submit", find);
  new ResizeObserver(() => panels.forEach(fit)).observe($("maps"));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") select([]); });
  source.selected.properties.indices.change.connect(selectionChanged);
}

async function start() {
  fillControls();
  $("layers").hidden = !layers.length;
  layers.forEach(addLayerControls);
  colourBy(0, 0);
  await showMaps(matchMedia("(max-width: 900px)").matches ? ($("count").value = 1) : 2);
  document.documentElement.dataset.ready = Math.round(performance.now());
}

start();
