// What every picture of the walkthrough shares, beside what all components share (../drawing.js).

// A sentence whose {names} become nodes, so that words keep their colours.
function sentence(template, nodes) {
  const parts = document.createDocumentFragment();
  for (const part of template.split(/(\{\w+\})/)) {
    const key = part.match(/^\{(\w+)\}$/)?.[1];
    parts.append(key && key in nodes ? nodes[key] : part);
  }
  return parts;
}

// A player's signs are drawn: many fonts have no letter for a pause.
const SIGNS = {
  first: "M1 1H3V11H1ZM11 1V11L4 6Z",
  back: "M9 1V11L2 6Z",
  play: "M3 1V11L10 6Z",
  pause: "M2 1H5V11H2ZM7 1H10V11H7Z",
  forward: "M3 1V11L10 6Z",
  last: "M1 1V11L8 6ZM9 1H11V11H9Z",
};
function sign(name) {
  const drawn = shape(null, "svg", { class: "sign", viewBox: "0 0 12 12", "aria-hidden": true });
  shape(drawn, "path", { d: SIGNS[name] });
  return drawn;
}

const span = (classes, text) => element("span", classes, text);

// A card's title with a remark beside it; the remark is no part of the heading, so that it is not read out with it.
function heading(title, remark) {
  const head = element("div", "head");
  head.append(element("h3", "", title));
  if (remark) head.append(span("mute", remark));
  return head;
}

// A logarithm of a probability, with a real minus sign.
const nats = (value, digits = 2) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);

// A sentence named in another: its beginning is enough where it is long, since it stands elsewhere in full.
const brief = (text, most = 110) => ([...text].length > most ? [...text].slice(0, most).join("") + " …" : text);

const grouped = (count) => Math.round(count).toLocaleString("en-US");

// What there is to know of a source token.
function aboutSource(token, texts) {
  if (token.end) return texts.endToken;
  const times = (count) => (count === 1 ? texts.seenOnce : fill(texts.seen, { count: grouped(count) }));
  if (token.known) return times(token.count);
  if (!token.seen) return texts.unknownToken;
  const { count, min_freq, max_size } = token.seen;
  const kept = { min_freq, max_size: max_size && grouped(max_size) };
  const why = count ? times(count) + texts.between + fill(texts.wouldKeep, kept) : texts.neverSeen;
  return texts.unknownToken + texts.between + why;
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
  // A drawn thing that listened for the focus itself would be a stop of Tab, wanted or not: the root listens for all.
  const tips = new WeakMap();
  root.addEventListener("focusin", ({ target }) => tips.has(target) && target.matches(":focus-visible") && tips.get(target)());
  root.addEventListener("focusout", hide);
  // Nodes that are drawn anew under a pointer at rest were not pointed at.
  let at = null;
  const place = (event) => `${event.clientX} ${event.clientY}`;
  for (const event of ["pointermove", "pointerdown"]) root.addEventListener(event, (moved) => (at = place(moved)));
  // Who clicked wants to see what it did: nothing is said until the pointer has gone elsewhere.
  let clicked = null;
  root.addEventListener("pointerdown", (event) => (clicked = event), true);
  const rests = (event) => clicked !== null && Math.hypot(event.clientX - clicked.clientX, event.clientY - clicked.clientY) < 24;
  const on = (node, words, beside = false) => {
    const tell = () => show(node, words, beside);
    tips.set(node, tell);
    node.addEventListener("pointerenter", (event) => place(event) !== at && !rests(event) && tell());
    node.addEventListener("pointerleave", hide);
    node.addEventListener("click", hide);
  };
  return { on, show, hide, rests };
}

// A strip of steps that is wider than the page fades out at its end, and a button says which steps follow and shows them.
// `ends` gives the pixel at which each step ends.
function makeRest(stage, ends) {
  const more = element("button", "quiet more");
  let texts;
  const show = () => {
    const steps = ends();
    const shown = steps.filter((end) => end <= stage.scrollLeft + stage.clientWidth + 1).length;
    stage.classList.toggle("long", stage.scrollWidth > stage.clientWidth + 4);
    stage.classList.toggle("goes-on", shown < steps.length);
    more.hidden = shown >= steps.length;
    const values = { from: shown + 1, to: steps.length };
    more.textContent = fill(shown + 1 < steps.length ? texts.moreSteps : texts.lastStep, values);
  };
  more.addEventListener("click", () => stage.scrollBy({ left: stage.clientWidth * 0.8, behavior: still() ? "auto" : "smooth" }));
  stage.addEventListener("scroll", show);
  const watcher = new ResizeObserver(show);
  return {
    more,
    watch(words) {
      texts = words;
      watcher.observe(stage);
      show();
    },
    stop: () => watcher.disconnect(),
  };
}
