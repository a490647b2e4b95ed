// One training step on a small batch, stage by stage. Everything is in the data: moving costs no trip to the server.
const STAGES = ["sentences", "ids", "encoder", "decoder", "loss", "gradients", "update"];
const PLAY_MS = 2600;

function number(value, digits = 4) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 0.001 && size < 10000 ? String(Number(value.toPrecision(digits))) : value.toExponential(2);
}

const written = (sizes) => `(${sizes.join(", ")})`;

export default function ({ data, parentElement }) {
  const host = parentElement.querySelector(".slow");
  const { texts, shown } = data;
  let state = instances.get(host);
  if (!state || state.identity !== data.identity) {
    if (state) clearInterval(state.timer);
    state = { identity: data.identity, stage: state ? state.stage : 0, lane: state ? state.lane : "coin", t: 0, timer: null };
    instances.set(host, state);
  }
  const length = shown.target_in[0].length;

  host.replaceChildren();
  const bar = element("div", "stages");
  const moves = makeMoves(texts, {
    play: () => (state.timer ? halt() : start()),
    back: () => { halt(); move(-1); },
    forward: () => { halt(); move(1); },
  });
  const names = STAGES.map((stage, index) => {
    const button = element("button", "stage", `${index + 1} ${texts[stage]}`);
    button.addEventListener("click", () => { halt(); go(index); });
    return button;
  });
  bar.append(...moves.buttons, ...names);
  const say = element("p", "say");
  const panel = element("div", "panel");
  host.append(bar, say, panel);

  // Within the decoder a move is a word, elsewhere a stage.
  function move(by) {
    const inDecoder = STAGES[state.stage] === "decoder";
    if (inDecoder && state.t + by >= 0 && state.t + by < length) {
      state.t += by;
      return draw();
    }
    const next = state.stage + by;
    if (next < 0 || next >= STAGES.length) return undefined;
    state.t = STAGES[next] === "decoder" && by < 0 ? length - 1 : 0;
    return go(next);
  }

  function go(stage) {
    state.stage = stage;
    draw();
  }

  function start() {
    if (state.stage === STAGES.length - 1) Object.assign(state, { stage: 0, t: 0 });
    state.timer = setInterval(() => {
      if (state.stage === STAGES.length - 1) return halt();
      return move(1);
    }, PLAY_MS);
    draw();
  }

  function halt() {
    clearInterval(state.timer);
    state.timer = null;
    draw();
  }

  function word(item, className = "") {
    const special = item.text === "<pad>" ? "pad" : item.text === "<unk>" ? "unknown" : "";
    const cell = element("td", `${className} ${special}`);
    cell.append(element("span", "text", item.text));
    if (item.id !== undefined) cell.append(element("span", "id", String(item.id)));
    return cell;
  }

  // A grid: a row for each sentence.
  function grid(title, rows, side) {
    const box = element("div", `grid ${side}`);
    box.append(element("h4", "", title));
    const scroll = element("div", "scroll");
    const table = element("table");
    for (const cells of rows) table.insertRow().append(...cells);
    scroll.append(table);
    box.append(scroll);
    return box;
  }

  const draws = {
    sentences() {
      const table = element("table", "pairs");
      for (const [source, target] of shown.pairs) {
        const row = table.insertRow();
        row.append(element("td", "from", source), element("td", "mute", "→"), element("td", "to", target));
      }
      panel.append(table);
    },
    ids() {
      const { parts } = shown;
      panel.append(
        grid(fill(texts.sourceIds, { shape: written(parts.source) }), shown.source.map((row) => row.map((item) => word(item))), "encoder"),
        grid(fill(texts.targetIn, { shape: written(parts.target) }), shown.target_in.map((row) => row.map((item) => word(item))), "decoder"),
        grid(fill(texts.targetOut, { shape: written(parts.target) }), shown.target_out.map((row) => row.map((item) => word(item))), "chosen"),
      );
    },
    encoder() {
      const { parts } = shown;
      const most = Math.max(...shown.encoder.flat().filter((value) => value !== null));
      const rows = shown.source.map((row, index) => row.map((item, column) => {
        const value = shown.encoder[index][column];
        const cell = word({ text: item.text });
        if (value !== null) {
          cell.append(element("span", "id", String(value)));
          cell.style.background = `color-mix(in srgb, var(--encoder) ${8 + (55 * value) / most}%, transparent)`;
        }
        return cell;
      }));
      panel.append(grid(fill(texts.encoderShapes, { embedded: written(parts.embedded), outputs: written(parts.outputs) }), rows, "encoder"));
      const context = element("div", "grid context");
      context.append(element("h4", "", fill(texts.contextShape, { shape: written(parts.context) })));
      const top = Math.max(...shown.context.flat().map(Math.abs));
      shown.context.forEach((numbers, index) => {
        const line = element("div", "strip");
        line.title = shown.pairs[index][0];
        for (const value of numbers) {
          const tick = element("i");
          tick.style.background = `color-mix(in srgb, ${value < 0 ? "var(--encoder)" : "var(--context)"} ${(100 * Math.abs(value)) / top}%, transparent)`;
          tick.title = String(value);
          line.append(tick);
        }
        context.append(line);
      });
      panel.append(context);
    },
    decoder() {
      panel.append(lanes());
      const lane = shown.lanes.find((one) => one.name === state.lane);
      const controls = element("div", "steps");
      const slider = element("input");
      Object.assign(slider, { type: "range", min: 0, max: length - 1, value: state.t });
      slider.setAttribute("aria-label", texts.step);
      slider.addEventListener("input", () => { state.t = Number(slider.value); halt(); });
      controls.append(element("b", "", fill(texts.stepOf, { step: state.t + 1, steps: length })), slider);
      controls.append(element("span", `fed ${lane.forced[state.t] || state.t === 0 ? "true" : "own"}`, state.t === 0 ? texts.start : lane.forced[state.t] ? texts.fedTrue : texts.fedOwn));
      panel.append(controls);
      const table = element("table", "steps");
      const head = table.createTHead().insertRow();
      for (const key of ["sentence", "fed", "guess", "true", "loss"]) head.append(element("th", "", texts[key]));
      const body = table.createTBody();
      lane.places.forEach((places, index) => {
        const place = places[state.t];
        const row = body.insertRow();
        row.append(element("td", "from", shown.pairs[index][0]));
        if (place.loss === null) {
          const cell = element("td", "mute", texts.padded);
          cell.colSpan = 4;
          row.append(cell);
          return;
        }
        const target = shown.target_out[index][state.t];
        row.append(word({ text: place.fed }, "fed"));
        const guess = element("td");
        guess.append(element("b", place.guess === target.text ? "right" : "wrong", place.guess), ` ${roughly(place.guess_probability)}`);
        const truth = element("td");
        truth.append(element("b", "", target.text), ` ${roughly(place.probability)}`);
        row.append(guess, truth, element("td", "", `−ln ${number(place.probability, 2)} = ${place.loss.toFixed(2)}`));
      });
      const scroll = element("div", "scroll");
      scroll.append(table);
      panel.append(scroll);
    },
    loss() {
      panel.append(lanes());
      const lane = shown.lanes.find((one) => one.name === state.lane);
      const most = Math.max(1, ...lane.places.flat().map((place) => place.loss || 0));
      const rows = lane.places.map((places, index) => places.map((place, t) => {
        const cell = word({ text: shown.target_out[index][t].text });
        if (place.loss !== null) {
          cell.append(element("span", "id", place.loss.toFixed(2)));
          cell.style.background = `color-mix(in srgb, var(--context) ${(70 * place.loss) / most}%, transparent)`;
          cell.title = fill(texts.read, { word: place.fed });
          if (t && !lane.forced[t]) cell.classList.add("own");
        }
        return cell;
      }));
      panel.append(grid(texts.lossGrid, rows, "context"));
      const sum = lane.places.flat().reduce((total, place) => total + (place.loss || 0), 0);
      panel.append(element("p", "sum", fill(texts.mean, { sum: sum.toFixed(2), words: shown.words, mean: lane.loss.toFixed(3), padding: shown.padding })));
      if (shown.smoothing && state.lane === "coin") panel.append(element("p", "mute", fill(texts.smoothing, { share: shown.smoothing, loss: shown.smoothed_loss.toFixed(3) })));
    },
    gradients() {
      panel.append(bars(shown.layers.map((layer) => [layer, layer.gradient, number(layer.gradient)])));
      const factor = Math.min(1, shown.clip / shown.norm);
      panel.append(element("p", "sum", fill(factor < 1 ? texts.cut : texts.notCut, { norm: number(shown.norm), clip: number(shown.clip), factor: number(factor) })));
    },
    update() {
      panel.append(bars(shown.layers.map((layer) => {
        const share = layer.weight ? layer.update / layer.weight : 0;
        return [layer, share, share ? percent4(share) : "0"];
      })));
      const one = shown.number;
      const lines = [
        fill(texts.one, { name: one.name, word: one.word }),
        `g = ${number(one.gradient)}`,
        `m = 0.9 m + 0.1 g = ${number(one.m)}    m̂ = ${number(one.m_hat)}`,
        `v = 0.999 v + 0.001 g² = ${number(one.v)}    v̂ = ${number(one.v_hat)}`,
        `Δ = −${number(shown.learning_rate)} · m̂ / (√v̂ + 10⁻⁸) = ${number(one.change)}`,
        `${number(one.before, 6)} → ${number(one.after, 6)}`,
      ];
      const sums = element("pre", "sums");
      sums.textContent = lines.join("\n");
      panel.append(sums);
      const before = shown.lanes.find((lane) => lane.name === "coin").loss;
      panel.append(element("p", "sum", fill(texts.after, { before: before.toFixed(3), after: shown.loss_after.toFixed(3) })));
      if (!shown.remembers) panel.append(element("p", "mute", texts.fresh));
      if (shown.resting) panel.append(element("p", "mute", fill(texts.resting, { rate: number(shown.learning_rate) })));
    },
  };

  const percent4 = (share) => `${(100 * share).toPrecision(2)}%`;

  function lanes() {
    const box = element("div", "lanes");
    for (const { name, loss } of shown.lanes) {
      const button = element("button", name === state.lane ? "lane now" : "lane");
      button.append(element("b", "", texts[`${name}Lane`]), element("span", "mute", fill(texts.laneLoss, { loss: loss.toFixed(2) })));
      button.title = fill(texts[`${name}Help`], { share: roughly(shown.teacher_forcing) });
      button.setAttribute("aria-pressed", String(name === state.lane));
      button.addEventListener("click", () => { state.lane = name; draw(); });
      box.append(button);
    }
    return box;
  }

  function bars(rows) {
    const box = element("div", "bars");
    const most = Math.max(...rows.map(([, value]) => value)) || 1;
    for (const [layer, value, text] of rows) {
      const bar = element("div", `bar ${layer.name.startsWith("encoder") ? "encoder" : layer.name.includes("attention") ? "attention" : "decoder"}`);
      const rail = element("div", "rail");
      const inside = element("i");
      inside.style.width = `${(100 * value) / most}%`;
      rail.append(inside);
      bar.append(element("span", "name", layer.name), element("span", "mute", written(layer.shape)), rail, element("span", "share", text));
      box.append(bar);
    }
    return box;
  }

  function draw() {
    const stage = STAGES[state.stage];
    moves.draw(Boolean(state.timer), state.stage === 0, state.stage === STAGES.length - 1);
    names.forEach((button, index) => {
      button.classList.toggle("now", index === state.stage);
      button.setAttribute("aria-current", index === state.stage ? "step" : "false");
    });
    say.textContent = texts[`${stage}Say`];
    panel.replaceChildren();
    draws[stage]();
  }
  draw();
  return () => { clearInterval(state.timer); state.timer = null; };
}
