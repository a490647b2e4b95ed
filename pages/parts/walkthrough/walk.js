// The walkthrough: the sentence so far, the controls, the picture, what it says, and the cards below it.

function makeWalk(root) {
  const view = { timer: null, telling: null, place: null, data: null, ways: null, waiting: null };
  let texts, send;
  root.setAttribute("role", "region");
  const soFar = element("div", "so-far");
  const controls = element("div", "controls");
  const stage = element("div", "stage");
  const svg = shape(stage, "svg", { class: "picture", role: "group" });
  const take = element("div", "take");
  const say = element("div", "say");
  say.setAttribute("aria-live", "polite");
  const cards = element("div", "cards");
  const waysCard = element("section", "card ways");
  const cutCard = element("section", "card cut");
  cards.append(waysCard, cutCard);
  const sumsCard = element("section", "card sums");
  sumsCard.hidden = true;
  const note = element("p", "note");
  note.setAttribute("role", "status");
  root.append(controls, soFar, stage, say, note, take, sumsCard, cards);
  const tip = makeTip(root);

  const steps = () => view.ways.get(view.place.way).steps;
  const act = {
    go,
    follow,
    walk,
    open,
    prune: (id) => ask({ kind: "prune", way: id }, `way-${parentOf(id)}`),
    undo: () => ask({ kind: "undo" }),
    count: () => ask({ kind: "count" }),
    cut: (words) => ask({ kind: "cut", words }),
    canFollow: (candidate) => !view.data.offline || view.ways.has(wayTo(view.ways, view.place.way, view.place.step, candidate.id)),
  };
  const picture = makePicture(root, svg, tip, act);

  // Buttons and sliders, made once; their words follow the language.
  const moves = {};
  for (const [name, target] of [
    ["first", () => 1],
    ["back", () => view.place.step - 1],
    ["play", null],
    ["forward", () => view.place.step + 1],
    ["last", () => steps().length],
  ]) {
    moves[name] = element("button", name === "play" ? "move play" : "move");
    moves[name].append(sign(name));
    moves[name].dataset.focus = name;
    moves[name].addEventListener("click", target ? () => go(target()) : toggle);
    controls.append(moves[name]);
  }
  const speed = element("select", "speed");
  for (const pace of [0.5, 1, 2, 4]) {
    const option = element("option", "", pace + "×");
    option.value = pace;
    option.selected = pace === 1;
    speed.append(option);
  }
  speed.dataset.focus = "speed";
  speed.addEventListener("change", () => view.timer && (stop(), toggle()));
  const where = span("where");
  const sliders = {};
  const slider = (name, low, high, step, read) => {
    const label = element("label");
    const words = span("");
    const input = element("input");
    Object.assign(input, { type: "range", min: low, max: high, step });
    input.dataset.focus = name;
    const shown = element("output");
    label.append(words, input, shown);
    input.addEventListener("input", () => {
      view.place[name] = read(input.value);
      draw();
      tell();
    });
    sliders[name] = { label, words, input, shown };
    return label;
  };
  const choices = element("div", "choices");
  choices.append(slider("k", 3, 20, 1, Number), slider("temperature", 0.1, 2, 0.1, (value) => Math.round(value * 10) / 10));
  const shows = {};
  for (const name of ["showAttention", "showStates"]) {
    const label = element("label", "switch");
    const input = element("input");
    Object.assign(input, { type: "checkbox", checked: true });
    input.dataset.focus = name;
    const words = span("");
    label.append(input, words);
    input.addEventListener("change", draw);
    shows[name] = { label, input, words };
    choices.append(label);
  }
  controls.append(speed, where, choices);

  // Files to take along; the server writes them, so that a saved page has none.
  const saves = {};
  for (const kind of ["html", "csv", "gif"]) {
    saves[kind] = element("button", "quiet");
    saves[kind].dataset.focus = `save-${kind}`;
    saves[kind].addEventListener("click", () => (kind === "gif" ? saveAnimation() : ask({ kind: "save", file: kind })));
  }
  const takeWords = span("mute");
  take.append(takeWords, ...Object.values(saves));

  async function saveAnimation() {
    stop();
    saves.gif.disabled = true;
    const { step } = view.place;
    const styles = pictureStyles(root);
    // Of very many steps every second, third, …, and the last.
    const every = Math.ceil(steps().length / (MOST_FRAMES - 1));
    const frames = [];
    const last = steps().length;
    const drawn = Array.from({ length: last }, (_, i) => i + 1).filter((at) => (at - 1) % every === 0 || at === last);
    saves.gif.textContent = every > 1 ? fill(texts.drawingSome, { frames: drawn.length, steps: last }) : texts.drawingGif;
    for (const at of drawn) {
      picture.draw({ ...view.place, step: at });
      frames.push(await frame(svg, styles, root, steps().map((one) => one.chosen.token), at));
    }
    view.place.step = step;
    draw();
    ask({ kind: "save", file: "gif", frames });
  }

  function toggle() {
    if (view.timer) return stop();
    if (view.place.step === steps().length) go(1);
    view.timer = setInterval(() => {
      if (!root.isConnected || view.place.step >= steps().length) return stop();
      go(view.place.step + 1);
    }, 1200 / Number(speed.value));
    drawControls();
  }

  function stop() {
    clearInterval(view.timer);
    view.timer = null;
    drawControls();
  }

  function go(step) {
    const target = clamp(step, 1, steps().length);
    if (target === view.place.step) return;
    tip.hide();
    view.place.step = target;
    draw();
    tell();
  }

  function walk(id) {
    if (id === view.place.way) return;
    view.place.way = id;
    view.place.step = clamp(view.place.step, 1, steps().length);
    rebuild();
    tell();
  }

  function follow(candidate) {
    const id = wayTo(view.ways, view.place.way, view.place.step, candidate.id);
    if (view.ways.has(id)) return walk(id);
    if (view.data.offline || view.waiting !== null) return;
    stop();
    view.waiting = candidate.id;
    ask({ kind: "follow", way: view.place.way, step: view.place.step, token: candidate.id });
    draw();
  }

  // Opens the arithmetic of a part of the picture, closes it where it is open already.
  function open(what, position = view.data.source.length - 1) {
    const again = view.open?.what === what && (what !== "encoder" || view.open.position === position);
    view.open = what === null || again ? null : { what, position };
    if (view.open && !view.data.offline && !sumsFor()) askSums();
    drawSums();
    if (view.open) sumsCard.scrollIntoView({ block: "nearest", behavior: still() ? "auto" : "smooth" });
  }

  // The focus goes back to what the arithmetic was opened from.
  function close() {
    const { what, position } = view.open;
    open(null);
    const from = { encoder: `encoder-${position}`, context: "pill", decoder: "cell", attention: "mix", softmax: "softmax" }[what];
    root.querySelector(`[data-focus="${from}"]`)?.focus({ preventScroll: true });
    tip.hide();
  }

  const askSums = () => ask({ kind: "open", way: view.place.way, step: view.place.step, position: view.open.position });
  // The encoder is the same at every step, and so is the lone context; the rest is at every source word.
  const sumsFor = () =>
    view.data.sums?.find(({ way, step, position }) => {
      if (view.open.what === "encoder") return position === view.open.position;
      if (view.open.what === "context" && !view.data.attends) return true;
      return way === view.place.way && step === view.place.step;
    });

  // A question to the server. The page shows that it waits; the answer comes as new data.
  function ask(question, focus) {
    view.focus = focus;
    root.classList.add("waiting");
    clearTimeout(view.telling);
    send?.("ask", { ...question, place: { ...view.place, identity: view.data.identity } });
  }

  // The address and the server follow a moment after the last move, in one message however many keys were pressed.
  function tell() {
    view.place.number += 1;
    if (!send) return;
    clearTimeout(view.telling);
    view.telling = setTimeout(() => {
      writeAddress(view.place);
      view.component.setStateValue("place", { ...view.place, identity: view.data.identity });
    }, 350);
    if (view.open && !view.data.offline && !sumsFor()) {
      clearTimeout(view.asking);
      view.asking = setTimeout(() => view.open && !sumsFor() && askSums(), 400);
    }
  }

  // On the whole page, so that nobody has to click first; but not while someone types or moves a slider.
  function onKey(event) {
    const from = event.composedPath()[0];
    const others = "input, textarea, select, button, a, summary, [contenteditable], [role=button], [role=tab], [role=slider]";
    // A saved page has one button beside the picture, that of the language: arrows mean nothing to it.
    const taken = view.data.offline && event.key !== " " ? "input, textarea, select, .stage" : others;
    const elsewhere = !root.contains(from) && from.closest?.(taken);
    if (elsewhere || event.altKey || event.ctrlKey || event.metaKey) return;
    if (from.matches("input[type=range], select")) return;
    if (event.key === "Escape" && view.open) return close();
    if (event.key === " ") {
      // A word of the sentence was clicked to go there: space goes on playing. By keyboard, Enter presses it.
      if (from.matches("button, input, [role=button]") && !soFar.contains(from)) return;
      event.preventDefault();
      return toggle();
    }
    const target = { ArrowLeft: view.place.step - 1, ArrowRight: view.place.step + 1, Home: 1, End: steps().length }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    stop();
    go(target);
  }

  function drawControls() {
    const { step } = view.place;
    const last = steps().length;
    where.textContent = fill(texts.step, { step, steps: last });
    moves.first.disabled = moves.back.disabled = step === 1;
    moves.forward.disabled = moves.last.disabled = step === last;
    moves.play.replaceChildren(sign(view.timer ? "pause" : "play"), view.timer ? texts.pause : texts.play);
    moves.play.setAttribute("aria-pressed", Boolean(view.timer));
    sliders.k.input.value = view.place.k;
    sliders.k.shown.textContent = view.place.k;
    sliders.temperature.input.value = view.place.temperature;
    sliders.temperature.shown.textContent = view.place.temperature.toFixed(1);
    sliders.temperature.input.setAttribute("aria-valuetext", fill(texts.temperatureSpoken, { value: view.place.temperature.toFixed(1) }));
    sliders.k.input.setAttribute("aria-valuetext", fill(texts.kSpoken, { value: view.place.k }));
  }

  function drawSay() {
    const step = steps()[view.place.step - 1];
    const at = (candidate) => shareOf(candidate, step, view.place.temperature);
    const plain = view.place.temperature === 1;
    const [first, second] = step.candidates;
    const bold = (classes, text) => element("b", classes, text);
    const parts = [sentence(texts.sayReads, { step: view.place.step, input: bold("in", step.input) })];
    if (step.attention) {
      const most = step.attention.indexOf(Math.max(...step.attention));
      const template = most === view.data.source.length - 1 ? texts.sayLooksEnd : texts.sayLooks;
      parts.push(sentence(template, { word: bold("source-word", view.data.source[most].text), share: percent(step.attention[most]) }));
    } else {
      parts.push(view.place.step === 1 ? texts.sayContext : texts.sayAlone);
    }
    if (step.departs) {
      parts.push(sentence(texts.sayGiven, { word: bold("word", step.chosen.token), share: percent(at(step.chosen)), rank: grouped(step.chosen.rank), argmax: bold("", first.token), best: percent(at(first)) }));
    } else {
      parts.push(sentence(texts.sayFinds, { word: bold("word", step.chosen.token), count: grouped(view.data.vocabulary), share: percent(at(step.chosen)) }));
      if (second) {
        const gap = span("explained", `${Math.log(at(first) / at(second)).toFixed(2)} ${texts.nats}`);
        gap.title = texts.aboutNats;
        parts.push(sentence(texts.sayBeats, { second: bold("", second.token), nats: gap }));
      }
    }
    if (!plain) parts.push(fill(texts.sayTemperature, { temperature: view.place.temperature.toFixed(1), share: percent(shareOf(step.chosen, step, 1)) }));
    if (step.chosen.token === "<eos>") parts.push(texts.sayEnd);
    else if (view.place.step === steps().length) parts.push(texts.sayCut);
    // Chinese sentences follow each other without a space.
    say.replaceChildren(...parts.flatMap((part) => [part, texts.between]));
  }

  function drawSums() {
    sumsCard.hidden = !view.open;
    if (!view.open) return;
    const held = root.getRootNode().activeElement;
    const focus = sumsCard.contains(held) ? held.dataset.focus : null;
    drawSumsCard(sumsCard, view.data, view.open, view.place, steps()[view.place.step - 1], sumsFor(), act);
    if (focus) sumsCard.querySelector(`[data-focus="${focus}"]`)?.focus({ preventScroll: true });
  }

  // All that moves with a step.
  function draw() {
    const { step } = view.place;
    view.words.forEach((word, index) => {
      word.className = index + 1 < step ? "written" : index + 1 === step ? "now" : "later";
      word.classList.toggle("given", Boolean(steps()[index].departs));
    });
    if (soFar.scrollHeight > soFar.clientHeight + 4) soFar.scrollTop = view.words[step - 1].offsetTop - soFar.offsetTop - 30;
    view.data.showAttention = shows.showAttention.input.checked;
    view.data.showStates = shows.showStates.input.checked;
    picture.busy(view.waiting);
    picture.draw(view.place);
    drawControls();
    drawSay();
    if (view.open) drawSums();
  }

  // All that depends on the way: run when the way, the sentence or the width changes.
  function rebuild() {
    const held = view.focus ?? root.getRootNode().activeElement?.dataset?.focus;
    view.focus = undefined;
    const width = root.clientWidth - 2;
    if (width < 50) return; // not laid out yet: the observer calls again
    view.width = width;
    soFar.replaceChildren();
    view.words = steps().map((step, index) => {
      const word = element("button", "", step.chosen.token);
      word.dataset.focus = `word-${index}`;
      word.title = fill(texts.step, { step: index + 1, steps: steps().length });
      word.addEventListener("click", () => go(index + 1));
      soFar.append(word);
      return word;
    });
    tip.hide();
    picture.build(view.data, steps(), width);
    drawWays(waysCard, view.ways, view.place, texts, act, view.data.offline, view.data.undo);
    drawCut(cutCard, view.data, act);
    drawSums();
    draw();
    if (held) root.querySelector(`[data-focus="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
    tip.hide(); // the focus came back by itself: nobody pointed at anything
  }

  function speak() {
    root.setAttribute("aria-label", texts.label);
    svg.setAttribute("aria-label", texts.pictureLabel);
    for (const [name, button] of Object.entries(moves)) {
      button.title = texts[name];
      if (name !== "play") button.setAttribute("aria-label", texts[name]);
    }
    moves.play.title = texts.keys;
    speed.setAttribute("aria-label", texts.speed);
    for (const name in sliders) sliders[name].words.textContent = texts[name];
    sliders.temperature.label.title = texts.aboutTemperature;
    sliders.k.label.title = texts.aboutK;
    for (const name in shows) shows[name].words.textContent = texts[name];
    for (const kind in saves) {
      saves[kind].textContent = texts[`save_${kind}`];
      saves[kind].disabled = false;
    }
    takeWords.textContent = texts.take;
    take.hidden = Boolean(view.data.offline);
    shows.showAttention.label.hidden = !view.data.attends;
  }

  function update(component) {
    const { data } = component;
    view.component = component;
    send = data.offline ? null : component.setTriggerValue;
    const same = view.data?.identity === data.identity;
    view.data = data;
    texts = data.texts;
    view.ways = readWays(data.ways);
    view.waiting = null;
    root.classList.remove("waiting");
    // The visitor's place wins, unless the server says to stand elsewhere: another sentence, a link, a new branch.
    // Even then a step stays that is newer than the question which the server answers.
    let newer = false;
    if (!same || view.visit !== data.place.visit || !view.ways.has(view.place.way)) {
      if (!same) stop0();
      const own = view.place;
      newer = same && own.number > data.place.number;
      view.place = { ...data.place, number: Math.max(own?.number ?? 0, data.place.number) };
      if (newer) Object.assign(view.place, { step: own.step, k: own.k, temperature: own.temperature });
    }
    view.visit = data.place.visit;
    if (!view.ways.has(view.place.way)) view.place.way = GREEDY;
    view.place.step = clamp(view.place.step, 1, steps().length);
    note.textContent = data.note ?? "";
    speak();
    rebuild();
    writeAddress0();
    if (newer) tell();
    if (data.file && view.file !== data.file.id) {
      view.file = data.file.id;
      saveFile(data.file);
    }
  }
  const stop0 = () => (clearInterval(view.timer), (view.timer = null));
  const writeAddress0 = () => view.component.setStateValue && !view.data.offline && writeAddress(view.place);

  const watcher = new ResizeObserver(() => view.data && Math.abs(root.clientWidth - 2 - (view.width ?? 0)) > 1 && rebuild());
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const recolour = () => view.data && rebuild();
  return {
    update(component) {
      update(component);
      document.addEventListener("keydown", onKey);
      scheme.addEventListener("change", recolour);
      watcher.observe(root);
    },
    rest() {
      document.removeEventListener("keydown", onKey);
      scheme.removeEventListener("change", recolour);
      watcher.disconnect();
    },
  };
}

// The address says where one stands, letter for letter as the server will write it, so that the browser's history
// gets an entry for a new branch but none for a step: Back undoes a branch.
function writeAddress(place) {
  let query = location.search;
  const defaults = { step: null, k: 10, temperature: 1, way: GREEDY };
  for (const key in defaults) {
    const pattern = new RegExp(`([?&])${key}=[^&]*`);
    const value = String(place[key]);
    if (pattern.test(query)) query = query.replace(pattern, `$1${key}=${value}`);
    else if (place[key] !== defaults[key]) query += `${query ? "&" : "?"}${key}=${value}`;
  }
  if (query !== location.search) history.replaceState(history.state, "", location.pathname + query + location.hash);
}
