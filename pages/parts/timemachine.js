// The pinned sentences at each moment of a run. Moving through time and through a sentence's words costs no trip to the
// server; only another sentence's details are asked for.
const PLAY_MS = 650;

export default function ({ data, parentElement, setStateValue }) {
  const host = parentElement.querySelector(".machine");
  const fresh = { place: data.frames.length - 1, follow: true, chosen: data.chosen, step: 0, timer: null, moment: null };
  const state = viewOf(host, "machine", data.run, fresh, ["follow", "step", "moment"]);
  return whenReleased(host, state, () => show(data, host, state, setStateValue));
}

function show(data, host, state, setStateValue) {
  const { frames, sentences, texts, traces } = data;
  if (!sentences.includes(state.chosen)) state.chosen = data.chosen;
  // New frames may thin out the old ones: stay at the same moment, or at the newest if there.
  if (state.follow || state.moment === null) state.place = frames.length - 1;
  else state.place = nearest(state.moment);

  function nearest(epoch) {
    let found = 0;
    frames.forEach((frame, index) => { if (Math.abs(frame.epoch - epoch) < Math.abs(frames[found].epoch - epoch)) found = index; });
    return found;
  }

  host.replaceChildren();
  const controls = element("div", "controls");
  const moves = makeMoves(texts, {
    play: () => (state.timer ? halt() : start()),
    back: () => { halt(); go(state.place - 1); },
    forward: () => { halt(); go(state.place + 1); },
  });
  const slider = element("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = frames.length - 1;
  slider.setAttribute("aria-label", texts.slider);
  const where = element("b", "where");
  controls.append(...moves.buttons, slider, where);
  const table = element("table");
  const detail = element("div", "detail");
  host.append(controls, table, detail);

  slider.addEventListener("input", () => { halt(); go(Number(slider.value)); });

  function start() {
    if (state.place === frames.length - 1) go(0);
    state.timer = setInterval(() => {
      // The function has run again with newer frames since: the newest one's `go` counts.
      if (state.place >= state.last) return state.halt();
      state.go(state.place + 1);
    }, PLAY_MS);
    drawPlay();
  }

  function halt() {
    clearInterval(state.timer);
    state.timer = null;
    drawPlay();
  }

  const drawPlay = () => moves.draw(Boolean(state.timer), state.place === 0, state.place === frames.length - 1);

  function go(place) {
    state.place = Math.max(0, Math.min(frames.length - 1, place));
    state.follow = state.place === frames.length - 1;
    draw();
  }

  // What stood at this moment, or, where a sentence was not translated then, at the last one before it.
  function at(list, place) {
    for (let index = place; index >= 0; index--) if (list && list[index]) return list[index];
    return null;
  }

  function momentName(frame) {
    if (frame.epoch === 0) return texts.before;
    if (Number.isInteger(frame.epoch)) return fill(texts.epoch, { epoch: frame.epoch });
    return fill(texts.within, { epoch: Math.floor(frame.epoch) + 1, step: frame.step.toLocaleString() });
  }

  function draw() {
    const frame = frames[state.place];
    state.moment = frame.epoch;
    slider.value = state.place;
    where.textContent = momentName(frame);
    drawPlay();
    drawTable();
    drawDetail();
    window.seq2seqMoment = { run: data.run, epoch: frame.epoch };
    document.dispatchEvent(new CustomEvent(MOMENT, { detail: { run: data.run, epoch: frame.epoch, by: "machine" } }));
  }

  function drawTable() {
    table.replaceChildren();
    sentences.forEach((source, index) => {
      const row = table.insertRow();
      row.className = source === state.chosen ? "chosen" : "";
      const pick = element("button", "source", source);
      pick.title = texts.pick;
      pick.setAttribute("aria-pressed", String(source === state.chosen));
      pick.addEventListener("click", choose);
      row.insertCell().append(pick);
      const cell = row.insertCell();
      cell.className = "target";
      cell.addEventListener("click", choose);
      const text = at(data.rows[index], state.place);
      const old = state.place > 0 ? at(data.rows[index], state.place - 1) : null;
      const known = old === null ? null : new Set(old.split(" "));
      const words = text === null ? [] : text.split(" ");
      words.slice(0, 24).forEach((word, number) => {
        if (number) cell.append(" ");
        const span = element("span", known && !known.has(word) ? "new" : "");
        // Punctuation may stand right beside it.
        for (const part of word.split(/(<unk>)/)) if (part) span.append(part === "<unk>" ? unknown(element("span", "", part)) : part);
        cell.append(span);
      });
      if (words.length > 24) cell.append(" …");
      if (text === null) cell.append(element("span", "mute", "–"));
      function choose() {
        if (source === state.chosen) return;
        Object.assign(state, { chosen: source, step: 0 });
        setStateValue("chosen", source);
        draw();
      }
    });
  }

  function word(text, className = "token") {
    const node = element("span", className, text);
    return text === "<unk>" ? unknown(node) : node;
  }

  function unknown(node) {
    node.classList.add("unknown");
    node.title = texts.unknown;
    return node;
  }

  function drawDetail() {
    detail.replaceChildren();
    const head = element("div", "head");
    const link = element("a", "", texts.decoder);
    link.href = data.decoder + encodeURIComponent(state.chosen);
    link.target = "_self";
    head.append(element("b", "", state.chosen), link);
    detail.append(head);
    const trace = state.chosen === data.chosen ? at(traces, state.place) : null;
    if (!trace) {
      detail.append(element("p", "mute", state.chosen === data.chosen ? texts.none : "…"));
      return;
    }
    const { source, top, attention } = trace;
    state.step = Math.min(state.step, top.length - 1);
    const strip = element("div", "strip");
    top.forEach((candidates, index) => {
      const [text, share] = candidates[0];
      const button = element("button", index === state.step ? "now" : "");
      button.append(word(text, "written"));
      const rail = element("i");
      rail.style.width = roughly(share).replace("<", "");
      rail.className = share >= 0.5 ? "" : share >= 0.2 ? "half" : "low";
      button.append(rail);
      button.title = fill(texts.sure, { word: text, share: roughly(share) });
      button.addEventListener("click", () => { state.step = index; drawDetail(); });
      strip.append(button);
    });
    detail.append(strip);

    const bars = element("div", "bars");
    bars.append(element("h4", "", fill(texts.top, { step: state.step + 1 })));
    top[state.step].forEach(([text, share], index) => {
      const bar = element("div", index ? "bar" : "bar first");
      const rail = element("div", "rail");
      const inside = element("i");
      inside.style.width = `${Math.max(0.5, 100 * share)}%`;
      rail.append(inside);
      bar.append(word(text, "name"), rail, element("span", "share", roughly(share)));
      bars.append(bar);
    });
    const looks = element("div", "looks");
    looks.append(element("h4", "", texts.attention));
    if (!attention[state.step]) looks.append(element("p", "mute", texts.noAttention));
    else {
      // Columns as wide as their words would leave the picture's end out of sight.
      const letters = source.reduce((sum, [text]) => sum + text.length * (/[\u2e80-\uffff]/.test(text) ? 2 : 1), 0);
      const heat = element("table", letters + 2 * source.length > 44 ? "heat tall" : "heat");
      const top_row = heat.createTHead().insertRow();
      top_row.append(element("th"));
      source.forEach(([text, known]) => {
        const cell = element("th");
        cell.append(element("span", known ? "token" : "token unknown", text));
        if (!known) cell.title = texts.unknown;
        top_row.append(cell);
      });
      const body = heat.createTBody();
      attention.forEach((weights, index) => {
        const row = body.insertRow();
        row.className = index === state.step ? "now" : "";
        row.addEventListener("click", () => { state.step = index; drawDetail(); });
        row.append(element("th", "", top[index][0][0]));
        weights.forEach((weight, column) => {
          const cell = row.insertCell();
          cell.style.background = `color-mix(in srgb, var(--attention) ${3 + 0.95 * weight}%, transparent)`;
          cell.title = `${top[index][0][0]} ← ${source[column][0]}: ${weight}%`;
        });
      });
      const scroll = element("div", "scroll");
      scroll.append(heat);
      looks.append(scroll);
    }
    const both = element("div", "both");
    both.append(bars, looks);
    detail.append(both);
  }

  function onMoment(event) {
    if (event.detail.by !== "curves" || event.detail.run !== data.run) return;
    halt();
    go(nearest(event.detail.epoch));
  }
  document.addEventListener(MOMENT, onMoment);
  Object.assign(state, { go, halt, last: frames.length - 1 });
  draw();
  return () => document.removeEventListener(MOMENT, onMoment);
}
