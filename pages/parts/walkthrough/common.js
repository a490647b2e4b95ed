// What every picture of the walkthrough shares. The files here are joined into one module (see __init__.py).
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

// Most of the picture stays as it is from one step to the next: what a node was given is remembered, and the page is
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

// A sentence whose {names} become nodes, so that words keep their colours.
function sentence(template, nodes) {
  const parts = document.createDocumentFragment();
  for (const part of template.split(/(\{\w+\})/)) {
    const key = part.match(/^\{(\w+)\}$/)?.[1];
    parts.append(key && key in nodes ? nodes[key] : part);
  }
  return parts;
}

const span = (classes, text) => element("span", classes, text);

// A card's title with a remark beside it; the remark is no part of the heading, so that it is not read out with it.
function heading(title, remark) {
  const head = element("div", "head");
  head.append(element("h3", "", title));
  if (remark) head.append(span("mute", remark));
  return head;
}

function percent(share) {
  if (share >= 0.9995) return "100%";
  if (share >= 0.001) return (share * 100).toFixed(1) + "%";
  return share > 0 ? "<0.1%" : "0%";
}

// A logarithm of a probability, with a real minus sign.
const nats = (value, digits = 2) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);

const grouped = (count) => Math.round(count).toLocaleString("en-US");

// What there is to know of a source token.
function aboutSource(token, texts) {
  if (token.end) return texts.endToken;
  if (token.known) return fill(texts.seen, { count: grouped(token.count) });
  if (!token.seen) return texts.unknownToken;
  const { count, min_freq, max_size } = token.seen;
  const values = { count: grouped(count), min_freq, max_size: max_size && grouped(max_size) };
  return texts.unknownToken + " " + fill(count ? texts.wouldKeep : texts.neverSeen, values);
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

// A colour of the house as the canvas wants it; it follows light and dark.
function colour(root, name) {
  const probe = element("i");
  probe.style.color = `var(--${name})`;
  root.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

// A state as 16 squares a row, stronger where a number is larger; grey where it is negative.
function fingerprint(values, positive, negative, strongest) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.min(16, values.length);
  canvas.height = Math.ceil(values.length / canvas.width);
  const paint = canvas.getContext("2d");
  values.forEach((value, index) => {
    paint.globalAlpha = Math.min(1, Math.abs(value) / strongest);
    paint.fillStyle = value < 0 ? negative : positive;
    paint.fillRect(index % canvas.width, Math.floor(index / canvas.width), 1, 1);
  });
  return canvas.toDataURL();
}

// One sentence about whatever the pointer or the keyboard is on. `words` is called when it is shown.
function makeTip(root) {
  const box = element("div", "tip");
  box.hidden = true;
  root.append(box);
  // Above the node; with `beside`, left of a list that it would cover.
  const show = (node, words, beside) => {
    const text = words();
    if (!text) return;
    box.textContent = text;
    box.hidden = false;
    const frame = root.getBoundingClientRect();
    const at = node.getBoundingClientRect();
    box.style.maxWidth = beside ? "16rem" : "";
    const aim = beside ? at.left - box.offsetWidth - 12 : at.left + at.width / 2 - box.offsetWidth / 2;
    const left = clamp(aim, frame.left, frame.right - box.offsetWidth);
    box.style.left = left - frame.left + "px";
    box.style.top = (beside ? at.top + at.height / 2 - box.offsetHeight / 2 : at.top - box.offsetHeight - 6) - frame.top + "px";
  };
  const hide = () => (box.hidden = true);
  const on = (node, words, beside = false) => {
    node.addEventListener("pointerenter", () => show(node, words, beside));
    node.addEventListener("pointerleave", hide);
    node.addEventListener("click", hide);
    node.addEventListener("focus", () => node.matches(":focus-visible") && show(node, words, beside));
    node.addEventListener("blur", hide);
  };
  return { on, show, hide };
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
