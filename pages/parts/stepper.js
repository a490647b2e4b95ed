// Draws one DecodeTrace at one step. All text is set with textContent: a token such as <script> is only text.

const places = new WeakMap(); // an instance's place survives when the page is redrawn around it

function element(name, classes, text) {
  const node = document.createElement(name);
  if (classes) node.className = classes;
  if (text !== undefined) node.textContent = text;
  return node;
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

function percent(share) {
  if (share >= 0.9995) return "100%";
  if (share >= 0.001) return (share * 100).toFixed(1) + "%";
  return share > 0 ? "<0.1%" : "0%";
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".stepper");
  const { steps, source, texts } = data;
  const last = steps.length;
  const clamp = (step) => Math.min(Math.max(step, 1), last);

  let place = places.get(parentElement);
  if (!place || place.identity !== data.identity) {
    document.removeEventListener("keydown", place?.onKey);
    place = { identity: data.identity, step: clamp(data.step), k: data.k, timer: null, onKey: null };
    places.set(parentElement, place);
  }

  // The address follows a moment after the last move, in one message however many keys were pressed.
  function tell() {
    clearTimeout(place.timer);
    place.timer = setTimeout(() => {
      setStateValue("place", { identity: place.identity, step: place.step, k: place.k });
    }, 350);
  }

  function go(step) {
    if (clamp(step) === place.step) return;
    place.step = clamp(step);
    draw();
    tell();
  }

  // The frame is built once a call; draw() fills it for the step.
  root.replaceChildren();
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", texts.label);
  const soFar = element("div", "so-far");
  const controls = element("div", "controls");
  const grid = element("div", "grid");
  const flow = element("div", "card flow");
  const next = element("div", "card");
  const say = element("div", "say");
  say.setAttribute("aria-live", "polite");
  const heat = element("div", "card heat");
  grid.append(flow, next);
  root.append(soFar, controls, grid, say);
  if (steps[0].attention) root.append(heat);

  const words = steps.map((step, index) => {
    const word = element("button", "", step.candidates[0][0]);
    word.title = fill(texts.step, { step: index + 1, steps: last });
    word.addEventListener("click", () => go(index + 1));
    soFar.append(word);
    return word;
  });

  function moveButton(symbol, label, target, classes) {
    const button = element("button", "move " + (classes ?? ""), symbol);
    button.title = label;
    button.setAttribute("aria-label", label);
    button.addEventListener("click", () => go(target()));
    controls.append(button);
    return button;
  }
  const toFirst = moveButton("|◀", texts.first, () => 1);
  const toBack = moveButton("◀", texts.back, () => place.step - 1);
  const toForward = moveButton("▶", texts.forward, () => place.step + 1, "main");
  const toLast = moveButton("▶|", texts.last, () => last);
  const where = element("span", "where");
  const slider = element("input");
  Object.assign(slider, { type: "range", min: 3, max: 20, value: place.k });
  const shown = element("output", "", String(place.k));
  const label = element("label", "", texts.k);
  label.append(slider, shown);
  slider.addEventListener("input", () => {
    place.k = Number(slider.value);
    draw();
    tell();
  });
  controls.append(where, element("span", "mute", texts.keys), label);

  // On the whole page, so that nobody has to click first; but not while someone types or moves the slider.
  function onKey(event) {
    const from = event.composedPath()[0];
    const elsewhere = from !== document.body && !root.contains(from);
    if (elsewhere || from === slider || event.altKey || event.ctrlKey || event.metaKey) return;
    const target = { ArrowLeft: place.step - 1, ArrowRight: place.step + 1, Home: 1, End: last }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    go(target);
  }
  document.removeEventListener("keydown", place.onKey);
  document.addEventListener("keydown", (place.onKey = onKey));

  function sourceToken(token) {
    const node = element("span", token.known ? "token" : "token unknown", token.text);
    if (!token.known) node.title = texts.unknown;
    return node;
  }

  function drawFlow(step) {
    const input = element("div", "cell");
    input.append(element("span", "mute", texts.goesIn), element("b", "", step.input));
    input.append(element("span", "mute", place.step === 1 ? texts.start : texts.fed));
    const looks = element("div", step.attention ? "looks" : "looks context");
    const title = element("div", "title");
    title.append(element("b", "", step.attention ? texts.looks : texts.context));
    looks.append(title, element("div", "mute title", step.attention ? texts.looksNote : texts.contextNote));
    const row = element("div", source.length > 14 ? "source long" : "source");
    source.forEach((token, index) => {
      const column = element("div");
      if (step.attention) {
        const weight = step.attention[index];
        const tower = element("div", "tower");
        const bar = element("i");
        bar.style.height = weight * 100 + "%";
        tower.append(bar);
        column.append(element("div", "share", weight >= 0.005 ? Math.round(weight * 100) + "%" : ""), tower);
      }
      column.append(sourceToken(token));
      row.append(column);
    });
    looks.append(row);
    const output = element("div", "cell out");
    output.append(element("span", "mute", texts.comesOut), element("b", "", step.candidates[0][0]));
    output.append(element("span", "mute", percent(step.candidates[0][1])));
    flow.replaceChildren(input, element("div", "arrow", "↓"), looks, element("div", "arrow", "↓"), output);
  }

  function drawCandidates(step) {
    const title = element("h3", "", texts.next);
    const rows = step.candidates.slice(0, place.k).map(([token, share], index) => {
      const bar = element("div", "bar" + (index ? "" : " top") + (token === "<unk>" ? " unknown" : ""));
      const name = element("span", "name", token);
      name.title = token;
      if (!index) name.append(element("span", "tag", texts.argmax));
      const rail = element("span", "rail");
      const fillBar = element("i");
      fillBar.style.width = (share / step.candidates[0][1]) * 100 + "%";
      rail.append(fillBar);
      bar.append(name, rail, element("span", "share", percent(share)));
      return bar;
    });
    const rest = 1 - step.candidates.slice(0, place.k).reduce((sum, [, share]) => sum + share, 0);
    const count = Math.max(0, data.vocabulary - rows.length).toLocaleString("en-US");
    const note = fill(texts.rest, { count, share: percent(Math.max(0, rest)), entropy: step.entropy.toFixed(1) });
    next.replaceChildren(title, ...rows, element("div", "mute rest", note));
  }

  function drawSay(step) {
    const [[word, share], second] = step.candidates;
    say.replaceChildren(
      sentence(texts.say, {
        input: element("span", "in", step.input),
        count: data.vocabulary.toLocaleString("en-US"),
        word: element("span", "word", word),
        share: percent(share),
      }),
    );
    if (step.attention) {
      const most = step.attention.indexOf(Math.max(...step.attention));
      const looked = element("span", "source-word", source[most].text);
      const told = most === source.length - 1 ? texts.sayLooksEnd : texts.sayLooks;
      say.append(" ", sentence(told, { word: looked, share: percent(step.attention[most]) }));
    }
    if (second && share - second[1] < 0.15) {
      const other = element("span", "in", second[0]);
      say.append(" ", sentence(texts.sayClose, { second: other, share: percent(second[1]) }));
    }
    if (word === "<eos>") say.append(" ", texts.sayEnd);
  }

  function drawHeat() {
    const title = element("h3", "", texts.heat);
    title.append(element("span", "mute", texts.heatNote));
    const table = element("table");
    const head = table.createTHead().insertRow();
    head.append(element("th"));
    for (const token of source) {
      const cell = element("th");
      cell.append(sourceToken(token));
      head.append(cell);
    }
    const body = table.createTBody();
    steps.slice(0, place.step).forEach((step, index) => {
      const row = body.insertRow();
      if (index === place.step - 1) row.className = "now";
      row.append(element("th", "", step.candidates[0][0]));
      step.attention.forEach((weight, column) => {
        const cell = row.insertCell();
        cell.style.background = `color-mix(in srgb, var(--attention) ${4 + 92 * weight}%, transparent)`;
        cell.title = `${step.candidates[0][0]} ← ${source[column].text}: ${percent(weight)}`;
      });
    });
    const scroll = element("div", "scroll");
    scroll.append(table);
    heat.replaceChildren(title, scroll);
  }

  function draw() {
    const step = steps[place.step - 1];
    words.forEach((word, index) => {
      word.className = index + 1 < place.step ? "written" : index + 1 === place.step ? "now" : "later";
    });
    where.textContent = fill(texts.step, { step: place.step, steps: last });
    shown.textContent = String(place.k);
    toFirst.disabled = toBack.disabled = place.step === 1;
    toForward.disabled = toLast.disabled = place.step === last;
    drawFlow(step);
    drawCandidates(step);
    drawSay(step);
    if (step.attention) drawHeat();
  }
  draw();
  return () => document.removeEventListener("keydown", onKey);
}
