// The curves of a run, drawn from buckets [step, mean, least, greatest] and a row an epoch. Zoom, what is hidden and
// what is shown in addition belong to the viewer: they stay while new data comes.
const LEFT = 46, RIGHT = 12, GAP = 8;
const HEIGHTS = { loss: 250, bleu: 96, extra: 74 };
const EXTRAS = ["learning_rate", "gradient_norm", "tokens_per_second"];

function number(value) {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size >= 10) return value.toFixed(1).replace(/\.0$/, "");
  if (size >= 0.01 || size === 0) return value.toFixed(size >= 1 ? 2 : 3).replace(/\.?0+$/, "") || "0";
  return size >= 0.0001 ? String(Number(value.toPrecision(2))) : value.toExponential(1);
}

// About `count` round values from low to high.
function ticks(low, high, count) {
  const span = high - low || 1;
  const raw = span / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) || 10);
  const made = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) made.push(value);
  return made;
}

export default function (component) {
  const host = component.parentElement.querySelector(".curves");
  const { data } = component;
  const fresh = { zoom: null, hidden: new Set(), extra: new Set(), pointer: null, drag: null };
  const state = viewOf(host, "curves", data.run, fresh, ["zoom", "hidden", "extra"]);
  return whenReleased(host, state, () => show(data, host, state));
}

function show(data, host, state) {
  const { texts, per_epoch: perEpoch, epochs, best } = data;
  const at = (step) => step / perEpoch;

  // What can be drawn in the upper picture: key -> points [x, y].
  const lines = [
    { key: "train", points: data.curves.loss.map(([step, mean]) => [at(step), mean]), band: true },
    { key: "plain", points: epochs.filter((row) => row.plain !== null).map((row) => [row.epoch, row.plain]), dots: true },
    { key: "free", points: epochs.filter((row) => row.free !== null).map((row) => [row.epoch, row.free]), dots: true },
    { key: "valid", points: epochs.map((row) => [row.epoch, row.valid]), dots: true },
  ].filter((line) => line.key === "train" || line.key === "valid" || line.points.length);

  host.replaceChildren();
  const legend = element("div", "legend");
  for (const { key } of lines) legend.append(toggle(key, !state.hidden.has(key), () => flip(state.hidden, key)));
  const reset = element("button", "reset", texts.reset);
  reset.addEventListener("click", () => { state.zoom = null; draw(); });
  legend.append(reset);
  const canvas = element("div", "canvas");
  const tip = element("div", "tip");
  const note = element("p", "note");
  const more = element("div", "legend extras");
  more.append(element("span", "mute", texts.also));
  for (const key of EXTRAS) {
    if (data.curves[key].length) more.append(toggle(key, state.extra.has(key), () => flip(state.extra, key)));
  }
  host.append(legend, canvas, more, note);

  function toggle(key, on, act) {
    const button = element("button", `toggle ${key}`);
    button.append(element("i"), element("span", "", texts[key]));
    button.title = texts[`${key}Help`];
    button.setAttribute("aria-pressed", String(on));
    button.addEventListener("click", () => {
      act();
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      draw();
    });
    return button;
  }

  function flip(set, key) {
    if (!set.delete(key)) set.add(key);
  }

  let scale = null; // of the last drawing: what the pointer needs

  function draw() {
    const width = Math.max(280, canvas.clientWidth || host.clientWidth || 600);
    const [from, to] = state.zoom || [0, data.total + Math.min(0.5, 0.03 * data.total)];
    const x = (epoch) => LEFT + ((epoch - from) / (to - from)) * (width - LEFT - RIGHT);
    const rows = [["loss", HEIGHTS.loss], ["bleu", HEIGHTS.bleu], ...EXTRAS.filter((key) => state.extra.has(key) && data.curves[key].length).map((key) => [key, HEIGHTS.extra])];
    const height = rows.reduce((sum, [, size]) => sum + size + GAP, 22);
    const svg = shape(null, "svg", { width, height, role: "img", "aria-label": texts.label });
    const clip = shape(shape(svg, "defs", {}), "clipPath", { id: "plot" });
    shape(clip, "rect", { x: LEFT, y: 0, width: width - LEFT - RIGHT, height });
    let top = 0;
    for (const [kind, size] of rows) {
      const area = { top: top + 14, bottom: top + size, x, from, to, width };
      if (kind === "loss") drawLoss(svg, area);
      else if (kind === "bleu") drawBleu(svg, area);
      else drawExtra(svg, area, kind);
      top += size + GAP;
    }
    for (const value of ticks(from, to, Math.max(1, Math.min(12, width / 55, state.zoom ? 12 : data.total)))) {
      shape(svg, "text", { x: x(value), y: top + 8, class: "tick middle" }, number(value));
    }
    shape(svg, "text", { x: LEFT - 12, y: top + 8, class: "tick end" }, texts.epoch);
    const bottom = top - GAP;
    const inside = shape(svg, "g", { "clip-path": "url(#plot)" });
    const names = [];
    for (const change of data.changes) {
      const mark = shape(inside, "g", { class: "change" });
      shape(mark, "line", { x1: x(at(change.at)), x2: x(at(change.at)), y1: 8, y2: bottom });
      if (change.at / perEpoch < from || change.at / perEpoch > to) continue;
      names.push([x(at(change.at)), shape(mark, "text", {}, fill(texts[`${change.what}Change`], { from: number(change.from), to: number(change.to) }))]);
    }
    if (best) {
      shape(inside, "line", { x1: x(best), x2: x(best), y1: 12, y2: HEIGHTS.loss + GAP + HEIGHTS.bleu, class: "best" });
      shape(inside, "text", { x: x(best) + (x(best) > width - 150 ? -5 : 5), y: 22, class: `best ${x(best) > width - 150 ? "end" : ""}` }, fill(texts.best, { epoch: best }));
    }
    const cursor = shape(inside, "g", { class: "cursor" });
    const hover = shape(inside, "g", { class: "hover" });
    canvas.replaceChildren(svg, tip);
    stagger(names, width);
    reset.style.visibility = state.zoom ? "visible" : "hidden";
    note.textContent = overfit() ? fill(texts.overfitNote, { epoch: best }) : "";
    scale = { x, from, to, width, bottom, cursor, hover };
    drawCursor();
    drawHover();
  }

  // Names of changes that lie side by side: right of their line or, where the picture ends, left of it, and each in the
  // first row that has room for it.
  function stagger(names, width) {
    const rows = [];
    for (const [place, text] of names.sort(([a], [b]) => a - b)) {
      const long = text.getComputedTextLength() || text.textContent.length * 7;
      const start = place + 3 + long <= width - RIGHT ? place + 3 : Math.max(LEFT + 2, place - 3 - long);
      let row = rows.findIndex((taken) => taken.every(([low, high]) => start + long + 6 < low || start > high + 6));
      if (row < 0) row = rows.push([]) - 1;
      rows[row].push([start, start + long]);
      text.setAttribute("x", start);
      text.setAttribute("y", HEIGHTS.loss + GAP + 4 + 14 * row);
    }
  }

  // From the best epoch on, if since then unseen sentences got worse by more than 1% (as in core.scoring.overfits) and
  // those it learns from better.
  function overfit() {
    const start = epochs.find((row) => row.epoch === best), end = epochs[epochs.length - 1];
    if (!start || !end || end.epoch <= best || end.valid <= 1.01 * start.valid) return null;
    const learnt = (row) => (row.plain !== null ? row.plain : row.train);
    return learnt(end) < learnt(start) ? [best, end.epoch] : null;
  }

  function axis(svg, area, low, high, count, title) {
    const y = (value) => area.bottom - ((value - low) / (high - low || 1)) * (area.bottom - area.top);
    for (const value of ticks(low, high, count)) {
      shape(svg, "line", { x1: LEFT, x2: area.width - RIGHT, y1: y(value), y2: y(value), class: "grid" });
      shape(svg, "text", { x: LEFT - 6, y: y(value) + 4, class: "tick end" }, number(value));
    }
    if (title) shape(svg, "text", { x: LEFT + 4, y: area.top - 3, class: "tick" }, title);
    return y;
  }

  function path(points, x, y) {
    return points.map(([at, value], index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  }

  function drawLoss(svg, area) {
    const shown = lines.filter((line) => !state.hidden.has(line.key));
    const margin = (area.to - area.from) * 0.02;
    const values = shown.flatMap((line) => line.points.filter(([at]) => at >= area.from - margin && at <= area.to + margin).map(([, value]) => value));
    let low = Math.min(...values), high = Math.max(...values);
    if (!values.length) [low, high] = [0, 10];
    const pad = (high - low) * 0.06 || 0.5;
    const y = axis(svg, area, Math.max(0, low - pad), high + pad, 5, texts.nats);
    const inside = shape(svg, "g", { "clip-path": "url(#plot)" });
    const region = overfit();
    if (region) {
      const [left, right] = region.map(area.x);
      const block = shape(inside, "g", { class: "overfit" });
      shape(block, "rect", { x: left, y: area.top, width: Math.max(1, right - left), height: area.bottom - area.top });
      shape(block, "text", { x: left + 6, y: area.bottom - 8 }, right - left > 70 ? texts.overfit : "");
      shape(block, "title", {}, fill(texts.overfitNote, { epoch: best }));
    }
    const keep = (value) => Math.max(low - 9 * pad, Math.min(high + 9 * pad, value));
    for (const line of shown) {
      const group = shape(inside, "g", { class: `line ${line.key}` });
      if (line.band && data.curves.loss.length > 1) {
        const rows = data.curves.loss;
        const upper = rows.map(([step, , , most]) => [at(step), keep(most)]);
        const lower = rows.map(([step, , least]) => [at(step), keep(least)]).reverse();
        shape(group, "path", { d: `${path([...upper, ...lower], area.x, y)}Z`, class: "band" });
        shape(group, "path", { d: path(smooth(line.points), area.x, y), class: "stroke" });
      } else shape(group, "path", { d: path(line.points, area.x, y), class: "stroke" });
      if (line.dots) for (const [at, value] of line.points) shape(group, "circle", { cx: area.x(at), cy: y(value), r: line.points.length > 60 ? 1.5 : 3.2 });
    }
  }

  // Batches of long sentences lose more a word than batches of short ones: the mean of the neighbours shows the trend.
  function smooth(points) {
    const reach = Math.max(2, Math.round(points.length / 60));
    const sums = [0];
    for (const [, value] of points) sums.push(sums[sums.length - 1] + value);
    return points.map(([at], i) => {
      const low = Math.max(0, i - reach), high = Math.min(points.length, i + reach + 1);
      return [at, (sums[high] - sums[low]) / (high - low)];
    });
  }

  function drawBleu(svg, area) {
    const high = Math.max(5, ...epochs.map((row) => row.bleu)) * 1.15;
    const y = axis(svg, area, 0, high, 3, texts.bleu);
    const inside = shape(svg, "g", { "clip-path": "url(#plot)" });
    const size = Math.max(2, Math.min(20, (area.x(1) - area.x(0)) * 0.6));
    for (const row of epochs) {
      shape(inside, "rect", { x: area.x(row.epoch) - size / 2, y: y(row.bleu), width: size, height: Math.max(0.5, area.bottom - y(row.bleu)), class: row.epoch === best ? "bleu top" : "bleu" });
    }
  }

  function drawExtra(svg, area, key) {
    const rows = data.curves[key].filter(([step]) => at(step) >= area.from && at(step) <= area.to);
    const means = rows.map(([, mean]) => mean);
    const high = (Math.max(...means) || 1) * 1.1;
    const y = axis(svg, area, 0, high, 3, texts[key]);
    const inside = shape(svg, "g", { "clip-path": "url(#plot)", class: "line extra" });
    shape(inside, "path", { d: path(rows.map(([step, mean]) => [at(step), mean]), area.x, y), class: "stroke" });
  }

  function drawCursor() {
    if (!scale) return;
    scale.cursor.replaceChildren();
    const moment = window.seq2seqMoment;
    if (!moment || moment.run !== data.run) return;
    const place = scale.x(moment.epoch);
    shape(scale.cursor, "line", { x1: place, x2: place, y1: 4, y2: scale.bottom });
    shape(scale.cursor, "path", { d: `M${place - 6} 2h12l-6 8z` });
  }

  function drawHover() {
    if (!scale) return;
    scale.hover.replaceChildren();
    tip.style.display = "none";
    const place = state.pointer;
    if (state.drag !== null && place !== null) {
      const [left, right] = [state.drag, place].sort((a, b) => a - b);
      shape(scale.hover, "rect", { x: left, y: 4, width: right - left, height: scale.bottom, class: "selection" });
      if (right - left > 6) return;
    }
    if (place === null) return;
    const epoch = scale.from + ((place - LEFT) / (scale.width - LEFT - RIGHT)) * (scale.to - scale.from);
    shape(scale.hover, "line", { x1: place, x2: place, y1: 12, y2: scale.bottom });
    const rows = data.curves.loss;
    const nearest = (list, distance) => list.reduce((found, row) => (found === null || distance(row) < distance(found) ? row : found), null);
    const step = nearest(rows, ([step]) => Math.abs(at(step) - epoch));
    const ended = nearest(epochs, (row) => Math.abs(row.epoch - epoch));
    tip.replaceChildren();
    if (step && Math.abs(at(step[0]) - epoch) < (scale.to - scale.from) / 20) {
      tip.append(element("b", "", fill(texts.step, { step: step[0].toLocaleString("en") })));
      tip.append(fact("train", texts.train, step[1]));
      for (const key of state.extra) {
        const row = nearest(data.curves[key], ([step]) => Math.abs(at(step) - epoch));
        if (row) tip.append(fact("extra", texts[key], row[1]));
      }
    }
    if (ended && Math.abs(ended.epoch - epoch) < Math.max(0.5, (scale.to - scale.from) / 40)) {
      tip.append(element("b", "", fill(texts.after, { epoch: ended.epoch })));
      for (const key of ["plain", "valid", "free", "bleu"]) if (ended[key] !== null) tip.append(fact(key, texts[key], ended[key]));
    }
    for (const change of data.changes) {
      if (Math.abs(scale.x(at(change.at)) - place) < 8) tip.append(element("div", "", fill(texts[`${change.what}Change`], { from: number(change.from), to: number(change.to) })));
    }
    if (!tip.childElementCount) return;
    tip.style.display = "block";
    tip.style.left = `${Math.min(place + 14, scale.width - tip.offsetWidth - 4)}px`;
    if (place + 14 + tip.offsetWidth > scale.width) tip.style.left = `${place - tip.offsetWidth - 14}px`;
  }

  function fact(key, name, value) {
    const line = element("div", `fact ${key}`);
    line.append(element("i"), element("span", "", name), element("em", "", number(value)));
    return line;
  }

  const inPlot = (event) => {
    const place = event.clientX - canvas.getBoundingClientRect().left;
    return scale && place >= LEFT - 4 && place <= scale.width - RIGHT + 4 ? Math.max(LEFT, Math.min(scale.width - RIGHT, place)) : null;
  };
  const epochAt = (place) => scale.from + ((place - LEFT) / (scale.width - LEFT - RIGHT)) * (scale.to - scale.from);
  canvas.onpointermove = (event) => { state.pointer = inPlot(event); drawHover(); };
  canvas.onpointerleave = () => { state.pointer = null; state.drag = null; drawHover(); };
  canvas.onpointerdown = (event) => { state.drag = inPlot(event); event.preventDefault(); };
  canvas.onpointerup = (event) => {
    const [start, end] = [state.drag, inPlot(event)];
    state.drag = null;
    if (start === null || end === null) return;
    if (Math.abs(end - start) > 6) {
      state.zoom = [start, end].map(epochAt).sort((a, b) => a - b);
      draw();
    } else document.dispatchEvent(new CustomEvent(MOMENT, { detail: { run: data.run, epoch: epochAt(end), by: "curves" } }));
  };
  canvas.ondblclick = () => { state.zoom = null; draw(); };
  const onMoment = () => drawCursor();
  document.addEventListener(MOMENT, onMoment);
  const resized = new ResizeObserver(() => { if (scale && canvas.clientWidth && Math.abs(canvas.clientWidth - scale.width) > 2) draw(); });
  resized.observe(canvas);
  draw();
  return () => {
    document.removeEventListener(MOMENT, onMoment);
    resized.disconnect();
  };
}
