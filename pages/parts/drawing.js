// What everything shares that is drawn in the browser: nodes, texts, numbers, letters' widths, buttons. A component is
// these functions and its own scripts, joined into one module (see component.py).
// Text reaches the page through textContent alone: a token such as <script> is only text.

function element(name, classes, text) {
  const node = document.createElement(name);
  if (classes) node.className = classes;
  if (text !== undefined) node.textContent = text;
  return node;
}

function shape(parent, name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  set(node, attributes);
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

// Most of a picture stays as it is from one step to the next: what a node was given is remembered, and the page is
// touched only where something changes.
const given = new WeakMap();

function set(node, attributes) {
  let known = given.get(node);
  if (!known) given.set(node, (known = {}));
  for (const key in attributes) {
    const value = typeof attributes[key] === "number" ? Math.round(attributes[key] * 100) / 100 : attributes[key];
    if (known[key] === value) continue;
    known[key] = value;
    node.setAttribute(key, value);
  }
}

function write(node, text) {
  let known = given.get(node);
  if (!known) given.set(node, (known = {}));
  if (known.text === text) return;
  known.text = text;
  node.textContent = text;
}

function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
}

function percent(share) {
  if (share >= 0.9995) return "100%";
  if (share >= 0.001) return (share * 100).toFixed(1) + "%";
  return share > 0 ? "<0.1%" : "0%";
}

// The same in as few digits as a table of many has room for.
function roughly(share) {
  if (share >= 0.995) return "100%";
  if (share >= 0.1) return Math.round(100 * share) + "%";
  return percent(share);
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const FONTS = "'Source Sans', 'Noto Sans SC', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif";
const ruler = document.createElement("canvas").getContext("2d");
const measured = new Map();

// What was measured once is known: a step measures nothing.
function remember(key, measure) {
  if (!measured.has(key)) {
    if (measured.size > 5000) measured.clear();
    measured.set(key, measure());
  }
  return measured.get(key);
}

// How many pixels a text takes at a size.
function widthOf(text, size) {
  return remember(`= ${size} ${text}`, () => {
    ruler.font = `${size}px ${FONTS}`;
    return ruler.measureText(text).width;
  });
}

// As much of a word as fits in so many pixels, with … where it was cut.
function fit(text, room, size) {
  return remember(`${size} ${Math.round(room)} ${text}`, () => {
    if (widthOf(text, size) <= room) return text;
    const letters = [...text];
    while (letters.length && widthOf(letters.join("") + "…", size) > room) letters.pop();
    return letters.length ? letters.join("") + "…" : ([...text][0] ?? "");
  });
}

// The word as large as it fits, from `size` pixels down to `least`; cut only where even that is too large.
function shrink(text, room, size, least = 11) {
  return remember(`~ ${size} ${least} ${Math.round(room)} ${text}`, () => {
    const font = clamp((size * room) / Math.max(1, widthOf(text, size)), Math.min(least, size), size);
    return { text: fit(text, room + 0.5, font), font };
  });
}

// A drawn thing that answers to click, Enter and space like a button.
function pressable(node, label, act) {
  set(node, { role: "button", tabindex: 0, "aria-label": label });
  node.addEventListener("click", act);
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    act(event);
  });
}
